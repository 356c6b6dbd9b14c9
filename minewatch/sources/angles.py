"""Angles of sun and sensor, as the metadata of a Sentinel-2 granule tell them.

Scenes from a catalogue carry the mean position of the sun as coordinates ``sun_zenith`` and
``sun_azimuth``; where the sensor stood is told by ``MTD_TL.xml`` alone, the asset
``granule-metadata`` of Planetary Computer and ``granule_metadata`` of Earth Search: a grid of 5 km
for each band and each of the twelve detectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import rioxarray  # noqa: F401
import scipy
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.grids import resample
from minewatch.sources._documents import parsed_xml
from minewatch.sources._granule_files import metadata_address, read_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree import ElementTree

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

    Vectors = npt.NDArray[np.float64]

__all__ = ["Angles", "granule_angles", "metadata_address", "read_metadata"]

BAND_NUMBERS = {
    "blue": 1, "green": 2, "red": 3, "rededge1": 4, "rededge2": 5, "rededge3": 6, "nir": 7,
    "nir08": 8, "swir16": 11, "swir22": 12,
}  # fmt: skip
"""Common name → bandId of the metadata."""

MAX_BYTES = 20_000_000
"""The metadata of a granule have less than 1 MB; more is something else."""

SUN = Layer("sun_zenith", "sun zenith", units="degrees")


class Angles(NamedTuple):
    """Sun and view of an image, as :func:`minewatch.brdf.nbar` takes them.

    ``sun_zenith`` and ``sun_azimuth`` are layers (y, x); ``view_zenith`` and ``relative_azimuth``
    (view minus sun) have one layer a band. All are float32 in degrees.
    """

    sun_zenith: xr.DataArray
    sun_azimuth: xr.DataArray
    view_zenith: xr.Dataset
    relative_azimuth: xr.Dataset


def granule_angles(
    metadata: str | bytes,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    bands: Iterable[str] | None = None,
    margin: int = 0,
) -> Angles:
    """Angles of sun and sensor on the grid of an image, from the metadata of its granule.

    Directions are interpolated as vectors, so that no azimuth is ever averaged over north. Where
    two detectors overlap their mean direction stands: their seam, which runs between the nodes of
    the grid, is not known. Beyond the last node that a band's detectors reach, up to 5 km, stands
    the direction of the nearest node, which there is less than half a degree off.

    Parameters
    ----------
    metadata : str or bytes
        What ``MTD_TL.xml`` says, L1C or L2A.
    like : GeoBox, xarray.DataArray or xarray.Dataset
        The grid wanted, in any CRS.
    bands : iterable of str, optional
        Common names; by default all ten.
    margin : int
        Nodes of 5 km by which the directions of the outermost are continued beyond the granule.

    Returns
    -------
    Angles
        ``sun_zenith``, ``sun_azimuth``, ``view_zenith`` and ``relative_azimuth`` in degrees, lazy,
        float32; NaN outside of the granule and its margin.

    Raises
    ------
    ValueError
        If it is no granule metadata, or lacks a grid of angles.
    KeyError
        If a band is asked for that Sentinel-2 has not, or the metadata lack.

    See Also
    --------
    minewatch.brdf.nbar : what they are for.

    References
    ----------
    ESA, Sentinel-2 Products Specification Document, S2-PDGS-TAS-DI-PSD, Tile_Angles.

    Examples
    --------
    >>> from minewatch.grids import geobox
    >>> def grid(value):
    ...     rows = f"<VALUES>{value} {value}</VALUES>" * 2
    ...     step = "<COL_STEP>5000</COL_STEP><ROW_STEP>5000</ROW_STEP>"
    ...     return f"{step}<Values_List>{rows}</Values_List>"
    >>> def both(zenith, azimuth):
    ...     return f"<Zenith>{grid(zenith)}</Zenith><Azimuth>{grid(azimuth)}</Azimuth>"
    >>> text = (
    ...     "<Tile><Tile_Geocoding><HORIZONTAL_CS_CODE>EPSG:32721</HORIZONTAL_CS_CODE>"
    ...     "<Geoposition resolution='10'><ULX>600000</ULX><ULY>9000000</ULY></Geoposition>"
    ...     f"</Tile_Geocoding><Sun_Angles_Grid>{both(30, 50)}</Sun_Angles_Grid>"
    ...     "<Viewing_Incidence_Angles_Grids bandId='7' detectorId='3'>"
    ...     f"{both(8, 110)}</Viewing_Incidence_Angles_Grids></Tile>"
    ... )
    >>> image = geobox((601000, 8998000, 602000, 8999000), crs="EPSG:32721", resolution=500)
    >>> angles = granule_angles(text, image, bands=["nir"])
    >>> float(angles.sun_zenith[0, 0]), float(angles.relative_azimuth.nir[0, 0])
    (30.0, 60.0)
    """
    names = list(BAND_NUMBERS) if bands is None else list(bands)
    unknown = [name for name in names if name not in BAND_NUMBERS]
    if unknown:
        message = f"granule_angles knows no band {unknown}; it has {', '.join(BAND_NUMBERS)}"
        raise KeyError(message)
    root = _parsed(metadata)
    sun = root.find(".//Sun_Angles_Grid")
    if sun is None:
        raise ValueError(_lacks("Sun_Angles_Grid"))
    directions = {"sun": _vectors(sun)}
    for name in names:
        found = root.findall(f".//Viewing_Incidence_Angles_Grids[@bandId='{BAND_NUMBERS[name]}']")
        if not found:
            message = f"the granule's metadata have no view angles of {name!r}; leave it out"
            raise KeyError(message)
        detectors = [_vectors(grid) for grid in found]
        if {each.shape for each in detectors} != {directions["sun"].shape}:
            raise ValueError(_lacks(f"view angles of {name} on the grid of the sun's"))
        directions[name] = _joined(detectors)
    nodes = _on_map(np.stack(list(directions.values())), root, sun, margin)
    there = resample(nodes, like, method="bilinear")
    east = dict(zip(directions, there[0], strict=True))
    north = dict(zip(directions, there[1], strict=True))
    azimuth = {name: _azimuth(east[name], north[name]) for name in directions}
    zenith = {name: _zenith(east[name], north[name]) for name in directions}
    relative = {name: (azimuth[name] - azimuth["sun"]) % 360 for name in names}
    return Angles(
        conform(zenith["sun"], SUN),
        conform(azimuth["sun"], Layer("sun_azimuth", "sun azimuth", units="degrees")),
        xr.Dataset({name: conform(zenith[name], _layer(name, "view zenith")) for name in names}),
        xr.Dataset(
            {
                name: conform(relative[name], _layer(name, "view minus sun azimuth"))
                for name in names
            }
        ),
    )


def _layer(name: str, long_name: str) -> Layer:
    return Layer(name, f"{long_name} of {name}", units="degrees")


def _zenith(east: xr.DataArray, north: xr.DataArray) -> Any:
    return np.degrees(np.arctan(np.hypot(east, north)))


def _azimuth(east: xr.DataArray, north: xr.DataArray) -> Any:
    return np.degrees(np.arctan2(east, north)) % 360


def _parsed(metadata: str | bytes) -> ElementTree.Element:
    raw = metadata.encode() if isinstance(metadata, str) else bytes(metadata)
    if len(raw) > MAX_BYTES:
        message = (
            f"granule_angles got {len(raw)} bytes that are no granule metadata; pass what "
            "MTD_TL.xml holds, e.g. Path(file).read_bytes()"
        )
        raise ValueError(message)
    try:
        return parsed_xml(raw)
    except ValueError as error:
        message = (
            f"granule_angles could not read the metadata: {error}; pass what MTD_TL.xml holds, "
            "not its name, e.g. Path(file).read_bytes()"
        )
        raise ValueError(message) from error


def _lacks(what: str) -> str:
    return (
        f"the metadata have no {what}; granule_angles reads MTD_TL.xml of a Sentinel-2 granule, "
        "not that of the product or the datastrip"
    )


def _text(node: ElementTree.Element, path: str) -> str:
    text = node.findtext(path)
    if text is None:
        raise ValueError(_lacks(path.rpartition("/")[2]))
    return text.strip()


def _numbers(grid: ElementTree.Element, angle: str) -> Vectors:
    rows = [(row.text or "").split() for row in grid.iterfind(f"{angle}/Values_List/VALUES")]
    if not rows or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ValueError(_lacks(f"{angle} of {grid.tag} as a grid"))
    try:
        degrees = np.array(rows, "float64")
    except ValueError as error:
        raise ValueError(_lacks(f"{angle} of {grid.tag} in numbers")) from error
    return degrees * (math.pi / 180)


def _vectors(grid: ElementTree.Element) -> Vectors:
    """Where a ray meets the plane one unit above: east and north, (2, y, x)."""
    zenith, azimuth = _numbers(grid, "Zenith"), _numbers(grid, "Azimuth")
    if zenith.shape != azimuth.shape:
        raise ValueError(_lacks(f"Zenith and Azimuth of {grid.tag} on one grid"))
    vectors: Vectors = np.tan(zenith) * np.stack([np.sin(azimuth), np.cos(azimuth)])
    return vectors


def _joined(detectors: list[Vectors]) -> Vectors:
    """Mean direction of the detectors at each node; of the nearest node where there is none."""
    stack = np.stack(detectors)
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    mean = np.where(known, stack, 0).sum(axis=0) / np.maximum(count, 1)
    missing = count[0] == 0
    if missing.all():
        return np.full_like(mean, math.nan)
    nearest = scipy.ndimage.distance_transform_edt(
        missing, return_distances=False, return_indices=True
    )
    filled: Vectors = mean[:, nearest[0], nearest[1]]
    return filled


def _on_map(
    directions: Vectors, root: ElementTree.Element, sun: ElementTree.Element, margin: int
) -> xr.DataArray:
    """The nodes as pixels around them: (axis, direction, y, x)."""
    geocoding = root.find(".//Tile_Geocoding")
    if geocoding is None:
        raise ValueError(_lacks("Tile_Geocoding"))
    left, top = (float(_text(geocoding, f"Geoposition/{name}")) for name in ("ULX", "ULY"))
    right, down = (float(_text(sun, f"Zenith/{name}_STEP")) for name in ("COL", "ROW"))
    around = ((0, 0), (0, 0), (margin, margin), (margin, margin))
    directions = np.pad(directions, around, mode="edge")
    rows, columns = (np.arange(-margin, size - margin) for size in directions.shape[-2:])
    coords = {"y": top - down * rows, "x": left + right * columns}
    dims = ("axis", "direction", "y", "x")
    nodes = xr.DataArray(np.moveaxis(directions, 1, 0), coords, dims)
    result: xr.DataArray = nodes.rio.write_crs(_text(geocoding, "HORIZONTAL_CS_CODE"))
    return result.chunk()
