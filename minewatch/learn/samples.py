"""Labelled pixels drawn from polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply import at_points
from minewatch.conventions import SPATIAL_REF, plain_attrs, require
from minewatch.vectors import pixels_inside

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

__all__ = ["draw", "frame", "weights_of"]


def draw(
    features: xr.Dataset,
    polygons: gpd.GeoDataFrame,
    *,
    label: str = "label",
    group: str | None = None,
    max_per_polygon: int | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Draw the pixels of labelled polygons. Computes, reading only the chunks they lie in.

    A pixel belongs to a polygon if its centre lies in it. One that polygons of different label
    claim is nobody's; one that several polygons of the same label claim is drawn once, for the
    first. Pixels that lack a feature are dropped. What was left out is counted in ``attrs``.

    Parameters
    ----------
    features : xarray.Dataset
        A variable per feature, dims (y, x), floats, NaN unknown, with a CRS.
    polygons : geopandas.GeoDataFrame
        Polygons in any CRS with a column of labels.
    label : str
        Column of whole numbers or booleans: 1 mine, 0 other.
    group : str, optional
        Column that says which polygons belong together, e.g. the parts of one mine; they are never
        split apart. Without it each polygon is its own group.
    max_per_polygon : int, optional
        Draw at most so many pixels of a polygon, at random.
    seed : int
        Makes that draw repeatable; it does not depend on chunks.

    Returns
    -------
    xarray.Dataset
        Dim ``sample``: a float32 variable per feature; coordinates ``label`` (int64), ``polygon``
        (int64: the row of the polygon, or its group), ``weight`` (float64: pixels in the polygon
        over pixels drawn of it, so that each polygon weighs what its area does), ``x``, ``y``.
        Attributes ``contested`` and ``incomplete`` count pixels left out, ``polygons_unused``
        polygons of which no pixel is left.

    Raises
    ------
    KeyError
        If there is no such column.
    TypeError
        If a feature is not floating, or labels are no whole numbers.
    ValueError
        If fewer than two labels or two groups are left, or a CRS is missing.

    See Also
    --------
    fit_forest : what to do with them.
    PolygonSplit : how to split them.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> from shapely.geometry import box
    >>> grid = {"y": [35.0, 25, 15, 5], "x": [5.0, 15, 25]}
    >>> ndvi = xr.DataArray(np.arange(12, dtype="f4").reshape(4, 3) / 12, grid, ("y", "x"))
    >>> pits = gpd.GeoDataFrame(
    ...     {"label": [1, 0]}, geometry=[box(0, 0, 20, 10), box(0, 30, 10, 40)], crs="EPSG:32721"
    ... )
    >>> samples = draw(xr.Dataset({"s2_ndvi": ndvi}).rio.write_crs("EPSG:32721"), pits)
    >>> samples.label.values, samples.s2_ndvi.values.round(2)
    (array([1, 1, 0]), array([0.75, 0.83, 0.  ], dtype=float32))
    """
    _require_features(features)
    labels = _whole_numbers(polygons, label)
    groups = np.arange(len(polygons)) if group is None else _groups(polygons, group)
    if max_per_polygon is not None and max_per_polygon < 1:
        message = f"draw needs max_per_polygon of at least 1, got {max_per_polygon}; use e.g. 500"
        raise ValueError(message)
    which, rows, columns = pixels_inside(polygons, like=features)
    mine, contested = _undisputed(which, labels, rows * features.sizes["x"] + columns)
    which, rows, columns = which[mine], rows[mine], columns[mine]
    inside = np.bincount(which, minlength=len(polygons))
    pixels = at_points(features, rows, columns)
    complete = np.isfinite(pixels).all(axis=0)
    kept = _capped(np.flatnonzero(complete), which, max_per_polygon, seed)
    which = which[kept]
    drawn = np.bincount(which, minlength=len(polygons))
    _require_contrast(labels[which], groups[which])
    samples = xr.Dataset(
        {name: ("sample", pixels[i, kept]) for i, name in enumerate(features.data_vars)},
        coords={
            "label": ("sample", labels[which]),
            "polygon": ("sample", groups[which]),
            "weight": ("sample", inside[which] / drawn[which]),
            "y": ("sample", features.y.values[rows[kept]]),
            "x": ("sample", features.x.values[columns[kept]]),
            **{name: features[name] for name in (SPATIAL_REF,) if name in features.coords},
        },
    )
    samples.attrs = plain_attrs(
        {
            "contested": contested,
            "incomplete": int((~complete).sum()),
            "polygons_unused": int((drawn == 0).sum()),
            "max_per_polygon": max_per_polygon,
            "seed": seed,
        }
    )
    return samples


def _require_features(features: xr.Dataset) -> None:
    if not isinstance(features, xr.Dataset) or not len(features.data_vars):
        message = (
            "draw needs an xarray.Dataset with a variable per feature, got "
            f"{type(features).__name__}; see minewatch.features"
        )
        raise TypeError(message)
    for values in features.values():
        require(values, "y", "x", by="draw", dtype="floating")


def _column(polygons: gpd.GeoDataFrame, name: str) -> Any:
    if name not in polygons.columns:
        have = [str(column) for column in polygons.columns if column != polygons.geometry.name]
        message = f"the polygons have no column {name!r}; they have {have}"
        raise KeyError(message)
    return polygons[name]


def _whole_numbers(polygons: gpd.GeoDataFrame, name: str) -> npt.NDArray[np.int64]:
    values = _column(polygons, name).to_numpy()
    if not (values.dtype == bool or np.issubdtype(values.dtype, np.integer)):
        message = (
            f"draw needs whole numbers in column {name!r} (1 mine, 0 other), got {values.dtype}; "
            f"use e.g. polygons[{name!r}] == 'mine'"
        )
        raise TypeError(message)
    numbers: npt.NDArray[np.int64] = values.astype(np.int64)
    return numbers


def _groups(polygons: gpd.GeoDataFrame, name: str) -> npt.NDArray[np.int64]:
    import pandas as pd

    values = _column(polygons, name)
    if values.isna().any():
        message = f"draw needs a group for every polygon, got {int(values.isna().sum())} without"
        message += f" in column {name!r}; fill them, e.g. with their own row number"
        raise ValueError(message)
    whole = np.issubdtype(values.to_numpy().dtype, np.integer)
    codes = values.to_numpy() if whole else pd.factorize(values, sort=True)[0]
    numbers: npt.NDArray[np.int64] = codes.astype(np.int64)
    return numbers


def _undisputed(
    which: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], pixel: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.bool_], int]:
    """Which entries to keep, one a pixel, and how many pixels have two labels."""
    order = np.lexsort((which, pixel))
    first = np.ones(len(pixel), dtype=bool)
    first[1:] = pixel[order][1:] != pixel[order][:-1]
    number = np.cumsum(first) - 1
    label = labels[which][order]
    same = label == label[first][number]
    disputed = np.bincount(number[~same], minlength=int(first.sum())) > 0
    kept = np.zeros(len(pixel), dtype=bool)
    kept[order] = first & ~disputed[number]
    return kept, int(disputed.sum())


def _capped(
    candidates: npt.NDArray[np.int64],
    which: npt.NDArray[np.int64],
    most: int | None,
    seed: int,
) -> npt.NDArray[np.int64]:
    if most is None:
        return candidates
    rng = np.random.default_rng(seed)
    # The pixels of a polygon stand in random order; the first ones are taken.
    shuffled = rng.permutation(candidates)
    shuffled = shuffled[np.argsort(which[shuffled], kind="stable")]
    polygon = which[shuffled]
    starts = np.searchsorted(polygon, polygon, side="left")
    return np.sort(shuffled[np.arange(len(shuffled)) - starts < most])


def _require_contrast(labels: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]) -> None:
    if len(np.unique(labels)) < 2:
        message = (
            f"draw needs complete pixels of two labels, got labels {np.unique(labels).tolist()} on "
            f"{len(labels)} pixels; add polygons of the other label on this grid, or check that "
            "features and polygons overlap and that the features are not all NaN there"
        )
        raise ValueError(message)
    if len(np.unique(groups)) < 2:
        message = "draw needs pixels of two groups, got one; without two nothing can be validated"
        message += ": add polygons, or leave out group="
        raise ValueError(message)


def frame(samples: xr.Dataset) -> pd.DataFrame:
    """The features of samples as the table that scikit-learn takes: a named float32 column each.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`draw`.

    Returns
    -------
    pandas.DataFrame
        A row for each sample, columns in the order of the variables.

    Raises
    ------
    ValueError
        If it has other dims than ``sample`` or no ``label``.

    Examples
    --------
    >>> samples = xr.Dataset({"s2_ndvi": ("sample", [0.2, 0.7])}, {"label": ("sample", [1, 0])})
    >>> frame(samples)
       s2_ndvi
    0      0.2
    1      0.7
    """
    import pandas as pd

    if tuple(samples.sizes) != ("sample",) or "label" not in samples.coords:
        message = (
            "samples have the dim 'sample' and the coordinate 'label', got dims "
            f"{tuple(samples.sizes)} and coordinates {list(samples.coords)}; draw them with "
            "minewatch.learn.draw"
        )
        raise ValueError(message)
    names = [str(name) for name in samples.data_vars]
    table = np.stack([samples[name].values for name in names], axis=1)
    return pd.DataFrame(np.ascontiguousarray(table, dtype=np.float32), columns=names)


def weights_of(samples: xr.Dataset | xr.DataArray) -> npt.NDArray[np.float64]:
    """What each sample counts: 1 where nothing is said of it.

    Parameters
    ----------
    samples : xarray.Dataset or xarray.DataArray
        Dim ``sample``, perhaps with the coordinate ``weight``.

    Returns
    -------
    array of float64
        One a sample.

    Examples
    --------
    >>> weights_of(xr.Dataset({"s2_ndvi": ("sample", [0.2, 0.7])}))
    array([1., 1.])
    """
    if "weight" not in samples.coords:
        return np.ones(samples.sizes["sample"])
    return np.asarray(samples["weight"].values, np.float64)
