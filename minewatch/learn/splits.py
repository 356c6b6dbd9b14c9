"""Splits that keep polygons, and neighbours, together.

After verde's blocked cross-validation and Roberts et al. (2017), Cross-validation strategies for
data with temporal, spatial, hierarchical, or phylogenetic structure.
https://doi.org/10.1111/ecog.02881
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import crs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

__all__ = ["PolygonSplit"]


class PolygonSplit:
    """Cross-validation folds that never split a polygon, and share the labels out fairly.

    The pixels of a polygon are nearly copies of each other. With some of them in training, the rest
    are recognised rather than classified, and the accuracy is too good to be true. A splitter of
    scikit-learn's kind: pass it as ``cv=`` with ``groups=samples.polygon``.

    Parameters
    ----------
    n_splits : int
        Number of folds.
    seed : int
        Order in which polygons are dealt out.
    blocks : float, optional
        Side in metres of square blocks: polygons whose centres lie in the same block also stay
        together, because neighbours resemble each other. Needs samples in a projected CRS.

    Raises
    ------
    ValueError
        If there are fewer than two folds or the side is not positive.

    See Also
    --------
    cross_validate : scores and probabilities of unseen polygons.

    Examples
    --------
    >>> polygon = np.repeat([10, 11, 12, 13], 3)
    >>> label = np.repeat([0, 0, 1, 1], 3)
    >>> for train, test in PolygonSplit(2).split(np.zeros((12, 1)), label, polygon):
    ...     print(np.unique(polygon[train]), np.unique(label[test]))
    [10 13] [0 1]
    [11 12] [0 1]
    """

    def __init__(self, n_splits: int = 5, *, seed: int = 0, blocks: float | None = None) -> None:
        if n_splits < 2:
            message = f"PolygonSplit needs at least 2 folds, got n_splits={n_splits}; use 5"
            raise ValueError(message)
        if blocks is not None and not blocks > 0:
            message = f"blocks is the side of a block in metres, got {blocks}; use e.g. 5000"
            raise ValueError(message)
        self.n_splits, self.seed, self.blocks = n_splits, seed, blocks

    def __repr__(self) -> str:
        return f"PolygonSplit({self.n_splits}, seed={self.seed}, blocks={self.blocks})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of folds.

        Parameters
        ----------
        X, y, groups : object
            Ignored; scikit-learn passes them.

        Returns
        -------
        int
            Number of folds.
        """
        del X, y, groups
        return self.n_splits

    def split(
        self, X: Any, y: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
        """Positions of training and test samples, fold by fold; each sample is in one test.

        Parameters
        ----------
        X : xarray.Dataset or array
            Samples, which hold their labels, polygons and places; or anything as long as them.
        y : array, optional
            Labels, needed unless X are samples.
        groups : array, optional
            Polygon of each sample, needed unless X are samples.

        Yields
        ------
        (array, array)
            Training and test positions, in order.

        Raises
        ------
        ValueError
            If labels or polygons are not given, blocks are wanted without samples, there are fewer
            groups than folds or a label has one group only.
        """
        fold = self._folds(X, y, groups)
        for number in range(self.n_splits):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)

    def together(self, samples: xr.Dataset) -> npt.NDArray[np.int64]:
        """What is never split: the polygon of each sample, or the block of its polygon.

        Parameters
        ----------
        samples : xarray.Dataset
            Samples with polygons and, where blocks are wanted, places.

        Returns
        -------
        array of int
            A number for each sample, the same for what stays together.

        Raises
        ------
        ValueError
            If blocks are wanted and the samples do not know where they lie in metres.
        """
        _, group = np.unique(samples["polygon"].values, return_inverse=True)
        return group if self.blocks is None else _blocks_of(samples, group, self.blocks)[group]

    def _folds(self, X: Any, y: Any, groups: Any) -> npt.NDArray[np.int64]:
        samples = X if isinstance(X, xr.Dataset) else None
        if samples is not None:
            y = samples["label"].values if y is None else y
            groups = samples["polygon"].values if groups is None else groups
        if y is None or groups is None:
            message = "PolygonSplit needs labels and polygons: split(X, label, polygon), or samples"
            raise ValueError(message)
        _, label = np.unique(np.asarray(y), return_inverse=True)
        _, group = np.unique(np.asarray(groups), return_inverse=True)
        if self.blocks is not None:
            group = _blocks_of(samples, group, self.blocks)[group]
        held = np.zeros((group.max() + 1, label.max() + 1), dtype=bool)
        held[group, label] = True
        self._require_enough(held)
        return _dealt(held, self.n_splits, self.seed)[group]

    def _require_enough(self, held: npt.NDArray[np.bool_]) -> None:
        apart = "polygons" if self.blocks is None else f"polygons in blocks of {self.blocks:g} m"
        if len(held) < self.n_splits:
            message = f"{self.n_splits} folds need as many groups of {apart}, got {len(held)}"
            message += f"; use n_splits={max(2, len(held))}"
            message += "" if self.blocks is None else " or smaller blocks"
            raise ValueError(message)
        if held.shape[1] > 1 and held.sum(axis=0).min() < 2:
            message = (
                f"each label needs two groups of {apart}, one to learn from and one to test on; "
                "add polygons" + ("" if self.blocks is None else " or make the blocks smaller")
            )
            raise ValueError(message)


def _blocks_of(
    samples: xr.Dataset | None, group: npt.NDArray[np.int64], side: float
) -> npt.NDArray[np.int64]:
    """The block of each group's centre."""
    if samples is None or "x" not in samples.coords or "y" not in samples.coords:
        message = "blocks need to know where samples lie: pass the samples of draw as X"
        raise ValueError(message)
    wkt = crs_of(samples)
    if wkt is not None:
        from pyproj import CRS

        if CRS(wkt).is_geographic:
            message = (
                "blocks are in metres, the samples in degrees; draw from features on a projected "
                "grid (minewatch.grids.resample)"
            )
            raise ValueError(message)
    size = np.bincount(group)
    x, y = (np.bincount(group, samples[name].values) / size for name in ("x", "y"))
    corners = np.stack([np.floor(x / side), np.floor(y / side)], axis=1)
    return np.unique(corners, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _dealt(held: npt.NDArray[np.bool_], n_splits: int, seed: int) -> npt.NDArray[np.int64]:
    """A fold for each group: rarest label first, to the fold that has the fewest groups of it."""
    rng = np.random.default_rng(seed)
    rarity = np.where(held, held.sum(axis=0), np.iinfo(np.int64).max)
    label = rarity.argmin(axis=1)
    order = rng.permutation(len(held))
    order = order[np.argsort(rarity.min(axis=1)[order], kind="stable")]
    count = np.zeros((n_splits, held.shape[1]), dtype=np.int64)
    total = np.zeros(n_splits, dtype=np.int64)
    fold = np.zeros(len(held), dtype=np.int64)
    for group in order:
        chosen = np.lexsort((total, count[:, label[group]]))[0]
        fold[group] = chosen
        count[chosen] += held[group]
        total[chosen] += 1
    return fold
