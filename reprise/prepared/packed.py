"""Texts in two arrays: their bytes one after the other, and where each of them ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class PackedTexts(NamedTuple):
    """Texts, one for each row."""

    data: NDArray[np.uint8]  # (bytes,): UTF-8
    ends: NDArray[np.int64]  # (rows,): one past each text's last byte

    @classmethod
    def of(cls, texts: Sequence[str]) -> PackedTexts:
        """Return texts packed."""
        joined = "".join(texts)
        data = joined.encode()
        if len(data) == len(joined):  # ASCII: as many bytes as characters
            lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        else:
            lengths = np.fromiter((len(text.encode()) for text in texts), np.int64, len(texts))
        return cls.cut(np.frombuffer(data, np.uint8), lengths)

    @classmethod
    def cut(cls, data: NDArray[np.uint8], lengths: NDArray[np.int64]) -> PackedTexts:
        """Return the texts whose bytes follow each other in `data`, by their lengths (rows,) in bytes."""
        return cls(data, np.cumsum(lengths))

    @classmethod
    def joined(cls, parts: Sequence[PackedTexts]) -> PackedTexts:
        """Return the texts of all parts; there is one at least."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls.cut(np.concatenate([part.data for part in parts]), lengths)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Bytes of each text, shape (rows,)."""
        return np.diff(self.ends, prepend=0)

    def text(self, row: int) -> str:
        """Return the text of a row."""
        start = self.ends[row - 1] if row else 0
        return self.data[start : self.ends[row]].tobytes().decode()

    def part(self, start: int, stop: int) -> PackedTexts:
        """Return the texts of the rows from `start` to before `stop`."""
        first = int(self.ends[start - 1]) if start else 0
        ends = self.ends[start:stop]
        last = int(ends[-1]) if len(ends) else first
        return PackedTexts(self.data[first:last], ends - first)

    def only(self, keep: NDArray[np.bool_]) -> PackedTexts:
        """Return the texts of the rows for which `keep` (rows,) is True."""
        lengths = self.lengths
        return PackedTexts.cut(self.data[np.repeat(keep, lengths)], lengths[keep])
