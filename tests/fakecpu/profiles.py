"""CPUs to be: tables of CPUID answers for processors of two makes.

Sources of the fields: Intel SDM volume 2A (CPUID); AMD APM volume 3, appendix E.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ANY_SUBLEAF = 0xFFFFFFFF
Table = dict[tuple[int, int], tuple[int, int, int, int]]


@dataclass(frozen=True)
class Cpu:
    """A processor as CPUID describes it; cache sizes in KiB, zero for a CPU that reports none."""

    amd: bool
    signature: int
    avx512: bool
    l1: int
    l2: int
    l3: int
    cores: int = 4
    threads_per_core: int = 2
    l3_sharers: int = 8
    avx2: bool = True


def _bits(*places: int) -> int:
    return sum(1 << place for place in places)


_LEAF1_ECX = _bits(0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 27, 28, 29, 30)  # sse3 .. fma .. avx f16c rdrand
_LEAF1_EDX = _bits(0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26, 28)
_LEAF7_EBX = _bits(0, 3, 5, 7, 8, 18, 19, 20)  # fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap
_AVX512_EBX = _bits(16, 17, 28, 30, 31)  # f dq cd bw vl
_AVX512_ECX = _bits(1, 6, 11, 12, 14)  # vbmi vbmi2 vnni bitalg vpopcntdq


def _text_words(text: str) -> list[int]:
    raw = text.encode().ljust((len(text) + 15) // 16 * 16, b"\0")
    return [int.from_bytes(raw[i : i + 4], "little") for i in range(0, len(raw), 4)]


def _cache_row(kind: int, level: int, kib: int, ways: int, sharers: int) -> tuple[int, int, int, int]:
    """One row of leaf 4 (Intel) or 0x8000001D (AMD), which share a format."""
    if kib == 0:
        return 0, 0, 0, 0
    sets = kib * 1024 // 64 // ways
    return kind | level << 5 | 1 << 8 | (sharers - 1) << 14, (ways - 1) << 22 | 63, sets - 1, 0


def _caches(cpu: Cpu, leaf: int) -> Table:
    rows = [
        _cache_row(1, 1, cpu.l1, 8, cpu.threads_per_core),
        _cache_row(2, 1, cpu.l1, 8, cpu.threads_per_core),
        _cache_row(3, 2, cpu.l2, 8, cpu.threads_per_core),
        _cache_row(3, 3, cpu.l3, 16, cpu.l3_sharers),
        (0, 0, 0, 0),
    ]
    return {(leaf, sub): row for sub, row in enumerate(rows)}


def _amd_rows(cpu: Cpu, logical: int) -> Table:
    return {
        (0x80000005, ANY_SUBLEAF): (0, 0, cpu.l1 << 24 | 0x080140, cpu.l1 << 24 | 0x080140),
        (0x80000006, ANY_SUBLEAF): (0, 0, cpu.l2 << 16 | 0x6140, cpu.l3 // 512 << 18 | 0x9140),
        (0x80000008, ANY_SUBLEAF): (0x3030, 0, logical - 1 | 3 << 12, 0),
        (0x8000001E, ANY_SUBLEAF): (0, (cpu.threads_per_core - 1) << 8, 0, 0),
    } | _caches(cpu, 0x8000001D)


def table(cpu: Cpu) -> Table:
    """The CPUID answers of a processor: (leaf, subleaf) to (eax, ebx, ecx, edx)."""
    logical = cpu.cores * cpu.threads_per_core
    vendor = _text_words("AuthenticAMD" if cpu.amd else "GenuineIntel")
    state = 0xE7 if cpu.avx512 else 7
    area = 2696 if cpu.avx512 else 832
    rows: Table = {
        (0, ANY_SUBLEAF): (0x10 if cpu.amd else 0x16, vendor[0], vendor[2], vendor[1]),
        (1, ANY_SUBLEAF): (cpu.signature, logical << 16 | 8 << 8, _LEAF1_ECX, _LEAF1_EDX),
        (7, 0): (
            0,
            (_LEAF7_EBX if cpu.avx2 else 0) | _AVX512_EBX * cpu.avx512,
            _AVX512_ECX * (cpu.avx512 and cpu.amd),
            0,
        ),
        (0xB, 0): (1, cpu.threads_per_core, 1 << 8, 0),
        (0xB, 1): (4, logical, 2 << 8 | 1, 0),
        (0xD, 0): (state, area, area, 0),
        (0xD, 1): (0xF, area, 0, 0),
        (0xD, 2): (256, 576, 0, 0),
        (0x80000000, ANY_SUBLEAF): (0x8000001E if cpu.amd else 0x80000008, vendor[0], vendor[2], vendor[1]),
        (0x80000001, ANY_SUBLEAF): (
            cpu.signature,
            0,
            _bits(0, 5, 8, *([22] * cpu.amd)),
            _bits(11, 20, 26, 27, 29),
        ),
        (0x80000007, ANY_SUBLEAF): (0, 0, 0, 1 << 8),
        (0x80000008, ANY_SUBLEAF): (0x3030, 0, 0, 0),
    }
    if cpu.avx512:
        rows |= {(0xD, 5): (64, 1088, 0, 0), (0xD, 6): (512, 1152, 0, 0), (0xD, 7): (1024, 1664, 0, 0)}
    return rows | (_amd_rows(cpu, logical) if cpu.amd else _caches(cpu, 4))


def table_text(cpu: Cpu) -> str:
    """The table as lines of six hex words: leaf, subleaf, eax, ebx, ecx, edx."""
    return "".join(" ".join(f"{word:08x}" for word in (*key, *row)) + "\n" for key, row in table(cpu).items())


_HASWELL = Cpu(amd=False, signature=0x306C3, avx512=False, l1=32, l2=256, l3=8192)
_ZEN2 = Cpu(amd=True, signature=0x830F10, avx512=False, l1=32, l2=512, l3=16384)
# Not a machine for portable numerics: its effect on torch shows that faking works.
NO_AVX2 = replace(_HASWELL, avx2=False)

PROFILES: dict[str, Cpu] = {
    "intel-haswell": _HASWELL,
    "intel-skylake-x": replace(
        _HASWELL, signature=0x50654, avx512=True, l2=1024, l3=16896, cores=12, l3_sharers=24
    ),
    "amd-zen2": _ZEN2,
    "amd-zen4": replace(_ZEN2, signature=0xA10F11, avx512=True, l2=1024, l3=32768),
}
