"""A patch detector over whole scenes: what it says of every window on a lattice."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import _apply
from minewatch.conventions import SPATIAL_REF, Layer, conform
from minewatch.learn.patches.window_blocks import Convolution, Windows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

__all__ = ["scan"]

PROBABILITY = Layer("probability", "probability of a mine in the window")


def scan(
    scene: xr.DataArray,
    detector: Any,
    *,
    step: int | None = None,
    flush: bool = False,
    mode: Literal["auto", "windows", "convolution"] = "auto",
) -> xr.DataArray:
    """Slide a detector's window over a scene.

    Windows start at the upper left corner of the scene and lie whole in it, floor((H - size) /
    step) + 1 of them down a scene of H rows. Each is seen once, however the scene is cut into
    chunks: it belongs to the one that its upper left corner lies in, and what sticks out is read
    from the neighbours.

    A network whose convolutions pad nothing (``padding="valid"``) runs over the pixels that windows
    share once, not once a window; one that pads its patches with zeros cannot, since pixels in the
    middle of a scene have no zeros beside them.

    Parameters
    ----------
    scene : xarray.DataArray
        What :func:`channels` gives: dims (channel, y, x) or (channel, time, y, x) with the names of
        the channels, evenly spaced square pixels of the size that the detector learnt from, NaN
        unknown. Rows are taken from north to south, whatever their order.
    detector : object
        ``predict_proba`` of patches (n, channel, size, size) → (n,), with ``size`` and
        ``channels``. One without padding also ``predict_windows`` of a block (channel, y, x) and a
        step, a multiple of its ``stride`` → (windows down, windows across), NaN in the block being
        unknown. The graph holds it once.
    step : int, optional
        Pixels from window to window; by default half a window, as cells of
        :func:`minewatch.detections.cells` need it.
    flush : bool
        Whether to add a last window flush with the lower and right edge where steps leave a rim.
        These lie on no lattice: they go through ``merge_cells(window_squares(...))``.
    mode : {"auto", "windows", "convolution"}
        Each window by itself, or all of a block in one go; the same within 1e-4. By default the
        second where the detector can.

    Returns
    -------
    xarray.DataArray
        ``probability`` of a mine, dims (y, x) or (time, y, x), float32, at the centres of the
        windows; lazy if `scene` is. NaN where a window holds an unknown pixel. ``cell_size`` in its
        attributes is half a window in units of the CRS.

    Raises
    ------
    KeyError
        If the detector needs channels that the scene has not.
    TypeError
        If `scene` or `detector` is something else.
    ValueError
        If the scene is smaller than a window, its pixels or its third channel are not those of the
        detector, or a setting does not fit the detector.

    Warns
    -----
    UserWarning
        If the channels were filtered otherwise than those that the detector learnt from, as far as
        the attributes of both tell.

    See Also
    --------
    minewatch.detections.cells : makes cells of windows.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> class Dark:
    ...     size, channels, padding = 2, ("vv",), None
    ...
    ...     def predict_proba(self, patches):
    ...         return (patches.mean(axis=(1, 2, 3)) < -15).astype("f4")
    >>> decibels = np.array([[[-20, -20, -8, -8], [-20, -20, -8, np.nan]]], "f4")
    >>> grid = {"channel": ["vv"], "y": [15.0, 5.0], "x": [5.0, 15.0, 25.0, 35.0]}
    >>> windows = scan(xr.DataArray(decibels, grid, ("channel", "y", "x")), Dark())
    >>> windows.values, windows.x.values
    (array([[ 1.,  0., nan]], dtype=float32), array([10., 20., 30.]))
    """
    size = _require_detector(detector)
    step = max(1, size // 2) if step is None else step
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or not 1 <= step <= size:
        message = (
            f"scan needs a step of 1 to {size} pixels, the detector's window, got {step}; use half "
            f"of it, {max(1, size // 2)}"
        )
        raise ValueError(message)
    scene = _oriented(_channels(scene, detector))
    _require_made_alike(scene, detector)
    pixel = _pixel(scene, detector)
    tops, lefts = (_starts(scene, dim, size, int(step), flush) for dim in ("y", "x"))
    way = _way(detector, mode, size, int(step))
    found = _apply.over_lattice(way, detector, scene, tops=tops, lefts=lefts, size=size)
    coords: dict[str, Any] = {
        dim: (dim, _centres(scene, dim, starts, size), scene[dim].attrs)
        for dim, starts in (("y", tops), ("x", lefts))
    }
    if SPATIAL_REF in found.coords:
        told = found.coords[SPATIAL_REF].attrs
        # The transform is that of the pixels.
        coords[SPATIAL_REF] = ((), 0, {k: v for k, v in told.items() if k != "GeoTransform"})
    attrs = {key: value for key, value in scene.attrs.items() if key not in ("long_name", "units")}
    return conform(
        found.assign_coords(coords),
        PROBABILITY,
        **attrs
        | {
            "window_size": size,
            "step": int(step),
            "cell_size": pixel * size / 2,
            "mode": type(way).__name__.lower(),
        },
    )


def _require_detector(detector: Any) -> int:
    lacking = [
        name for name in ("predict_proba", "size", "channels") if not hasattr(detector, name)
    ]
    if lacking:
        message = (
            f"scan needs a detector of patches, {type(detector).__name__} has no "
            f"{', '.join(lacking)}; use e.g. learn.patches.load_detector"
        )
        raise TypeError(message)
    return int(detector.size)


def _channels(scene: object, detector: Any) -> xr.DataArray:
    """The scene with the channels that the detector wants, in its order and in front."""
    if not isinstance(scene, xr.DataArray):
        message = (
            f"scan needs an xarray.DataArray of channels, got {type(scene).__name__}; "
            "use learn.patches.channels"
        )
        raise TypeError(message)
    if not {"channel", "y", "x"} <= set(scene.dims) or scene.ndim > 4:
        message = (
            "scan needs dims ('channel', 'y', 'x') or ('channel', 'time', 'y', 'x'), got "
            f"{scene.dims}; use learn.patches.channels"
        )
        raise ValueError(message)
    wanted = [str(name) for name in detector.channels]
    have = [str(name) for name in scene.indexes["channel"]] if "channel" in scene.indexes else []
    lacking = [name for name in wanted if name not in have]
    if lacking:
        message = (
            f"the detector was fitted on the channels {wanted}, the scene has {have or 'no names'}"
            f" and lacks {lacking}; use learn.patches.channels"
        )
        raise KeyError(message)
    if have != wanted:
        scene = scene.isel(channel=[have.index(name) for name in wanted])
    return scene.transpose("channel", ..., "y", "x")


def _require_made_alike(scene: xr.DataArray, detector: Any) -> None:
    """Compare how channels were made with what the detector noted, where both sides tell."""
    told = getattr(detector, "provenance_", None) or {}
    learnt, made = told.get("channels_made") or {}, scene.attrs
    if "averaging" not in learnt or "averaging" not in made:
        return
    if "pa" in detector.channels and learnt["averaging"] != made["averaging"]:
        message = (
            f"the detector learnt from pa made with averaging={learnt['averaging']!r}, the scene's "
            f"has {made['averaging']!r}; use channels(..., averaging={learnt['averaging']!r})"
        )
        raise ValueError(message)
    wanted, have = _filtering(learnt), _filtering(made)
    if wanted != have:
        warnings.warn(
            f"the detector learnt from channels made with {wanted}, the scene's are made with "
            f"{have}: it sees what it does not know; make them alike with channels(...)",
            UserWarning,
            stacklevel=3,
        )


def _filtering(made: Mapping[str, Any]) -> str:
    """Settings of the channels that change how bright and how grainy they are."""
    names = ("window", "floor") if made.get("window") is None else ("window", "looks", "floor")
    return ", ".join(f"{name}={made.get(name)}" for name in names)


def _oriented(scene: xr.DataArray) -> xr.DataArray:
    """Rows from north to south, columns from west to east, as the detector learnt them."""
    turn = {}
    for dim, sign in (("y", -1), ("x", 1)):
        if dim not in scene.indexes:
            message = (
                f"scan needs the centres of the pixels as coordinates y and x; {dim} is lacking"
            )
            raise ValueError(message)
        ends = scene.indexes[dim].to_numpy()[[0, -1]]
        if sign * (ends[1] - ends[0]) < 0:
            turn[dim] = slice(None, None, -1)
    return scene.isel(turn) if turn else scene


def _pixel(scene: xr.DataArray, detector: Any) -> float:
    """Side of a pixel in units of the CRS."""
    sides = []
    for dim in ("y", "x"):
        centres = scene.indexes[dim].to_numpy(np.float64)
        steps = np.abs(np.diff(centres))
        if not len(steps) or not np.allclose(steps, steps.mean(), rtol=1e-3):
            message = f"scan needs pixels spaced evenly along {dim}; use grids.resample"
            raise ValueError(message)
        sides.append(float(abs(centres[-1] - centres[0]) / len(steps)))
    if not np.isclose(sides[0], sides[1], rtol=1e-6):
        message = (
            f"scan needs square pixels, got {sides[1]:g} by {sides[0]:g}; use grids.resample "
            "onto a projected grid"
        )
        raise ValueError(message)
    learnt = (getattr(detector, "provenance_", None) or {}).get("resolution")
    if learnt is not None and not np.isclose(sides[0], float(learnt), rtol=0.01):
        message = (
            f"the detector learnt from pixels of {float(learnt):g}, the scene has {sides[0]:g}; "
            "use grids.resample"
        )
        raise ValueError(message)
    return sides[0]


def _starts(scene: xr.DataArray, dim: str, size: int, step: int, flush: bool) -> list[int]:
    last = scene.sizes[dim] - size
    if last < 0:
        message = (
            f"scan needs a scene of at least one window, {size} by {size} pixels, got "
            f"{scene.sizes['y']} by {scene.sizes['x']}"
        )
        raise ValueError(message)
    starts = list(range(0, last + 1, step))
    return [*starts, last] if flush and starts[-1] < last else starts


def _centres(scene: xr.DataArray, dim: str, starts: list[int], size: int) -> Any:
    """Where windows have their middle: an even number of pixels has it between two of them."""
    centres = scene.indexes[dim].to_numpy(np.float64)
    first = np.asarray(starts)
    return (centres[first + (size - 1) // 2] + centres[first + size // 2]) / 2


def _way(detector: Any, mode: str, size: int, step: int) -> Windows | Convolution:
    if mode not in ("auto", "windows", "convolution"):
        message = f"scan has no mode {mode!r}; use 'auto', 'windows' or 'convolution'"
        raise ValueError(message)
    padding = getattr(detector, "padding", None)
    able = padding == "valid" and hasattr(detector, "predict_windows")
    if mode == "convolution" and not able:
        message = (
            f"scan convolves with networks of padding='valid' alone, got {padding!r}; use "
            "mode='windows', or fit_network(..., padding='valid')"
        )
        raise ValueError(message)
    stride = int(getattr(detector, "stride", 1))
    if mode == "convolution" and step % stride:
        message = (
            f"scan convolves with steps that are multiples of {stride} pixels, those between the "
            f"network's features, got {step}; use e.g. {stride * max(1, step // stride)}, or "
            "mode='windows'"
        )
        raise ValueError(message)
    convolve = able and step % stride == 0 and mode != "windows"
    return Convolution(size, step) if convolve else Windows(size)
