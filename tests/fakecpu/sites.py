"""Find the true `cpuid` instructions of a shared object.

The two bytes 0F A2 also occur inside constants and addresses, so each function that holds them is
disassembled from its start.
"""

from __future__ import annotations

import mmap
import re
import subprocess
import tempfile
from bisect import bisect_right
from pathlib import Path

_GAP = b"\x90" * 32  # the decoder is back in step before the next function


def _text_section(library: Path) -> tuple[int, int, int]:
    """Address, file offset and size of .text."""
    headers = subprocess.run(["objdump", "-h", library], check=True, capture_output=True, text=True).stdout
    for line in headers.splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == ".text":
            return int(fields[3], 16), int(fields[5], 16), int(fields[2], 16)
    raise ValueError(f"{library}: no .text section")


def _function_starts(library: Path) -> list[int]:
    symbols = subprocess.run(["nm", "-n", library], check=True, capture_output=True, text=True).stdout
    found = {
        int(f[0], 16) for line in symbols.splitlines() if len(f := line.split()) == 3 and f[1] in "tTwWi"
    }
    return sorted(found)


def cpuid_sites(library: Path) -> list[int]:
    """Addresses (before relocation) of the cpuid instructions in a shared object that has a symbol table."""
    address, offset, size = _text_section(library)
    starts = _function_starts(library)
    blob, origins = bytearray(), []
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        seen = set()
        for match in re.finditer(rb"\x0f\xa2", data):
            place = match.start() - offset + address
            index = bisect_right(starts, place) - 1
            if not address <= place < address + size or index < 0 or index in seen:
                continue
            seen.add(index)
            start = max(starts[index], address)
            stop = min(starts[index + 1] if index + 1 < len(starts) else address + size, address + size)
            origins.append((len(blob), start))
            blob += data[start - address + offset : stop - address + offset] + _GAP
    with tempfile.NamedTemporaryFile() as raw:
        Path(raw.name).write_bytes(blob)
        listing = subprocess.run(
            ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", raw.name],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    sites = []
    for line in listing.splitlines():
        place_text, _, instruction = line.partition(":")
        if instruction.strip() == "cpuid":
            place = int(place_text, 16)
            start_in_blob, start = origins[bisect_right(origins, (place, 1 << 64)) - 1]
            sites.append(place - start_in_blob + start)
    return sites
