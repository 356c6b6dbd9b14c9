"""Patches cut out of scenes around labelled points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import SPATIAL_REF, plain_attrs, require
from minewatch.grids import geobox_of

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

__all__ = ["extract"]


def extract(
    scene: xr.DataArray,
    points: gpd.GeoDataFrame,
    *,
    size: int = 104,
    max_nodata: float = 0.0,
) -> xr.Dataset:
    r"""Cut square patches around points, one for each date. Computes the windows, not the scene.

    The first column is :math:`\lfloor (x - x_{min})/d \rfloor - \lfloor size/2 \rfloor` with pixels
    of d, and the first row likewise from the north: the point lies in the central pixel, and in the
    one to the lower right of the centre where the size is even. Patches are north up. Those whose
    window crosses the edge of the scene, or that lack data, are dropped and counted.

    Parameters
    ----------
    scene : xarray.DataArray
        From :func:`channels`: dims (channel, y, x) or (channel, time, y, x), floats, square pixels,
        with a CRS. NaN is unknown.
    points : geopandas.GeoDataFrame
        Points in any CRS with a column ``label``: 1 or True for a mine, 0 or False for none. The
        index numbers them, so that the points of several scenes can be told apart.
    size : int
        Rows and columns of a patch; 104 pixels of 10 m are 1,040 m.
    max_nodata : float
        Largest share of pixels, 0 to 1, in which a channel may be unknown.

    Returns
    -------
    xarray.Dataset
        A patch set: ``patches``, float32, dims (patch, channel, row, column), point by point and
        date by date, in memory. Coordinates of each patch: ``point`` (int64, the index), ``label``
        (int8, 1 or 0), ``x`` and ``y`` of the point, ``left`` and ``top`` of the window, in the CRS
        of the scene, and ``time`` where the scene has one. Attributes ``resolution`` (side of a
        pixel), ``size``, ``max_nodata``, and ``dropped_edge`` and ``dropped_nodata``, which count
        patches.

    Raises
    ------
    TypeError
        If the geometries are no points, the labels no whole numbers or the scene no floats.
    KeyError
        If there is no column ``label``.
    ValueError
        If labels are others than 0 and 1, two points have one number, a CRS is missing, pixels are
        no squares, settings mean nothing, or no patch is left.

    See Also
    --------
    split : into patches to learn from and to test on.
    minewatch.store.patches_to_geotiff : keep them as images.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> grid = {"channel": ["vv"], "y": [35.0, 25, 15, 5], "x": [5.0, 15, 25, 35]}
    >>> scene = xr.DataArray(np.arange(16.0).reshape(1, 4, 4), grid, ("channel", "y", "x"))
    >>> where = gpd.points_from_xy([21, 21], [18, 2], crs="EPSG:32721")
    >>> points = gpd.GeoDataFrame({"label": [1, 0]}, geometry=where)
    >>> found = extract(scene.rio.write_crs("EPSG:32721"), points, size=2)
    >>> found.patches.values[0, 0].tolist(), float(found.left[0]), float(found.top[0])
    ([[5.0, 6.0], [9.0, 10.0]], 10.0, 30.0)
    >>> found.attrs["dropped_edge"]
    0
    """
    scene = _north_up(scene)
    if size < 1 or int(size) != size or not 0 <= max_nodata <= 1:
        message = f"extract needs a size in pixels and max_nodata from 0 to 1, got size={size} and "
        message += f"max_nodata={max_nodata}; use size=104 and max_nodata=0"
        raise ValueError(message)
    grid = _grid_of(scene)
    number, label, x, y = _table(points, grid.crs)
    row, column = grid.first_pixels(x, y, size)
    inside = (
        (row >= 0) & (row <= grid.rows - size) & (column >= 0) & (column <= grid.columns - size)
    )
    at = np.flatnonzero(inside)
    dates = scene.sizes.get("time", 1)
    if len(at) == 0:
        raise ValueError(_none_left(len(number), dates, (~inside).sum() * dates, 0))
    windows = _read(scene, row[at], column[at], size)
    holes = (~np.isfinite(windows).all(axis=2)).mean(axis=(2, 3))
    kept, date = np.nonzero(holes <= max_nodata)
    dropped_edge, dropped_nodata = int((~inside).sum()) * dates, holes.size - len(kept)
    if len(kept) == 0:
        raise ValueError(_none_left(len(number), dates, dropped_edge, dropped_nodata))
    which = at[kept]
    whole = len(kept) == holes.size
    values = windows.reshape(-1, *windows.shape[2:]) if whole else windows[kept, date]
    found = xr.Dataset(
        {"patches": (("patch", "channel", "row", "column"), values)},
        coords={
            "channel": scene["channel"],
            "point": ("patch", number[which]),
            "label": ("patch", label[which]),
            **_times(scene, date),
            "x": ("patch", x[which]),
            "y": ("patch", y[which]),
            "left": ("patch", grid.left + column[which] * grid.step),
            "top": ("patch", grid.top - row[which] * grid.step),
            SPATIAL_REF: _bare_crs(scene),
        },
        attrs=plain_attrs(
            {
                "resolution": grid.step,
                "size": int(size),
                "max_nodata": float(max_nodata),
                "dropped_edge": dropped_edge,
                "dropped_nodata": dropped_nodata,
            }
        ),
    )
    found["patches"].attrs = plain_attrs(
        {"long_name": "patches of a scene", "units": "1"} | dict(scene.attrs)
    )
    return found


@dataclass(frozen=True)
class _Grid:
    """A grid of squares, north up: its upper left corner, the side of a pixel, its size."""

    left: float
    top: float
    step: float
    rows: int
    columns: int
    crs: Any

    def first_pixels(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], size: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows and columns of the upper left pixels of windows around places."""
        ahead = size // 2
        column = np.floor((x - self.left) / self.step) - ahead
        row = np.floor((self.top - y) / self.step) - ahead
        # A place that its CRS does not reach is infinite: beyond every edge.
        far = -(2.0**40)
        row, column = (np.where(np.abs(at) < -far, at, far) for at in (row, column))
        return row.astype(np.int64), column.astype(np.int64)


def _north_up(scene: xr.DataArray) -> xr.DataArray:
    """The scene with rows from the north and columns from the west, channels in front."""
    dims = ("channel", "time", "y", "x") if "time" in getattr(scene, "dims", ()) else (
        "channel", "y", "x",
    )  # fmt: skip
    require(scene, *dims, by="extract", dtype="floating")
    if "channel" not in scene.indexes:
        message = "extract needs to know the channels by name, and the dim has no coordinate; use "
        message += 'scene.assign_coords(channel=["vv", "vh", "pa"])'
        raise ValueError(message)
    for dim, falls in (("y", True), ("x", False)):
        if dim in scene.indexes and len(scene.indexes[dim]) > 1:
            first, last = scene.indexes[dim][[0, -1]]
            if (first < last) != falls:
                continue
            scene = scene.isel({dim: slice(None, None, -1)})
    return scene


def _grid_of(scene: xr.DataArray) -> _Grid:
    box = geobox_of(scene, by="extract")
    across, down = box.transform.a, -box.transform.e
    if not np.isclose(across, down, rtol=1e-6):
        message = (
            f"extract needs square pixels, got {across:g} by {down:g}; bring the scene onto a "
            "grid of squares with minewatch.grids.resample"
        )
        raise ValueError(message)
    rows, columns = box.shape.yx
    return _Grid(box.transform.c, box.transform.f, across, rows, columns, box.crs)


def _table(
    points: gpd.GeoDataFrame, crs: Any
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8], Any, Any]:
    """Number, label, x and y of each point."""
    import geopandas as gpd

    if not isinstance(points, gpd.GeoDataFrame):
        message = (
            f"extract needs a geopandas.GeoDataFrame of points, got {type(points).__name__}; "
            "make one with geopandas.points_from_xy"
        )
        raise TypeError(message)
    if points.crs is None:
        message = "extract got points without a CRS; use points.set_crs('EPSG:4326') if they are "
        message += "longitude and latitude"
        raise ValueError(message)
    if len(points) == 0:
        message = "extract got no points; check the file or the filter that they come from"
        raise ValueError(message)
    kinds = sorted({str(kind) for kind in points.geom_type.unique()})
    if kinds != ["Point"] or points.geometry.is_empty.any():
        empty = int(points.geometry.is_empty.sum())
        message = f"extract needs a point in each row, got {kinds}, {empty} of them empty; use "
        message += "polygons.set_geometry(polygons.representative_point())"
        raise TypeError(message)
    here = points.geometry.to_crs(crs)
    number = _numbers(points.index)
    return number, _labels(points), here.x.to_numpy(np.float64), here.y.to_numpy(np.float64)


def _numbers(index: Any) -> npt.NDArray[np.int64]:
    if not np.issubdtype(index.dtype, np.integer) or not index.is_unique:
        message = "extract numbers points by the index of the table, which must be whole numbers, "
        message += "each once; use points.reset_index(drop=True)"
        raise ValueError(message)
    numbers: npt.NDArray[np.int64] = index.to_numpy(np.int64)
    return numbers


def _labels(points: gpd.GeoDataFrame) -> npt.NDArray[np.int8]:
    if "label" not in points.columns:
        have = [str(name) for name in points.columns if name != points.geometry.name]
        message = f"extract needs a column 'label' of the points (1 mine, 0 none), got {have}"
        raise KeyError(message)
    values = points["label"].to_numpy()
    if not (values.dtype == bool or np.issubdtype(values.dtype, np.integer)):
        message = f"extract needs labels 1 (mine) and 0 (none), got {values.dtype}; use e.g. "
        message += "points.assign(label=points.kind == 'mine')"
        raise TypeError(message)
    if not np.isin(values, (0, 1)).all():
        message = (
            f"extract needs labels 1 (mine) and 0 (none), got {np.unique(values)[:9].tolist()}"
        )
        message += "; use e.g. points.assign(label=points.label == 2)"
        raise ValueError(message)
    labels: npt.NDArray[np.int8] = values.astype(np.int8)
    return labels


def _read(
    scene: xr.DataArray, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.float32]:
    """Windows (point, time, channel, row, column); of lazy scenes only the blocks they lie in."""
    data = scene.data if "time" in scene.dims else scene.data[:, None]
    out = np.empty((len(row), data.shape[1], data.shape[0], size, size), np.float32)
    parts = [
        data[:, :, top : top + size, left : left + size]
        for top, left in zip(row.tolist(), column.tolist(), strict=True)
    ]
    if scene.chunks is not None:
        import dask

        # A product is a copy: what only looks at a block would keep all of it in memory. All at
        # once, so that a block that several windows touch is computed once.
        parts = list(dask.compute(*(part.astype(np.float32) * np.float32(1) for part in parts)))
    for place, part in enumerate(parts):
        out[place], parts[place] = np.moveaxis(part, 0, 1), None
    return out


def _times(scene: xr.DataArray, date: npt.NDArray[np.int64]) -> dict[str, Any]:
    if "time" not in scene.coords:
        return {}
    times = np.atleast_1d(scene["time"].values)
    if not np.issubdtype(times.dtype, np.datetime64):
        message = f"extract needs dates as time, got {times.dtype}; use pandas.to_datetime"
        raise TypeError(message)
    return {"time": ("patch", times.astype("datetime64[ns]")[date])}


def _bare_crs(scene: xr.DataArray) -> xr.Variable:
    """The CRS without the transform, which is that of the scene."""
    attrs = dict(scene.coords[SPATIAL_REF].attrs)
    attrs.pop("GeoTransform", None)
    return xr.Variable((), 0, attrs)


def _none_left(points: int, dates: int, edge: int, nodata: int) -> str:
    return (
        f"extract kept none of {points * dates} patches ({points} points, {dates} dates): the "
        f"windows of {edge} cross the edge of the scene, {nodata} hold nodata; check that points "
        "and scene overlap, choose a smaller size=, or allow max_nodata="
    )
