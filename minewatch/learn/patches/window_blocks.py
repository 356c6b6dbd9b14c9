"""What a task of a scan does: a block of channels → what a detector says of the windows in it."""

from __future__ import annotations

import abc
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

__all__ = ["Convolution", "Windows"]

BATCH = 64
"""Patches handed to the detector at once: 8 MB of 104 × 104 × 3."""


class _Scan(abc.ABC):
    """Layer by layer over the dims that lie before y and x, e.g. dates."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(
        self, detector: Any, block: Any, tops: Sequence[int], lefts: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        """Block (channel, ..., y, x) → (..., windows down, windows across), NaN unknown."""
        lead = block.shape[1:-2]
        out = np.full((*lead, len(tops), len(lefts)), np.nan, np.float32)
        for at in np.ndindex(*lead):
            layer = block[(slice(None), *at)]
            known = complete(layer, tops, lefts, self.size)
            self.fill(out[at], detector, layer, known, (tops, lefts))
        return out

    @abc.abstractmethod
    def fill(self, out: Any, detector: Any, layer: Any, known: Any, starts: Any) -> None:
        """Write the probabilities of the windows that are known."""


class Windows(_Scan):
    """Every window by itself, some at a time: the block's patches never lie in memory together."""

    def fill(self, out: Any, detector: Any, layer: Any, known: Any, starts: Any) -> None:
        """Write the probabilities of the windows that are known."""
        places = np.argwhere(known)
        shape = (min(BATCH, len(places)), len(layer), self.size, self.size)
        patches = np.empty(shape, np.float32)
        for start in range(0, len(places), BATCH):
            some = places[start : start + BATCH]
            for patch, (row, column) in zip(patches, some, strict=False):
                top, left = starts[0][row], starts[1][column]
                patch[:] = layer[:, top : top + self.size, left : left + self.size]
            out[tuple(some.T)] = detector.predict_proba(patches[: len(some)])


class Convolution(_Scan):
    """All windows of a block in one go: what they share is computed once."""

    def __init__(self, size: int, step: int) -> None:
        super().__init__(size)
        self.step = step

    def fill(self, out: Any, detector: Any, layer: Any, known: Any, starts: Any) -> None:
        """Write the probabilities of the windows that are known."""
        tops, lefts = starts
        for rows in self.runs(tops):
            for columns in self.runs(lefts):
                here = known[rows, columns]
                if not here.any():
                    continue
                ends = [
                    slice(at[run][0], at[run][-1] + self.size)
                    for at, run in ((tops, rows), (lefts, columns))
                ]
                found = detector.predict_windows(layer[:, *ends], self.step)
                out[rows, columns] = np.where(here, found, np.float32(np.nan))

    def runs(self, starts: Sequence[int]) -> Iterator[slice]:
        """Windows that lie a step apart: all but those flush with an edge."""
        breaks = np.flatnonzero(np.diff(starts) != self.step) + 1
        for first, end in pairwise([0, *breaks.tolist(), len(starts)]):
            yield slice(first, end)


def complete(layer: Any, tops: Sequence[int], lefts: Sequence[int], size: int) -> Any:
    """Which windows hold no unknown pixel, (windows down, windows across)."""
    unknown = ~np.isfinite(layer).all(axis=0)
    if not unknown.any():
        return np.ones((len(tops), len(lefts)), bool)
    down = np.stack([unknown[top : top + size].any(axis=0) for top in tops])
    return ~np.stack([down[:, left : left + size].any(axis=1) for left in lefts], axis=1)
