"""Landsat Collection 2 Level 2 scenes that lie on disk: a folder or a tar, as USGS hands them out.

Nothing is unpacked: members of an archive are read in place. A file without georeference gets it
from the scene's ``MTL.txt``, whose corner coordinates are pixel centres.

References
----------
USGS (2023), Landsat 8-9 Collection 2 Level 2 Science Product Guide, LSDS-1619.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import conform
from minewatch.grids import coordinates
from minewatch.sources import _rasters as rasters
from minewatch.sources.collections import LANDSAT_C2_L2, QUALITY, Conversion, layer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

__all__ = ["open_scene"]

BANDS = {
    "OLI": {"blue": 2, "green": 3, "red": 4, "nir": 5, "swir16": 6, "swir22": 7},
    "TM": {"blue": 1, "green": 2, "red": 3, "nir": 4, "swir16": 5, "swir22": 7},
}
"""Variable → band number, for Landsat 8–9 and for Landsat 4–7."""

MAX_MTL_BYTES = 1_000_000
"""An MTL file has some 20 kB; more is no MTL."""


def open_scene(
    path: str | Path, *, variables: Iterable[str] | None = None, chunk: int = 1024
) -> xr.Dataset:
    r"""Open a Landsat Collection 2 Level 2 scene as surface reflectance, lazily.

    .. math:: \rho = M_\rho \cdot DN + A_\rho

    with the factors of its MTL (2.75e-5 and -0.2); DN 0 is unknown.

    Parameters
    ----------
    path : str or pathlib.Path
        Folder or ``.tar`` (also compressed) with ``*_MTL.txt`` and ``*_SR_B*.TIF``.
    variables : iterable of str, optional
        Some of ``blue green red nir swir16 swir22 quality``; by default all that are there.
    chunk : int
        Rows and columns of a chunk.

    Returns
    -------
    xarray.Dataset
        As :func:`minewatch.sources.load` gives it, dims (time, y, x) with one time; ``quality``
        (``QA_PIXEL``, uint16) where the scene has it.

    Raises
    ------
    FileNotFoundError
        If there is no scene at `path`.
    ValueError
        If it has no MTL, or one that does not say where the scene lies.
    KeyError
        If it lacks a variable that is asked for.

    See Also
    --------
    minewatch.sources.load : scenes from a catalogue.

    Examples
    --------
    >>> import tempfile, rasterio
    >>> text = '''
    ...   SPACECRAFT_ID = "LANDSAT_8"
    ...   DATE_ACQUIRED = 2019-01-14
    ...   SCENE_CENTER_TIME = "12:57:13.1804960Z"
    ...   MAP_PROJECTION = "UTM"
    ...   UTM_ZONE = 23
    ...   GRID_CELL_SIZE_REFLECTIVE = 30.00
    ...   CORNER_UL_PROJECTION_X_PRODUCT = 583500.000
    ...   CORNER_UL_PROJECTION_Y_PRODUCT = -2222700.000
    ...   REFLECTANCE_MULT_BAND_5 = 2.75e-05
    ...   REFLECTANCE_ADD_BAND_5 = -0.2
    ... '''
    >>> size = {"width": 2, "height": 1, "count": 1, "dtype": "uint16", "crs": "EPSG:32623"}
    >>> at = rasterio.Affine(30, 0, 583485, 0, -30, -2222685)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "LC08_L2SP_MTL.txt").write_text(text)
    ...     name = f"{folder}/LC08_L2SP_SR_B5.TIF"
    ...     with rasterio.open(name, "w", driver="GTiff", transform=at, **size) as file:
    ...         file.write(np.array([[0, 20000]], "uint16"), 1)
    ...     scene = open_scene(folder).compute()
    >>> scene.nir.values[0], scene.x.values
    (array([[ nan, 0.35]], dtype=float32), array([583500., 583530.]))
    """
    files, text = _contents(Path(path))
    facts = _parsed(text)
    sensor = "OLI" if _fact(facts, "SPACECRAFT_ID", path) in {"LANDSAT_8", "LANDSAT_9"} else "TM"
    named: dict[str, tuple[str, int]] = {}
    for name, number in BANDS[sensor].items():
        ends = f"_SR_B{number}.TIF"
        file = next((file for base, file in files.items() if base.upper().endswith(ends)), None)
        if file is not None:
            named[name] = (file, number)
    quality = next((f for base, f in files.items() if base.upper().endswith("_QA_PIXEL.TIF")), None)
    if quality is not None:
        named[QUALITY] = (quality, 0)
    wanted = list(named) if variables is None else list(variables)
    lacking = [name for name in wanted if name not in named]
    if lacking or not wanted:
        message = f"{path} has no {lacking or 'surface reflectance'}; it has {list(named)}"
        raise KeyError(message)
    headers = {name: rasters.raster(named[name][0], container=path) for name in wanted}
    rasters.one_grid(list(headers.values()), by="landsat.open_scene", fix="get the scene anew")
    grid = _grid(next(iter(headers.values())), facts, path)
    layers = {}
    for name, header in headers.items():
        convert = _Reflectance(None if name == QUALITY else _numbers(facts, named[name][1], path))
        layer = layer_of(LANDSAT_C2_L2, name)
        pixels = header.lazy(convert, dtype=layer.dtype, chunk=chunk)
        layers[name] = conform(
            xr.DataArray(pixels[None], dims=("time", "y", "x")),
            layer,
            quantity=None if name == QUALITY else LANDSAT_C2_L2.quantity,
            source=LANDSAT_C2_L2.id,
        )
    scene = xr.Dataset(layers).assign_coords({**_step(facts, path), **coordinates(grid)})
    product = facts.get("LANDSAT_PRODUCT_ID", Path(path).name)
    scene.attrs = {"collection": LANDSAT_C2_L2.id, "items": [product]}
    return scene


def _contents(path: Path) -> tuple[dict[str, str], str]:
    """File name → what GDAL opens, and the text of the MTL."""
    if path.is_dir():
        found = {file.name: str(file) for file in sorted(path.iterdir()) if file.is_file()}
        mtl = next((name for name in found if name.endswith("_MTL.txt")), None)
        if mtl is not None:
            return found, Path(found[mtl]).read_text(encoding="ascii", errors="replace")
    elif path.is_file() and tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            unsafe = [m.name for m in members if ".." in Path(m.name).parts or m.name[0] == "/"]
            if unsafe:
                message = (
                    f"{path} holds {unsafe[0]!r}, a name that leads out of it; get the scene anew"
                )
                raise ValueError(message)
            found = {
                Path(member.name).name: f"/vsitar/{path.resolve()}/{member.name}"
                for member in members
            }
            for member in members:
                if member.name.endswith("_MTL.txt") and member.size <= MAX_MTL_BYTES:
                    stream = archive.extractfile(member)
                    if stream is not None:
                        return found, stream.read().decode("ascii", errors="replace")
    else:
        message = f"no Landsat scene at {path}; give its folder or its tar"
        raise FileNotFoundError(message)
    message = f"{path} has no *_MTL.txt, so its place and factors are unknown; add the scene's MTL"
    raise ValueError(message)


def _parsed(text: str) -> dict[str, str]:
    """The first value of each key: the scene's own, before those of its Level 1 source."""
    facts: dict[str, str] = {}
    for key, value in re.findall(r"^\s*(\w+)\s*=\s*(.+?)\s*$", text, flags=re.MULTILINE):
        facts.setdefault(key, value.strip('"'))
    return facts


def _fact(facts: Mapping[str, str], key: str, path: str | Path) -> str:
    if key not in facts:
        message = f"the MTL of {path} does not say {key}; get the scene's own MTL of Collection 2"
        raise ValueError(message)
    return facts[key]


def _numbers(facts: Mapping[str, str], band: int, path: str | Path) -> Conversion:
    scale, offset = (
        float(_fact(facts, f"REFLECTANCE_{kind}_BAND_{band}", path)) for kind in ("MULT", "ADD")
    )
    return Conversion(scale=scale, offset=offset, nodata=0)


def _grid(header: rasters.Raster, facts: Mapping[str, str], path: str | Path) -> GeoBox:
    """From the file, or from the MTL where the file has no georeference."""
    if header.crs is not None:
        return header.geobox()
    from affine import Affine
    from odc.geo.geobox import GeoBox

    projection = _fact(facts, "MAP_PROJECTION", path)
    if projection == "UTM":  # Landsat counts northing from the equator in the south too
        crs = f"EPSG:{32600 + int(_fact(facts, 'UTM_ZONE', path))}"
    elif projection == "PS":
        crs = "EPSG:3031"
    else:
        message = f"the MTL of {path} says MAP_PROJECTION={projection}; only UTM and PS are known"
        raise ValueError(message)
    step = float(_fact(facts, "GRID_CELL_SIZE_REFLECTIVE", path))
    x, y = (float(_fact(facts, f"CORNER_UL_PROJECTION_{axis}_PRODUCT", path)) for axis in "XY")
    for key, size in zip(("REFLECTIVE_LINES", "REFLECTIVE_SAMPLES"), header.shape, strict=True):
        if int(facts.get(key, size)) != size:
            message = (
                f"{header.name} has no georeference and {header.shape} pixels, but its MTL says "
                f"{key}={facts[key]}: the corner in the MTL is not that of the file"
            )
            raise ValueError(message)
    return GeoBox(header.shape, Affine(step, 0, x - step / 2, 0, -step, y + step / 2), crs)


def _step(facts: Mapping[str, str], path: str | Path) -> dict[str, Any]:
    clock = facts.get("SCENE_CENTER_TIME", "00:00:00").rstrip("Z")[:18]
    time = np.datetime64(f"{_fact(facts, 'DATE_ACQUIRED', path)}T{clock}", "ns")
    coords: dict[str, Any] = {
        "time": ("time", [time], {"long_name": "time of observation (UTC)"}),
        "item": ("time", [0], {"long_name": "position in attrs items"}),
    }
    for name, key, sign, shift, units in (
        ("cloud_cover", "CLOUD_COVER", 1, 0, "%"),
        ("sun_zenith", "SUN_ELEVATION", -1, 90, "degree"),
        ("sun_azimuth", "SUN_AZIMUTH", 1, 0, "degree"),
    ):
        if key in facts:
            value = sign * float(facts[key]) + shift
            long_name = name.replace("_", " ") + " of the scene"
            coords[name] = ("time", [value], {"long_name": long_name, "units": units})
    return coords


class _Reflectance:
    """Stored numbers to reflectance; None keeps them."""

    def __init__(self, numbers: Conversion | None) -> None:
        self.numbers = numbers

    def __call__(self, stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return stored if self.numbers is None else self.numbers.apply(stored, "float32")

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return (type(self).__name__, self.numbers)
