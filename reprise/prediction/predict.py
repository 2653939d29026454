"""From an input of any kind to a file of predictions, piece by piece: memory does not grow with the input."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from numpy.typing import NDArray
from torch import Tensor

from reprise.foundation.errors import UserError
from reprise.foundation.files import replacing
from reprise.model.card import CARD
from reprise.model.inference import Inference, load_inference
from reprise.own.carried import carried_code
from reprise.prediction.blocks import Block, Corrupt, Place, Skipped, batches
from reprise.prediction.texts import Form, Texts
from reprise.prepared.schema import Schema
from reprise.tables.compressed import opened
from reprise.tables.formats import KINDS, Compression, format_of, is_table
from reprise.tables.objects import objects

STANDARD = "-"
STDIN = "standard input"
Device = Literal["auto", "cpu", "cuda"]


def predict(
    model: Path,
    source: str,
    output: str,
    form: Form | None,
    batch_size: int,
    device: Device,
    workers: int,
    sheet: str | None = None,
    corrupt: Corrupt = "skip",
    *,
    trust: bool = False,
) -> int:
    """Write a prediction for each row and return how many there were.

    Images that can't be read are named on standard error and have a row without a prediction, unless there is
    no other.

    Parameters
    ----------
    model : Path
        The folder of the model files; nothing else is needed.
    source : str
        A table (see `reprise.tables.formats`) or a pattern for several, an image, a folder of images, JSON
        lines that name images, or ``-`` for JSON lines on standard input.
    output : str
        A file, which appears when all is done, or ``-`` for standard output.
    form : {"csv", "jsonl"}, optional
        None: as the output's ending says, else like the input.
    batch_size : int
        With evaluate's, the numbers are evaluate's to the last bit.
    sheet : str, optional
        Of an Excel workbook; None: the only one that holds something.
    corrupt : {"skip", "refuse"}
        What an image that can't be read does; one that is the whole input is refused.
    trust : bool
        Run the code that the model file carries (see `load_model`).

    Raises
    ------
    UserError
        If the input can't be read or doesn't fit the model, by line and column.
    """
    inference = load_inference(model, device, workers, trust=trust)
    schema = inference.card.data
    if schema.own is not None:
        from reprise.prediction.own import own_blocks

        code = carried_code(schema.own.files, model / CARD, trust=trust)
        columns, blocks = tuple[str, ...](), own_blocks(source, schema, code, sheet)
    else:
        columns, blocks = _blocks(source, schema, workers, sheet, corrupt)
    form = form or _usual_form(source, output)
    texts = Texts(form, schema, inference.probabilities, inference.card.threshold, columns)
    count, skipped = 0, list[str]()
    with _open(output) as stream:
        stream.write(texts.header)
        for (ids, places), outputs in _predictions(inference, blocks, batch_size):
            stream.write(texts.rows(ids, outputs, places))
            here = [f"{name.id}: {name.why}" for name in ids if isinstance(name, Skipped)]
            count, skipped = count + len(ids) - len(here), skipped + here
        if skipped and not count:
            raise UserError(*_shortened(skipped, source))
    for line in _shortened(skipped, source):
        print(f"skipped: {line}", file=sys.stderr)
    return count


def _shortened(lines: list[str], source: str) -> list[str]:
    from reprise.images.folder import shortened

    return shortened(lines, source) if lines else []


def _predictions(
    inference: Inference, blocks: Iterable[Block], size: int
) -> Iterator[tuple[tuple[list[Any], Sequence[Place]], Tensor]]:
    """Yield names and outputs of each batch; outputs may be computed ahead, ids and places wait for them."""
    waiting: deque[tuple[list[Any], Sequence[Place]]] = deque()

    def inputs() -> Iterator[NDArray[Any]]:
        for block in batches(blocks, size):
            waiting.append((block.ids, block.places))
            yield block.x

    for outputs in inference.outputs(inputs()):
        yield waiting.popleft(), outputs


def _blocks(
    source: str, schema: Schema, workers: int, sheet: str | None, corrupt: Corrupt
) -> tuple[tuple[str, ...], Iterator[Block]]:
    """Return the columns of places, and the rows."""
    # Pillow and pandas are loaded for the kind of input that needs them.
    if schema.layout == "images":
        return (), _image_blocks(source, schema, workers, corrupt)
    from reprise.prediction.places import Places
    from reprise.prediction.tables import file_blocks, object_blocks
    from reprise.tables.files import table_files

    if source == STANDARD:
        return (), object_blocks(objects(sys.stdin.buffer, STDIN), schema, STDIN)
    files = table_files(source)
    places = Places(files)
    return places.columns, file_blocks(files, places, schema, sheet)


def _image_blocks(source: str, schema: Schema, workers: int, corrupt: Corrupt) -> Iterator[Block]:
    from reprise.prediction.images import file_blocks, object_blocks

    if source == STANDARD:
        return object_blocks(objects(sys.stdin.buffer, STDIN), schema, STDIN, corrupt)
    path = Path(source)
    if not path.exists():
        raise UserError(f"{source}: no such file; give an image, a folder of images, JSON lines or -")
    kind, compression = format_of(path, source)
    if kind == "json":
        return _image_objects(path, compression, schema, corrupt)
    if is_table(path):
        raise UserError(f"{source}: a table, but the model takes images; give an image or a folder of them")
    return file_blocks(path, schema, workers, corrupt)


def _image_objects(
    path: Path, compression: Compression | None, schema: Schema, corrupt: Corrupt
) -> Iterator[Block]:
    from reprise.prediction.images import object_blocks

    with opened(path, compression, str(path)) as lines:
        yield from object_blocks(objects(lines, str(path)), schema, str(path), corrupt)


def _usual_form(source: str, output: str) -> Form:
    for name in (output, source):
        ending = Path(name).suffix.lower()
        if KINDS.get(ending) == "json" or (name == source == STANDARD):
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
