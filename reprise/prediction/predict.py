"""From an input of any kind to a file of predictions, piece by piece: memory does not grow with the input."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Literal

from numpy.typing import NDArray
from torch import Tensor

from reprise.foundation.errors import UserError
from reprise.foundation.files import replacing
from reprise.model.inference import Inference, load_inference
from reprise.prediction.blocks import Block, batches
from reprise.prediction.texts import Form, Texts
from reprise.prepared.schema import Schema

STANDARD = "-"
LINES_AT_ONCE = 1000
JSON_ENDINGS = (".jsonl", ".ndjson")
Device = Literal["auto", "cpu", "cuda"]


def predict(
    model: Path, source: str, output: str, form: Form | None, batch_size: int, device: Device, workers: int
) -> int:
    """Write a prediction for each row and return how many there were.

    Parameters
    ----------
    model : Path
        The folder of the model files; nothing else is needed.
    source : str
        A CSV file, an image, a folder of images, a file of JSON lines, or ``-`` for JSON lines on
        standard input.
    output : str
        A file, which appears when all is done, or ``-`` for standard output.
    form : {"csv", "jsonl"}, optional
        None: as the output's ending says, else like the input.
    batch_size : int
        With evaluate's, the numbers are evaluate's to the last bit.

    Raises
    ------
    UserError
        If the input can't be read or doesn't fit the model, by line and column.
    """
    inference = load_inference(model, device, workers)
    schema = inference.card.data
    form = form or _usual_form(source, output)
    texts = Texts(form, schema, inference.probabilities, inference.card.threshold)
    count = 0
    with _open(output) as stream:
        stream.write(texts.header)
        for ids, outputs in _predictions(inference, _blocks(source, schema, workers), batch_size):
            stream.write(texts.rows(ids, outputs))
            count += len(ids)
    return count


def _predictions(
    inference: Inference, blocks: Iterable[Block], size: int
) -> Iterator[tuple[list[Any], Tensor]]:
    """Yield the ids and outputs of each batch; outputs may be computed ahead, ids wait for them."""
    waiting: deque[list[Any]] = deque()

    def inputs() -> Iterator[NDArray[Any]]:
        for block in batches(blocks, size):
            waiting.append(block.ids)
            yield block.x

    for outputs in inference.outputs(inputs()):
        yield waiting.popleft(), outputs


def _blocks(source: str, schema: Schema, workers: int) -> Iterator[Block]:
    # Pillow and pandas are loaded for the kind of input that needs them.
    images = schema.layout == "images"
    path = Path(source)
    if source == STANDARD or path.suffix.lower() in JSON_ENDINGS:
        where = "standard input" if source == STANDARD else source
        if images:
            from reprise.prediction.images import object_blocks as image_objects

            return image_objects(_objects(source, where), schema, where)
        from reprise.prediction.tables import object_blocks as table_objects

        return table_objects(_objects(source, where), schema, where)
    if not path.exists():
        raise UserError(f"{source}: no such file; give a CSV file, an image, a folder of images, or -")
    if images:
        if path.suffix.lower() == ".csv":
            raise UserError(
                f"{source}: a table, but the model takes images; give an image or a folder of them"
            )
        from reprise.prediction.images import file_blocks

        return file_blocks(path, schema, workers)
    if path.is_dir():
        raise UserError(f"{source}: a folder, but the model takes rows of a table; give a CSV file")
    from reprise.prediction.tables import csv_blocks

    return csv_blocks(path, schema)


def _objects(source: str, where: str) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Yield the objects of JSON lines with their line numbers, some at a time; blank lines are left out."""
    with _lines(source) as lines:
        rows = (
            (number, _object(line, f"{where}: line {number}"))
            for number, line in enumerate(lines, 1)
            if line.strip()
        )
        while part := list(islice(rows, LINES_AT_ONCE)):
            yield part


@contextmanager
def _lines(source: str) -> Iterator[Iterable[bytes]]:
    if source == STANDARD:
        yield sys.stdin.buffer
        return
    path = Path(source)
    if not path.is_file():
        raise UserError(f"{source}: no such file")
    with path.open("rb") as stream:
        yield stream


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_constant)
        if b"\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise UserError(
            f'{where}: not JSON ({error}); each line is an object such as {{"column": 1.5}}'
        ) from None
    if not isinstance(value, dict):
        raise UserError(f'{where}: must be an object such as {{"column": 1.5}}; found {type(value).__name__}')
    return value


def _constant(name: str) -> None:
    """Read Python's NaN, which is not JSON, as null: it is how many programs write a missing number."""
    if name != "NaN":
        raise ValueError(f"{name} is not a number")


def _usual_form(source: str, output: str) -> Form:
    for name in (output, source):
        ending = Path(name).suffix.lower()
        if ending in JSON_ENDINGS or (name == source == STANDARD):
            return "jsonl"
        if ending == ".csv":
            return "csv"
    return "csv"


@contextmanager
def _open(output: str) -> Iterator[BinaryIO]:
    if output == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with replacing(Path(output)) as stream:
            yield stream
