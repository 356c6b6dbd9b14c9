"""Pixels and square metres of each activity colour, and of each year."""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from minewatch.activity.colours import COLOURS
from minewatch.conventions import NO_CLASS, Layer, conform, plain_attrs, require, require_same_grid
from minewatch.grids import cell_areas

__all__ = ["colour_counts"]

COUNT = Layer("count", "pixels of each colour", dtype="int64")
AREA = Layer("area", "area of each colour", units="m2", dtype="float64")
YEAR_COUNT = Layer("year_count", "pixels active in each year", dtype="int64")
YEAR_AREA = Layer("year_area", "area active in each year", units="m2", dtype="float64")

UNKNOWN, VEGETATED, UNCHECKED = "unknown", "white and vegetated", "white, vegetation unknown"
WHITE_RULES = ("all", "exclude", "ndvi_checked")


def colour_counts(
    colours: xr.DataArray,
    *,
    pixel_area_m2: float | None = None,
    white: Literal["all", "exclude", "ndvi_checked"] = "all",
    ndvi: xr.DataArray | None = None,
    ndvi_minimum: float = 0.4,
) -> xr.Dataset:
    r"""Pixels and area of each colour and of each year; computes one pass.

    .. math:: n_1 = R + M + Y + W, \quad n_2 = G + C + Y + W, \quad n_3 = B + C + M + W

    Ground that is always active (white) may as well be forest, which loses its coherence every
    year: `white` says what to make of it.

    Parameters
    ----------
    colours : xarray.DataArray
        From :func:`activity_colours`, dims (y, x).
    pixel_area_m2 : float, optional
        One area for every pixel. By default pixels are measured: width times height on a projected
        grid, on the ellipsoid row by row on a geographic one. Climate TRACE counts 100 m² a pixel,
        the resolution of the images (5 m × 20 m), which is not the size of a pixel of the map.
    white : {"all", "exclude", "ndvi_checked"}
        White counts in each year; in none; or in each unless NDVI says vegetation.
    ndvi : xarray.DataArray, optional
        NDVI on the same grid, for ``"ndvi_checked"``. Where it is unknown, white counts.
    ndvi_minimum : float
        NDVI above which ground is vegetated.

    Returns
    -------
    xarray.Dataset
        ``count`` and ``area`` (m²), dim ``colour`` (names, with ``code``); ``year_count``
        and ``year_area`` (m²), dim ``year``. In memory. The attributes hold how many pixels are
        ``unknown`` (255) and, for ``"ndvi_checked"``, ``white_vegetated`` and ``white_unchecked``.

    Raises
    ------
    ValueError
        If `white` is unknown, ``"ndvi_checked"`` has no `ndvi`, a code is neither 0 to 7 nor 255,
        `pixel_area_m2` is not positive, or the grid has no CRS and no `pixel_area_m2` is given.

    References
    ----------
    Jolleys and Duddy (2023), Climate TRACE methodology, mining and quarrying, Table 2.

    Examples
    --------
    >>> codes = xr.DataArray(
    ...     np.uint8([[1, 7, 7, 0]]), dims=("y", "x"), attrs={"years": [20, 21, 22]}
    ... )
    >>> counts = colour_counts(codes, pixel_area_m2=100)
    >>> counts.year.values, counts.year_count.values, counts.year_area.values
    (array([20, 21, 22]), array([3, 2, 2]), array([300., 200., 200.]))
    """
    require(colours, "y", "x", dtype="integer", by="colour_counts")
    _check(white, ndvi, pixel_area_m2)
    metres = cell_areas(colours) if pixel_area_m2 is None else xr.DataArray(float(pixel_area_m2))
    bare = colours.drop_vars(colours.coords)
    is_white = bare == COLOURS["white"]
    sets = {str(code): bare == code for code in COLOURS.values()} | {UNKNOWN: bare == NO_CLASS}
    if white == "ndvi_checked" and ndvi is not None:
        require(ndvi, "y", "x", dtype="floating", by="colour_counts (ndvi)")
        require_same_grid(colours, ndvi, by="colour_counts")
        index = ndvi.drop_vars(ndvi.coords)
        sets |= {VEGETATED: is_white & (index > ndvi_minimum)}
        sets |= {UNCHECKED: is_white & ~np.isfinite(index)}
    rows = xr.Dataset({name: each.sum("x") for name, each in sets.items()}).compute()
    pixels = {str(name): int(each.sum()) for name, each in rows.items()}
    area = {
        str(name): float((each * metres.drop_vars(metres.coords)).sum())
        for name, each in rows.items()
    }
    codes = list(COLOURS.values())
    known = [str(code) for code in codes]
    if (other := bare.size - sum(pixels[name] for name in [*known, UNKNOWN])) > 0:
        message = (
            f"colour_counts needs codes 0 to 7, or 255 for unknown; {other} pixels have others; "
            "make the map with activity_colours"
        )
        raise ValueError(message)
    left_out = {"all": "", "exclude": known[-1], "ndvi_checked": VEGETATED}[white]
    shown = [[name for name in known if int(name) & bit] for bit in (1, 2, 4)]
    years = [
        {
            kind: sum(per[name] for name in names) - per.get(left_out, 0)
            for kind, per in (("count", pixels), ("area", area))
        }
        for names in shown
    ]
    checked = white == "ndvi_checked"
    flags = {"flag_values": codes, "flag_meanings": " ".join(COLOURS)}
    return xr.Dataset(
        {
            "count": _column([pixels[name] for name in known], "colour", COUNT),
            "area": _column([area[name] for name in known], "colour", AREA),
            "year_count": _column([each["count"] for each in years], "year", YEAR_COUNT),
            "year_area": _column([each["area"] for each in years], "year", YEAR_AREA),
        },
        coords={
            "colour": ("colour", list(COLOURS), {"long_name": "colour"}),
            "code": ("colour", np.array(codes, "uint8"), {"long_name": "code of colour", **flags}),
            "year": (
                "year",
                np.array(colours.attrs.get("years", [1, 2, 3]), "int64"),
                {"long_name": "year"},
            ),
        },
        attrs=plain_attrs(
            {
                "long_name": "pixels and areas of activity colours",
                "white": white,
                "pixel_area_m2": pixel_area_m2,
                "unknown": pixels[UNKNOWN],
                "white_vegetated": pixels[VEGETATED] if checked else None,
                "white_unchecked": pixels[UNCHECKED] if checked else None,
                "ndvi_minimum": ndvi_minimum if checked else None,
            }
        ),
    )


def _column(values: list[int] | list[float], dim: str, layer: Layer) -> xr.DataArray:
    return conform(xr.DataArray(values, dims=dim), layer)


def _check(white: str, ndvi: xr.DataArray | None, pixel_area_m2: float | None) -> None:
    if white not in WHITE_RULES:
        choices = ", ".join(map(repr, WHITE_RULES))
        message = f"colour_counts knows white of {choices}, got white={white!r}"
        raise ValueError(message)
    if white == "ndvi_checked" and ndvi is None:
        message = (
            "colour_counts needs NDVI to check white ground for vegetation; give "
            "ndvi=minewatch.indices.ndvi(red, nir), or white='all'"
        )
        raise ValueError(message)
    if pixel_area_m2 is not None and not pixel_area_m2 > 0:
        message = (
            f"colour_counts needs a positive area of a pixel, got pixel_area_m2={pixel_area_m2}; "
            "leave it out to measure pixels"
        )
        raise ValueError(message)
