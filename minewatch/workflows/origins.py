"""What a file tells of its origin by itself, wherever it lies."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch._origins import ORIGIN
from minewatch.workflows.identities import plain_address
from minewatch.workflows.outputs import versions
from minewatch.workflows.resuming import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["is_told", "origin_in", "origin_of", "read_origin"]

FORMAT = "minewatch-origin-1"
TOLD = ("what", "name", "digest")
"""What a file tells of an input. Where it lay is of no use elsewhere, and differs between runs."""
SIGN = f'"{ORIGIN}"'.encode()


def origin_of(
    settings: Any,
    inputs: Iterable[Mapping[str, Any]],
    *,
    dropped: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What files of a run shall carry: the same for the same run, wherever and whenever it is made.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    inputs : iterable of mapping
        From :func:`minewatch.workflows.provenance.inputs_of`.
    dropped : iterable of mapping
        What was left out so far: ``what``, ``name``, ``reason``.

    Returns
    -------
    dict
        ``format``, ``settings``, ``parameters`` (without those that no number depends on; of a path
        its name), ``versions``, ``inputs`` and ``dropped``.

    Examples
    --------
    >>> from minewatch.workflows import ActivitySettings
    >>> told = origin_of(ActivitySettings(input="here/slc", output="there"), [])
    >>> told["settings"], told["parameters"]["input"], "output" in told["parameters"]
    ('ActivitySettings', 'slc', False)
    """
    rows = [{key: row.get(key, "") for key in TOLD} for row in inputs]
    rows = [{**row, "name": plain_address(row["name"])} for row in rows]
    made_with = {key: value for key, value in versions().items() if key != "finished"}
    return {
        "format": FORMAT,
        "settings": type(settings).__name__,
        "parameters": {
            field.name: _elsewhere(field, getattr(settings, field.name))
            for field in dataclasses.fields(settings)
            if field.name not in ELSEWHERE
        },
        "versions": made_with,
        "inputs": sorted(rows, key=lambda row: (row["what"], row["name"])),
        "dropped": [dict(row) for row in dropped],
    }


def _elsewhere(field: dataclasses.Field[Any], value: Any) -> Any:
    """A value without the place that it names, as JSON gives it back."""
    if isinstance(value, tuple | list):
        return [_elsewhere(field, one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not value or not isinstance(value, str):
        return value
    if "://" in value:
        return plain_address(value)
    return Path(value).resolve().name if field.metadata.get("path") else value


def read_origin(path: Path) -> dict[str, Any] | None:
    """What a file carries.

    Parameters
    ----------
    path : pathlib.Path
        GeoTIFF, Zarr store or a file in it, GeoPackage or GeoJSON.

    Returns
    -------
    dict or None
        From :func:`origin_of`; None if it carries none.

    Raises
    ------
    ValueError
        If this version cannot read what it carries.

    Examples
    --------
    >>> read_origin(Path("nowhere.tif")) is None
    True
    """
    text = origin_in(path)
    if text is None:
        return None
    told: Any = None
    with contextlib.suppress(ValueError, RecursionError):
        told = json.loads(text) if isinstance(text, str) else text
    if not is_told(told, FORMAT, ("inputs", "dropped")):
        message = (
            f"what {path} carries of its origin ({ORIGIN}) is nothing that this version reads; "
            "give the folder of its run, or use a newer version"
        )
        raise ValueError(message)
    return dict(told)


def is_told(found: Any, form: str, lists: Iterable[str]) -> bool:
    """Whether what was read is a record of some form, with rows that have names.

    Parameters
    ----------
    found : object
        From JSON.
    form : str
        Its ``format``.
    lists : iterable of str
        Keys of its lists of rows.

    Returns
    -------
    bool
        Whether it is.

    Examples
    --------
    >>> is_told({"format": "minewatch-origin-2"}, "minewatch-origin-1", [])
    False
    """
    return (
        isinstance(found, dict)
        and found.get("format") == form
        and all(isinstance(found.get(key), dict) for key in ("parameters", "versions"))
        and all(
            isinstance(found.get(key), list)
            and all(
                isinstance(row, dict) and isinstance(row.get("name"), str) for row in found[key]
            )
            for key in lists
        )
    )


def origin_in(path: Path) -> Any:
    """What stands in a file under the name of origins, whatever it is.

    Parameters
    ----------
    path : pathlib.Path
        As for :func:`read_origin`.

    Returns
    -------
    object
        Text or, of GeoJSON, what it means; None if there is nothing.

    Examples
    --------
    >>> origin_in(Path("nowhere.tif")) is None
    True
    """
    stores = [place for place in (path, *path.parents) if place.suffix == ".zarr"]
    if stores:
        return _member(stores[-1] / "zarr.json", "attributes")
    if path.suffix == ".geojson":
        return _member(path)
    if path.suffix == ".gpkg":
        return _row(path)
    return _tag(path) if path.suffix in (".tif", ".tiff") else None


def _member(path: Path, *inside: str) -> Any:
    """What stands in a JSON file, at its top or inside of something."""
    if not path.is_file():
        return None
    text = path.read_bytes()
    if SIGN not in text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for key in inside:
        found = found.get(key) if isinstance(found, dict) else None
    return found.get(ORIGIN) if isinstance(found, dict) else None


def _tag(path: Path) -> str | None:
    """What stands in a GeoTIFF."""
    import rasterio

    try:
        with rasterio.open(path) as file:
            told: str | None = file.tags().get(ORIGIN)
    except rasterio.errors.RasterioError:
        return None
    return told


def _row(path: Path) -> str | None:
    """What stands in a GeoPackage, with its first layer."""
    import pyogrio

    if not path.is_file():
        return None
    try:
        for layer, _ in pyogrio.list_layers(path):
            told: dict[str, str] = pyogrio.read_info(path, layer=layer)["layer_metadata"] or {}
            if ORIGIN in told:
                return told[ORIGIN]
    except pyogrio.errors.DataSourceError:
        return None
    return None
