"""Patches to learn from and patches to test on, split by place."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import crs_of

if TYPE_CHECKING:
    from typing import Literal

    import numpy.typing as npt

__all__ = ["split"]


def split(
    patches: xr.Dataset,
    *,
    by: Literal["point", "block", "patch"] = "point",
    block_size: float = 5200.0,
    test_size: float = 0.2,
    seed: int = 0,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Split a patch set in two: to learn from, and to test on.

    The patches of a point show one place at several dates and are nearly copies: they stay
    together. Windows of different points may still overlap, and neighbours resemble each other:
    blocks keep what lies close together on one side. Labels are shared out as evenly as whole
    groups allow, and both sides have each.

    Parameters
    ----------
    patches : xarray.Dataset
        A patch set from :func:`extract`, or several joined along ``patch``.
    by : {"point", "block", "patch"}
        What is never split. ``patch`` splits the dates of a place, so that the test asks for what
        was learnt by heart; it warns.
    block_size : float
        Side of a block in metres; 5,200 m are five patches of 1,040 m.
    test_size : float
        Share of the patches to test on, 0 to 1, ends excluded.
    seed : int
        Makes the draw repeatable.

    Returns
    -------
    (xarray.Dataset, xarray.Dataset)
        Patch sets to learn from and to test on, patches in their order. Attributes ``split`` tells
        how, and ``overlapping``, where the size of a pixel is known, how many of the set's patches
        share ground with one of the other.

    Raises
    ------
    ValueError
        If it is no patch set, settings mean nothing, a label has but one group, or blocks are
        wanted of places in degrees.

    Warns
    -----
    UserWarning
        If patches are split one by one.

    See Also
    --------
    minewatch.learn.PolygonSplit : the same for pixels, in folds.

    References
    ----------
    Roberts et al. (2017), Cross-validation strategies for data with temporal, spatial,
    hierarchical, or phylogenetic structure, doi:10.1111/ecog.02881

    Examples
    --------
    >>> point = np.repeat(np.arange(10), 7)  # ten places, seven dates
    >>> coords = {"point": ("patch", point), "label": ("patch", point % 2)}
    >>> patches = xr.Dataset({"patches": ("patch", np.zeros(70))}, coords)
    >>> train, test = split(patches)
    >>> train.sizes["patch"], test.sizes["patch"], np.unique(test.label).tolist()
    (56, 14, [0, 1])
    """
    _require(patches, by, block_size, test_size)
    label = np.unique(patches["label"].values, return_inverse=True)[1]
    group = _groups(patches, by, block_size)
    if by == "patch":
        warnings.warn(
            "the dates of a place are nearly copies, and a split patch by patch puts them on both "
            "sides: the score is too good to be true; use by='point' or by='block'",
            UserWarning,
            stacklevel=2,
        )
    counts = np.zeros((group.max() + 1, label.max() + 1), np.int64)
    np.add.at(counts, (group, label), 1)
    _require_two_groups(counts, by)
    tested = _drawn(counts, test_size, np.random.default_rng(seed))[group]
    sides = [patches.isel(patch=np.flatnonzero(side)) for side in (~tested, tested)]
    told = f"by {by}" + (f" of {block_size:g} m" if by == "block" else "")
    for side, other in zip(sides, sides[::-1], strict=True):
        side.attrs = {**patches.attrs, "split": told, "split_seed": int(seed)}
        if {"left", "top", "row", "resolution"} <= {*side.variables, *side.dims, *side.attrs}:
            side.attrs["overlapping"] = _overlapping(side, other)
    return sides[0], sides[1]


def _require(patches: xr.Dataset, by: str, block_size: float, test_size: float) -> None:
    known = isinstance(patches, xr.Dataset) and "patch" in patches.dims
    if not known or not {"point", "label"} <= set(patches.coords):
        message = "split needs a patch set, with the dim patch and the coordinates point and label;"
        message += " make one with minewatch.learn.patches.extract"
        raise ValueError(message)
    if by not in ("point", "block", "patch"):
        message = f"split has no by={by!r}; use 'point', 'block' or 'patch'"
        raise ValueError(message)
    if not 0 < test_size < 1 or not 0 < block_size < np.inf:
        message = (
            f"split needs test_size between 0 and 1 and block_size in metres, got {test_size} "
        )
        message += f"and {block_size}; use 0.2 and 5200"
        raise ValueError(message)
    if patches.sizes["patch"] == 0:
        message = "split got a patch set without patches; see what extract dropped, and why"
        raise ValueError(message)


def _groups(patches: xr.Dataset, by: str, block_size: float) -> npt.NDArray[np.int64]:
    """A number for each patch, the same for what stays together."""
    if by == "patch":
        return np.arange(patches.sizes["patch"])
    point = np.unique(patches["point"].values, return_inverse=True)[1].astype(np.int64)
    if by == "point":
        return point
    wkt = crs_of(patches)
    if not {"x", "y"} <= set(patches.coords) or wkt is None:
        message = "blocks need to know where the points lie: x, y and a CRS of the patch set"
        raise ValueError(message)
    from pyproj import CRS

    if not CRS(wkt).is_projected:
        message = "blocks are in metres, the points in degrees; extract from a scene in UTM"
        raise ValueError(message)
    size = np.bincount(point)
    x, y = (np.bincount(point, patches[name].values) / size for name in ("x", "y"))
    corner = np.stack([np.floor(x / block_size), np.floor(y / block_size)], axis=1)
    block = np.unique(corner, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    return block[point]


def _require_two_groups(counts: npt.NDArray[np.int64], by: str) -> None:
    fewest = int((counts > 0).sum(axis=0).min())
    if fewest < 2 or len(counts) < 2:
        more = {"block": "make the blocks smaller, or add points", "patch": "add dates or points"}
        message = f"split by {by} needs two groups with each label, one to learn from and one to "
        message += f"test on, got {fewest}; {more.get(by, 'add points')}"
        raise ValueError(message)


def _drawn(counts: npt.NDArray[np.int64], share: float, rng: np.random.Generator) -> Any:
    """Which groups are tested: each is taken that brings all labels nearer to their share."""
    total = counts.sum(axis=0)
    left = share * total
    tested = np.zeros(len(counts), bool)
    order = rng.permutation(len(counts))
    # Large groups first, so that small ones make up for what they leave.
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    for group in order:
        after = left - counts[group]
        if ((after / total) ** 2).sum() < ((left / total) ** 2).sum():
            tested[group], left = True, after
    return _with_each_label(counts > 0, tested, order)


def _with_each_label(held: npt.NDArray[np.bool_], tested: npt.NDArray[np.bool_], order: Any) -> Any:
    """Move groups until both sides have each label, the rarest labels first."""
    for label in np.argsort(held.sum(axis=0), kind="stable"):
        for side in (True, False):
            if (held[:, label] & (tested == side)).any():
                continue
            there = held[tested != side].sum(axis=0)
            # The last ones are the smallest. None may leave the other side without a label.
            free = [g for g in order[::-1] if held[g, label] and (there[held[g]] > 1).all()]
            if not free:
                message = "no split puts each label on both sides, as the groups mix them; make "
                message += "the blocks smaller, or add points"
                raise ValueError(message)
            tested[free[0]] = side
    return tested


def _overlapping(side: xr.Dataset, other: xr.Dataset) -> int:
    """How many windows share ground with a window of the other side."""
    import shapely

    reach = side.sizes["row"] * float(side.attrs["resolution"])
    boxes = []
    for each in (side, other):
        # A little less than they are, so that windows that only touch do not count.
        left, top = each["left"].values + reach * 1e-6, each["top"].values - reach * 1e-6
        inner = reach * (1 - 2e-6)
        boxes.append(shapely.box(left, top - inner, left + inner, top))
    hit = shapely.STRtree(boxes[1]).query(boxes[0], predicate="intersects")[0]
    return len(np.unique(hit))
