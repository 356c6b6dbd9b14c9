r"""Three years of activity as one picture, and as eight colours that can be counted.

A year's mean NDAI drives one colour channel, stretched from 0 to twice the threshold,

.. math:: c_k = \mathrm{clip}\left(\frac{\mathrm{NDAI}_k}{2\,th}, 0, 1\right), \qquad
          \mathrm{NDAI}_k = th \mapsto c_k = \tfrac{1}{2}

so that the colour says in which years ground was active. Jolleys and Duddy (2023), Climate TRACE
methodology for mining and quarrying, after Moon and Lee; they give neither stretch nor limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minewatch import _apply
from minewatch.activity.differences import check_threshold
from minewatch.conventions import NO_CLASS, Layer, conform, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import xarray as xr

__all__ = ["COLOURS", "activity_colours", "activity_rgb"]

COLOURS = {
    "black": 0,
    "red": 1,
    "green": 2,
    "yellow": 3,
    "blue": 4,
    "magenta": 5,
    "cyan": 6,
    "white": 7,
}
"""Code of each colour: 1 for the first year, plus 2 for the second, plus 4 for the third."""

HEXADECIMAL = "#000000 #ff0000 #00ff00 #ffff00 #0000ff #ff00ff #00ffff #ffffff"
AROUND_THE_CIRCLE = np.array(
    [COLOURS[name] for name in ("red", "yellow", "green", "cyan", "blue", "magenta")], "uint8"
)
METHODS = ("binary", "hsv")

RGB = Layer("activity_rgb", "activity of three years as red, green and blue")
ACTIVITY_COLOURS = Layer(
    "activity_colours", "years of activity as a colour", dtype="uint8", flags=COLOURS
)


def activity_rgb(
    annual_ndai: xr.DataArray, *, years: Sequence[int], threshold: float | xr.DataArray
) -> xr.DataArray:
    r"""Colour composite of three years of mean NDAI, all on one stretch.

    .. math:: c_k = \mathrm{clip}(\mathrm{NDAI}_k / (2\,th), 0, 1)

    One stretch for the three years: with one for each, colours could not be compared.

    Parameters
    ----------
    annual_ndai : xarray.DataArray
        From :func:`mean_ndai` with ``by="year"``: dims (year, y, x).
    years : sequence of int
        The years shown as red, green and blue.
    threshold : float or xarray.DataArray
        NDAI that is shown half bright, e.g. from :func:`ndai_threshold`.

    Returns
    -------
    xarray.DataArray
        ``activity_rgb``, dims (channel, y, x), float32 in [0, 1], lazy if `annual_ndai` is. The
        coordinate ``channel`` says red, green and blue, ``year`` the year of each. NaN in all
        channels where a year is unknown.

    Raises
    ------
    ValueError
        If there are not three different years, a year is there twice, or the threshold is not
        between 0 and 1.
    KeyError
        If `annual_ndai` lacks a year.

    See Also
    --------
    activity_colours : the same as eight classes.

    References
    ----------
    Jolleys and Duddy (2023), Climate TRACE methodology, mining and quarrying.

    Examples
    --------
    >>> import xarray as xr
    >>> annual = xr.DataArray(
    ...     np.float32([[[0.2]], [[0.6]], [[-0.05]]]),
    ...     dims=("year", "y", "x"),
    ...     coords={"year": [2020, 2021, 2022]},
    ... )
    >>> activity_rgb(annual, years=(2020, 2021, 2022), threshold=0.2).values.ravel()
    array([0.5, 1. , 0. ], dtype=float32)
    """
    images, level = _three_years(annual_ndai, years, threshold, by="activity_rgb")
    rgb = _apply.with_shared(_stretched, level, images, out_dim="channel", out_size=3)
    flags = {"flag_values": [0, 1, 2], "flag_meanings": "red green blue"}
    rgb = rgb.assign_coords(
        channel=("channel", np.arange(3, dtype="uint8"), {"long_name": "channel", **flags}),
        year=("channel", np.asarray(years, "int64"), {"long_name": "year"}),
    )
    return conform(rgb, RGB, years=list(years), threshold=level, low=0.0, high=2 * level)


def activity_colours(
    annual_ndai: xr.DataArray,
    *,
    years: Sequence[int],
    threshold: float | xr.DataArray,
    method: Literal["binary", "hsv"] = "binary",
) -> xr.DataArray:
    r"""Eight classes of activity over three years.

    ``"binary"``: a year is active where NDAI ≥ th; the code is b₁ + 2 b₂ + 4 b₃. ``"hsv"`` reads
    the composite of :func:`activity_rgb` as hue, saturation and value (hexcone), in this order:
    V < ½ is black, S < ½ white, else the hue decides, in sectors of 60° closed to the left: red
    from 330°, yellow from 30°, green from 90°, cyan from 150°, blue from 210°, magenta from 270°.

    The two agree wherever each channel is at most ¼ or at least ¾, and always on what is black. Of
    channels drawn at random four in five get the same colour; where they differ, ``"hsv"`` mostly
    sees more active years (four times of five), else fewer.

    Parameters
    ----------
    annual_ndai : xarray.DataArray
        From :func:`mean_ndai` with ``by="year"``: dims (year, y, x).
    years : sequence of int
        The first, second and third year: red, green and blue.
    threshold : float or xarray.DataArray
        NDAI from which a year is active, e.g. from :func:`ndai_threshold`.
    method : {"binary", "hsv"}
        How to tell the colour.

    Returns
    -------
    xarray.DataArray
        ``activity_colours``, dims (y, x), uint8, lazy if `annual_ndai` is: 0 black (never), 1 red,
        2 green, 3 yellow, 4 blue, 5 magenta, 6 cyan, 7 white (always), 255 where a year is
        unknown. ``flag_colors`` holds the colours.

    Raises
    ------
    ValueError
        If there are not three different years, a year is there twice, the threshold is not between
        0 and 1, or `method` is unknown.
    KeyError
        If `annual_ndai` lacks a year.

    See Also
    --------
    colour_counts : pixels and areas of each colour and year.

    References
    ----------
    Jolleys and Duddy (2023), Climate TRACE methodology, mining and quarrying: by hue, with limits
    they do not give; these halve every range.

    Examples
    --------
    >>> import xarray as xr
    >>> annual = xr.DataArray(
    ...     np.float32([[[0.3, 0.0]], [[0.0, 0.0]], [[0.4, np.nan]]]),
    ...     dims=("year", "y", "x"),
    ...     coords={"year": [2020, 2021, 2022]},
    ... )
    >>> activity_colours(annual, years=(2020, 2021, 2022), threshold=0.2).values
    array([[  5, 255]], dtype=uint8)
    """
    if method not in METHODS:
        message = f"activity_colours knows the methods 'binary' and 'hsv', got method={method!r}"
        raise ValueError(message)
    images, level = _three_years(annual_ndai, years, threshold, by="activity_colours")
    classify = _by_threshold if method == "binary" else _by_hue
    codes = _apply.with_shared(classify, level, images, dtype="uint8")
    layer = conform(codes, ACTIVITY_COLOURS, years=list(years), threshold=level, method=method)
    layer.attrs["flag_colors"] = HEXADECIMAL
    return layer


def _three_years(
    annual_ndai: xr.DataArray, years: Sequence[int], threshold: float | xr.DataArray, *, by: str
) -> tuple[list[xr.DataArray], float]:
    require(annual_ndai, "year", "y", "x", dtype="floating", by=by)
    if len(set(years)) != 3 or len(years) != 3:
        message = f"{by} needs three different years, got {tuple(years)}; e.g. (2020, 2021, 2022)"
        raise ValueError(message)
    level = check_threshold(threshold, by=by)
    if level <= 0:
        message = f"{by} needs an NDAI threshold above 0, got {level:g}; 0.2 is usual"
        raise ValueError(message)
    known = annual_ndai.indexes.get("year", ())
    if missing := [year for year in years if year not in known]:
        message = (
            f"{by} lacks the years {missing}; annual_ndai has {list(known)}: make it with "
            "mean_ndai(coherence, ledger, by='year')"
        )
        raise KeyError(message)
    if known.has_duplicates:
        message = f"{by} needs each year once, annual_ndai has {list(known)}; choose with isel"
        raise ValueError(message)
    return [annual_ndai.sel(year=year, drop=True) for year in years], level


def _channels(
    threshold: float, images: tuple[npt.NDArray[Any], ...]
) -> tuple[list[npt.NDArray[np.float64]], npt.NDArray[np.bool_]]:
    """The three stretched channels, and where all are known."""
    # In double precision: then c < 1/2 says exactly NDAI < th.
    channels = [np.clip(image.astype("float64") / (2 * threshold), 0, 1) for image in images]
    return channels, _known(images)


def _known(images: tuple[npt.NDArray[Any], ...]) -> npt.NDArray[np.bool_]:
    first, second, third = (np.isfinite(image) for image in images)
    return np.asarray(first & second & third)


def _stretched(threshold: float, *images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    channels, known = _channels(threshold, images)
    return np.where(known, np.stack(channels), np.nan).astype("float32")


def _by_threshold(threshold: float, *images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    code = np.zeros(images[0].shape, "uint8")
    for bit, image in zip((1, 2, 4), images, strict=True):
        code += np.uint8(bit) * (image.astype("float64") >= threshold).astype("uint8")
    code[~_known(images)] = NO_CLASS
    return code


def _by_hue(threshold: float, *images: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    (red, green, blue), known = _channels(threshold, images)
    value = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    spread = value - least
    saturation = 1 - least / np.where(value > 0, value, 1)
    saturation[value == 0] = 0
    step = np.where(spread > 0, spread, 1)
    hue = 60 * np.select(
        [value == red, value == green],
        [(green - blue) / step, (blue - red) / step + 2],
        (red - green) / step + 4,
    )
    hue[~known] = 0
    code: npt.NDArray[np.uint8] = AROUND_THE_CIRCLE[(((hue + 30) % 360) // 60).astype("int64") % 6]
    code[saturation < 0.5] = COLOURS["white"]
    code[value < 0.5] = COLOURS["black"]
    code[~known] = NO_CLASS
    return code
