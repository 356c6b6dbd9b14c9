"""What is wrong with a mapping run is told before its images are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from minewatch import vectors
from minewatch.workflows.mapping_images import check_images
from minewatch.workflows.mapping_students_checks import check_students

if TYPE_CHECKING:
    import geopandas as gpd

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["check_catalog", "check_crs", "check_settings", "threshold_rule"]

LEAST = {
    "max_per_polygon": 1,
    "trees": 1,
    "folds": 2,
    "max_items": 1,
    "permutation": 0,
    "seed": 0,
    "points": 0,
}
"""Whole numbers → the least that has a meaning."""

FEWEST_POINTS = 20
"""Points of a sample that a standard error can be told of."""


def check_settings(settings: MappingSettings) -> gpd.GeoDataFrame:
    """Find what is wrong with the settings and with the polygons they name.

    Parameters
    ----------
    settings : MappingSettings
        The run.

    Returns
    -------
    geopandas.GeoDataFrame
        The reference, with the column ``label``.

    Raises
    ------
    FileNotFoundError
        If a polygon file is not there.
    KeyError
        If it has no such column.
    ValueError
        If a setting is out of range, or a file cannot be used.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> check_settings(MappingSettings(catalog="catalog.json", reference="", folds=1))
    Traceback (most recent call last):
    ...
    ValueError: folds=1 is too small; use 2 or more
    """
    for name, least in LEAST.items():
        if getattr(settings, name) < least:
            message = f"{name}={getattr(settings, name)} is too small; use {least} or more"
            raise ValueError(message)
    for name, holds, wanted in (
        ("bag", 0 < settings.bag <= 1, "a share above 0 and up to 1, e.g. 0.6"),
        ("beta", 0 < settings.beta < math.inf, "a number above 0, e.g. 1"),
        ("min_area", 0 <= settings.min_area < math.inf, "hectares of 0 or more"),
        ("block", settings.block is None or settings.block > 0, "metres above 0, e.g. 5000"),
        ("resolution", 0 < settings.resolution < math.inf, "a pixel size above 0, e.g. 10"),
        (
            "max_cloud_cover",
            settings.max_cloud_cover is None or 0 <= settings.max_cloud_cover <= 100,
            "percent from 0 to 100",
        ),
        ("points", not 0 < settings.points < FEWEST_POINTS, f"0 or at least {FEWEST_POINTS}"),
    ):
        if not holds:
            message = f"{name}={getattr(settings, name)} is out of range; use {wanted}"
            raise ValueError(message)
    threshold_rule(settings.threshold)
    check_images(settings)
    check_students(settings)
    check_crs(settings.crs)
    if settings.catalog and "://" not in settings.catalog:
        check_catalog(settings.catalog)
    reference = vectors.read_polygons(settings.reference, label_column=settings.label)
    if set(reference["label"]) != {0, 1}:
        have = sorted({int(code) for code in reference["label"]})
        message = (
            f"column {settings.label!r} of {settings.reference} holds {have}, and must hold both 1 "
            "(mine) and 0 (anything else); draw polygons of the other too"
        )
        raise ValueError(message)
    if settings.held_out is not None:
        vectors.read_polygons(settings.held_out, label_column=settings.label)
    return reference


def check_crs(crs: str | None) -> None:
    """Refuse a CRS that is none.

    Parameters
    ----------
    crs : str or None
        As a person gives it; None is the UTM zone.

    Raises
    ------
    ValueError
        If it is not known.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if crs is None:
        return
    try:
        CRS(crs)
    except CRSError as error:
        message = f"crs {crs!r} is not known; use e.g. 'EPSG:32721', or leave it out for UTM"
        raise ValueError(message) from error


def check_catalog(path: str) -> None:
    """Refuse a catalogue on this machine that is not there.

    Parameters
    ----------
    path : str
        The catalogue.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    if not Path(path).exists():
        message = (
            f"catalog {path!r} does not exist; give the address of a STAC API, a catalog.json or "
            "an item collection"
        )
        raise FileNotFoundError(message)


def threshold_rule(text: str) -> tuple[str, float]:
    """How the probability from which a pixel is a mine is to be found.

    Parameters
    ----------
    text : str
        ``"best"``, ``"precision:0.9"`` or a probability.

    Returns
    -------
    (str, float)
        ``"best"`` and nan, ``"precision"`` and what is asked for, ``"fixed"`` and the probability.

    Raises
    ------
    ValueError
        If it is none of them.

    Examples
    --------
    >>> threshold_rule("precision:0.9"), threshold_rule("0.5")
    (('precision', 0.9), ('fixed', 0.5))
    """
    if text == "best":
        return "best", math.nan
    kind, _, number = text.rpartition(":")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if kind == "precision" and 0 < value <= 1:
        return kind, value
    if not kind and 0 <= value <= 1:
        return "fixed", value
    known = kind in ("", "precision") and not math.isnan(value)
    what = "is out of range" if known else "is not known"
    message = (
        f"threshold {text!r} {what}; use 'best', a precision like 'precision:0.9' or a "
        "probability like 0.5"
    )
    raise ValueError(message)
