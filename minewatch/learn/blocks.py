"""What a task does: blocks of features become rows, and what a model says of them blocks again."""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.conventions import NO_CLASS

__all__ = ["Classes", "Probabilities"]

ROWS = 65_536
"""Pixels handed to the model at once: bounds its working memory within a block."""


class _Rows:
    """Blocks of features as rows, the incomplete ones left out, batch by batch."""

    def __init__(self, names: list[str] | None, gaps: str) -> None:
        self.names, self.gaps = names, gaps

    def batches(self, blocks: tuple[Any, ...]) -> Any:
        """Positions of complete pixels and their table, a batch at a time."""
        flat = [np.asarray(block).reshape(-1) for block in blocks]
        for start in range(0, len(flat[0]), ROWS):
            part = np.empty((min(ROWS, len(flat[0]) - start), len(flat)), np.float32)
            for column, values in enumerate(flat):
                part[:, column] = values[start : start + ROWS]
            known = np.isfinite(part).all(axis=1)
            if self.gaps == "model":
                known = ~np.isnan(part).all(axis=1) & ~np.isinf(part).any(axis=1)
            at = np.flatnonzero(known)
            if len(at):
                yield at + start, self.table(part if len(at) == len(part) else part[at])

    def table(self, rows: Any) -> Any:
        if self.names is None:
            return rows
        import pandas as pd

        return pd.DataFrame(rows, columns=self.names)


class Probabilities(_Rows):
    """Model and blocks → probabilities, the class in front."""

    def __init__(self, names: list[str] | None, gaps: str, size: int) -> None:
        super().__init__(names, gaps)
        self.size = size

    def __call__(self, model: Any, *blocks: Any) -> Any:
        """Blocks (...) of each feature → (class, ...), float32, NaN unknown."""
        out = np.full((self.size, blocks[0].size), np.nan, np.float32)
        for at, table in self.batches(blocks):
            out[:, at] = np.asarray(model.predict_proba(table)).T
        return out.reshape(self.size, *blocks[0].shape)


class Classes(_Rows):
    """Model and blocks → class codes."""

    def __init__(
        self,
        names: list[str] | None,
        gaps: str,
        codes: Any,
        threshold: float | None,
        positive: int,
    ) -> None:
        super().__init__(names, gaps)
        self.codes, self.threshold, self.positive = codes, threshold, positive

    def __call__(self, model: Any, *blocks: Any) -> Any:
        """Blocks (...) of each feature → (...), uint8, 255 unknown."""
        out = np.full(blocks[0].size, NO_CLASS, np.uint8)
        for at, table in self.batches(blocks):
            out[at] = self.chosen(model, table)
        return out.reshape(blocks[0].shape)

    def chosen(self, model: Any, table: Any) -> Any:
        """The code of each row of a table."""
        if self.threshold is not None:
            place = int(np.flatnonzero(self.codes == self.positive)[0])
            mapped = np.asarray(model.predict_proba(table))[:, place] >= self.threshold
            return np.where(mapped, self.codes[place], self.codes[1 - place])
        if hasattr(model, "predict"):
            return np.asarray(model.predict(table)).astype(np.uint8)
        return self.codes[np.asarray(model.predict_proba(table)).argmax(axis=1)]
