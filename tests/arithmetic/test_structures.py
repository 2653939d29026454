"""The structures that Python fills are those that the kernels read: C says their sizes and offsets."""

from __future__ import annotations

import ctypes
import re
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest
from products import possible_isas

from reprise.arithmetic import build, drafts, structures
from reprise.arithmetic.library import SIGNATURES
from reprise.arithmetic.table_layers import Answer
from reprise.model.losses import KernelLoss

C_NAMES = {
    structures.LinearShape: "linear",
    structures.ConvolutionShape: "convolution",
    structures.Window: "window",
    structures.Strides: "strides",
    structures.MatrixPairs: "matrix_pairs",
    structures.Piecewise: "piecewise",
    structures.Operation: "operation",
    structures.Packing: "packing",
    structures.Program: "program",
    structures.ImageRows: "image_rows",
    structures.Augmentation: "augmentation",
    structures.RowSource: "row_source",
    structures.SliceJob: "slice_job",
    structures.Update: "update",
    structures.SharedUpdate: "shared_update",
}
# Two structures speak of channels where C distinguishes what goes in from what comes out, or shortens.
OTHER_NAMES = {
    "linear": {"inputs": "in", "outputs": "out"},
    "convolution": {"channels": "in", "out_channels": "out"},
}


def c_name(structure: type[ctypes.Structure], field: str) -> str:
    name = C_NAMES[structure]
    return OTHER_NAMES.get(name, {}).get(field, field)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """What a C program that includes the header says of every structure and constant."""
    lines = []
    for structure, name in C_NAMES.items():
        lines.append(f'SAY("{name}", sizeof({name}));')
        for field, *_ in structure._fields_:
            in_c = c_name(structure, field)
            lines.append(f'SAY("{name}.{field}", offsetof({name}, {in_c}));')
            lines.append(f'SAY("{name}.{field} size", sizeof((({name} *)0)->{in_c}));')
    lines += [f'SAY("Answer.{a.name}", OF_{a.name});' for a in Answer]
    for constants, suffix in ((drafts.Kind, ""), (drafts.Activation, "_"), (KernelLoss, "")):
        lines += [f'SAY("{c.__class__.__name__}.{c.name}", {c.name}{suffix});' for c in constants]
    folder = tmp_path_factory.mktemp("sizes")
    source, program = folder / "sizes.c", folder / "sizes"
    source.write_text(
        '#include <stdio.h>\n#include "sharing.h"\n'
        '#define SAY(what, n) printf("%s=%td\\n", what, (ptrdiff_t)(n))\n'
        "int main(void)\n{\n" + "\n".join(lines) + "\n}\n",
        encoding="utf-8",
    )
    command = [*build.compiler(possible_isas()[0], build.this_target()), "-std=c11", "-I", str(build.SOURCES)]
    subprocess.run([*command, "-o", str(program), str(source)], check=True, timeout=300)
    said = subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout
    return {what: int(number) for what, number in (line.split("=") for line in said.splitlines())}


@pytest.mark.parametrize("structure", C_NAMES, ids=lambda structure: structure.__name__)
def test_sizes_and_offsets_are_those_of_c(structure: type[ctypes.Structure], sizes: dict[str, int]) -> None:
    name = C_NAMES[structure]
    assert ctypes.sizeof(structure) == sizes[name]
    for field, *_ in structure._fields_:
        described = getattr(structure, field)
        found = (described.offset, described.size)
        assert found == (sizes[f"{name}.{field}"], sizes[f"{name}.{field} size"]), f"{name}.{field}"


def test_every_structure_is_compared() -> None:
    defined = {
        value for value in vars(structures).values()
        if isinstance(value, type) and issubclass(value, ctypes.Structure) and value is not ctypes.Structure
    }  # fmt: skip
    assert defined == set(C_NAMES)


@pytest.mark.parametrize("constants", [drafts.Kind, drafts.Activation, KernelLoss, Answer])
def test_constants_have_the_numbers_of_c(constants: type[IntEnum], sizes: dict[str, int]) -> None:
    for constant in constants:
        assert sizes[f"{constants.__name__}.{constant.name}"] == constant


def declared() -> dict[str, tuple[str, list[str]]]:
    """What the headers and sources say of exported functions: the result, and the arguments."""
    found = {}
    for path in build.sources():
        text = re.sub(r"/\*.*?\*/", "", Path(path).read_text(encoding="utf-8"), flags=re.DOTALL)
        for result, name, arguments in re.findall(r"EXPORT ([\w ]+[ *])(\w+)\(([^)]*)\)", text):
            listed = [] if arguments.strip() == "void" else [a.strip() for a in arguments.split(",")]
            found[name] = (result.strip(), listed)
    return found


def kind(text: str) -> str:
    """The kind of a C declaration: pointer, or the type's name."""
    return "pointer" if "*" in text else text.removeprefix("const ").split()[0]


def python_kind(what: object) -> str:
    if what is None:
        return "void"
    simple = {
        ctypes.c_double: "double", ctypes.c_ssize_t: "idx", ctypes.c_int: "int", ctypes.c_int64: "int64_t",
    }  # fmt: skip
    return simple.get(what, "pointer")  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("name", SIGNATURES)
def test_functions_are_called_as_they_are_declared(name: str) -> None:
    result, arguments = SIGNATURES[name]
    in_c, taken = declared()[name]
    # On 64-bit machines c_int64 and c_ssize_t are one type of ctypes.
    same = {"int64_t": "idx"}

    def plain(words: list[str]) -> list[str]:
        return [same.get(word, word) for word in words]

    assert plain([python_kind(result)]) == plain([kind(in_c)])
    assert plain([python_kind(a) for a in arguments]) == plain([kind(a) for a in taken])
