"""The two formats: how a model is written as bytes that hold neither time nor place, and run again."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reprise.export.deployed import Deployed

OPSET = 20
Format = Literal["onnx", "torch"]
Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def to_bytes(form: Format, module: Deployed, sample: Tensor, facts: dict[str, Any]) -> bytes:
    """Return the model in a format.

    Parameters
    ----------
    form : {"onnx", "torch"}
    module : Deployed
    sample : Tensor, shape (rows, *shape)
        At least two raw rows; only their shape matters, and any number of rows can be given later.
    facts : JSON object
        Stored with the model under the key ``reprise``.
    """
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with _quiet():
        return _onnx(module, sample, text) if form == "onnx" else _torch(module, sample, text)


def runner(form: Format, data: bytes) -> Run:
    """Return a function that runs an exported model on raw rows, as another program would."""
    if form == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        return lambda x: np.asarray(session.run(None, {"x": x})[0])
    program = torch.export.load(io.BytesIO(data)).module()
    return lambda x: np.asarray(program(torch.from_numpy(x)).detach())


def _onnx(module: Deployed, sample: Tensor, text: str) -> bytes:
    program = torch.onnx.export(
        module,
        (sample,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["x"],
        output_names=[module.output_name],
        dynamic_shapes=({0: torch.export.Dim("rows")},),
        verbose=False,
    )
    assert program is not None  # it is None only when a file was asked for
    model = program.model_proto
    # The exporter notes the source lines of every node, with the paths of this machine.
    graph = model.graph
    for part in (graph, model):
        del part.metadata_props[:]
    for parts in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for part in parts:
            del part.metadata_props[:]
            part.doc_string = ""
    model.producer_name, model.producer_version = "reprise", ""
    model.metadata_props.add(key="reprise", value=text)
    return bytes(model.SerializeToString(deterministic=True))


def _torch(module: Deployed, sample: Tensor, text: str) -> bytes:
    program = torch.export.export(module, (sample,), dynamic_shapes=({0: torch.export.Dim("rows")},))
    for node in program.graph.nodes:
        # Where in the source a node comes from: paths of this machine again.
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"):
            node.meta.pop(key, None)
    program.example_inputs = None  # they would be stored as a pickle
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={"reprise": text})
    return stream.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' remarks about their own insides off the terminal."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
