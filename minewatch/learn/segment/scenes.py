"""The network over a whole scene, tile by tile, without seams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import _apply
from minewatch.conventions import Layer, conform, require
from minewatch.learn.networks.frameworks import require_onnxruntime
from minewatch.learn.segment.blending import Blended, require_tiling, tile_count

if TYPE_CHECKING:
    from minewatch.learn.segment.segmenters import Segmenter

__all__ = ["predict_segments", "stacked"]

PROBABILITY = Layer("probability", "probability of each class")


def predict_segments(
    scene: xr.DataArray | xr.Dataset,
    segmenter: Segmenter,
    *,
    tile: int = 256,
    overlap: int = 64,
    flips: bool = True,
) -> xr.DataArray:
    """Probability of each class at each pixel of a scene.

    The network looks at tiles that overlap, on a lattice that begins at the upper left corner of
    the scene; where two overlap, one fades into the other. The same scene gives the same numbers
    however it is chunked. Each tile is asked once, by one task: what waits in memory is a few
    blocks, and probabilities of the tiles between them.

    A pixel with an unknown channel is NaN in every class. The network sees the mean of each channel
    there, and beyond the edge of the scene; pixels farther away than ``segmenter.reach`` do not
    notice.

    Parameters
    ----------
    scene : xarray.DataArray or xarray.Dataset
        Dims (channel, y, x), as the chips were cut from, NaN unknown; or a variable of dims (y, x)
        for each channel. Channels are found by their names where both sides have some.
    segmenter : Segmenter
        Of :func:`fit_unet` or :func:`load_segmenter`.
    tile, overlap : int
        Rows and columns of a tile, and how many of them the next one shares; at most half.
    flips : bool
        Look at each tile four times, flipped along both axes, and take the mean: a little better,
        four times as long.

    Returns
    -------
    xarray.DataArray
        Dims (class, y, x), float32 in [0, 1]; ``class`` holds the codes. Lazy, and chunked as the
        scene, if that is.

    Raises
    ------
    ImportError
        If onnxruntime is not installed.
    KeyError
        If the scene lacks a channel.
    ValueError
        If dims or tiles do not fit.

    See Also
    --------
    minewatch.learn.predict_proba : pixel by pixel, with any estimator.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scene = xr.DataArray(rng.normal(size=(1, 40, 60)), dims=("channel", "y", "x"))
    >>> labels = (scene[0] > 0).astype("uint8")
    >>> from minewatch.learn.segment import chips, fit_unet
    >>> cut = chips(scene, labels, size=16)
    >>> segmenter = fit_unet(
    ...     cut.chips, cut.labels, classes=[0, 1], width=4, levels=2, epochs=2, threads=1
    ... )
    >>> found = predict_segments(scene, segmenter, tile=32, overlap=8)
    >>> dict(found.sizes), float(found.sum("class").mean())
    ({'class': 2, 'y': 40, 'x': 60}, 1.0)
    """
    require_onnxruntime("predict_segments")
    require_tiling(tile, overlap, segmenter.step)
    layers = stacked(scene, by="predict_segments")
    layers = _in_order(layers, segmenter)
    counts = tuple(tile_count(size, tile=tile, overlap=overlap) for size in layers.shape[1:])
    found = _apply.over_tiles(
        Blended((counts[0], counts[1]), overlap, flips=flips),
        segmenter,
        layers,
        tile=tile,
        stride=tile - overlap,
        counts=(counts[0], counts[1]),
        out_dim="class",
        out_size=len(segmenter.classes_),
    )
    # Shares of tiles add up to one within the last bit of float32, which may lie above it.
    return conform(
        found.clip(max=1).assign_coords({"class": segmenter.classes_}),
        PROBABILITY,
        model="U-Net",
        class_names=list(segmenter.class_names) or None,
        tile=tile,
        overlap=overlap,
        flips=flips,
    )


def stacked(scene: xr.DataArray | xr.Dataset, *, by: str) -> xr.DataArray:
    """A scene as one array (channel, y, x).

    Parameters
    ----------
    scene : xarray.DataArray or xarray.Dataset
        Such an array, or a variable for each channel.
    by : str
        The function that asks.

    Returns
    -------
    xarray.DataArray
        float32, lazy if the scene is.

    Raises
    ------
    ValueError
        If dims are others.
    TypeError
        If it is neither.

    Examples
    --------
    >>> layer = xr.DataArray(np.zeros((2, 3)), dims=("y", "x"))
    >>> stacked(xr.Dataset({"vv": layer, "vh": layer}), by="chips").channel.values.tolist()
    ['vv', 'vh']
    """
    if isinstance(scene, xr.Dataset):
        for layer in scene.values():
            require(layer, "y", "x", by=by)
        layers = [layer.astype(np.float32) for layer in scene.values()]
        names: Any = [str(name) for name in scene]
        return xr.concat(layers, dim="channel", coords="minimal", compat="override").assign_coords(
            channel=names
        )
    require(scene, "channel", "y", "x", by=by)
    return scene.astype(np.float32)


def _in_order(layers: xr.DataArray, segmenter: Segmenter) -> xr.DataArray:
    """The channels that the network wants, by name, or all if there are no names to go by."""
    wanted = list(segmenter.channels)
    named = wanted != [f"channel{place}" for place in range(len(wanted))]
    if named and "channel" in layers.coords:
        have = [str(name) for name in layers["channel"].values]
        lacking = [name for name in wanted if name not in have]
        if lacking:
            message = f"the network was taught on {wanted}; the scene lacks {lacking}"
            raise KeyError(message)
        if have == wanted:
            return layers
        return layers.isel(channel=[have.index(name) for name in wanted])
    if layers.sizes["channel"] != len(wanted):
        message = (
            f"the network was taught on {len(wanted)} channels, {wanted}, got "
            f"{layers.sizes['channel']}; select them, in its order"
        )
        raise ValueError(message)
    return layers
