"""Coherence as its makers lay it out, written for a test."""

from __future__ import annotations

import contextlib
import struct
import warnings
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import rasterio
from rasterfiles import write_tif

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "dimap",
    "write_bands",
    "write_dimap",
    "write_gunw",
    "write_hyp3",
    "write_netcdf",
    "with_tag",
]


@contextlib.contextmanager
def in_radar_geometry() -> Iterator[None]:
    """Writing without a georeference is meant; reading it must still be quiet by itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


HYP3_TEXT = """\
Reference Granule: S1_136231_IW2_20200604T022312_VV_7C85-BURST
Secondary Granule: S1_136231_IW2_20200616T022313_VV_5D11-BURST
Reference Pass Direction: DESCENDING
Reference Orbit Number: 32861
Baseline: {baseline}
UTC time: 8592.0
Heading: -166.8
Slant range near: 846099.1
Range looks: {range_looks}
Azimuth looks: {azimuth_looks}
INSAR phase filter: yes
Phase filter parameter: 0.5
DEM source: GLO_30
Unwrapping type: snaphu_mcf
Speckle filter: yes
Water mask: no
"""
"""As HyP3's burst processor writes it (lines shortened)."""


def write_hyp3(
    folder: Path,
    name: str,
    values: np.ndarray,
    *,
    baseline: float,
    looks: tuple[int, int] = (20, 4),
    **grid: Any,
) -> Path:
    """A product folder of HyP3; `looks` are range, azimuth."""
    product = folder / name
    write_tif(product / f"{name}_corr.tif", values, nodata=0, **grid)
    write_tif(product / f"{name}_unw_phase.tif", values * 9, nodata=0, **grid)
    text = HYP3_TEXT.format(baseline=baseline, range_looks=looks[0], azimuth_looks=looks[1])
    (product / f"{name}.txt").write_text(text)
    return product


def write_bands(
    path: Path, bands: dict[str, np.ndarray], *, crs: str | None = "EPSG:32645"
) -> Path:
    """A GeoTIFF whose bands are described."""
    first = next(iter(bands.values()))
    grid: dict[str, Any] = {}
    if crs is not None:
        grid = {"crs": crs, "transform": rasterio.Affine(10, 0, 300000, 0, -10, 2470100)}
    size = {"height": first.shape[0], "width": first.shape[1], "count": len(bands)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        in_radar_geometry(),
        rasterio.open(path, "w", driver="GTiff", dtype=first.dtype, **size, **grid) as file,
    ):
        for number, (label, values) in enumerate(bands.items(), start=1):
            file.write(values, number)
            file.set_band_description(number, label)
    return path


def dimap(bands: list[str], baselines: dict[tuple[str, str], float]) -> str:
    """SNAP's header: bands in reverse, baselines both ways, and the operator's window."""
    named = "".join(
        f"<Spectral_Band_Info><BAND_INDEX>{i}</BAND_INDEX><BAND_NAME>{name}</BAND_NAME>"
        "<DATA_TYPE>float32</DATA_TYPE></Spectral_Band_Info>"
        for i, name in reversed(list(enumerate(bands)))
    )
    table = "".join(
        f'<MDElem name="Ref_{one}">'
        f'<MDElem name="Secondary_{one}"><MDATTR name="Perp Baseline" type="float64">0.0</MDATTR>'
        f'</MDElem><MDElem name="Secondary_{other}">'
        f'<MDATTR name="Perp Baseline" type="float64" mode="rw">{metres}</MDATTR>'
        '<MDATTR name="Temp Baseline" type="float64" mode="rw">-12.0</MDATTR></MDElem></MDElem>'
        for (one, other), metres in baselines.items()
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?><Dimap_Document name="stack.dim">'
        f"<Image_Interpretation>{named}</Image_Interpretation><Dataset_Sources>"
        '<MDElem name="metadata"><MDElem name="Abstracted_Metadata">'
        f'<MDElem name="Baselines">{table}</MDElem></MDElem>'
        '<MDElem name="Processing_Graph"><MDElem name="node.3"><MDElem name="parameters">'
        '<MDATTR name="cohWinAz">3</MDATTR><MDATTR name="cohWinRg">10</MDATTR>'
        "</MDElem></MDElem></MDElem></MDElem></Dataset_Sources></Dimap_Document>"
    )


def write_dimap(
    path: Path,
    bands: dict[str, np.ndarray],
    baselines: dict[tuple[str, str], float],
    *,
    crs: str | None = "EPSG:32645",
) -> Path:
    """A BEAM-DIMAP product: the header, and a folder of ENVI images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dimap(list(bands), baselines), encoding="latin-1")
    for name, values in bands.items():
        with in_radar_geometry():
            write_tif(path.with_suffix(".data") / f"{name}.img", values, driver="ENVI", crs=crs)
    return path


def with_tag(path: Path, text: str, *, tag: int = 65000) -> Path:
    """Add a text to the header of a classic little-endian TIFF: its directory moves to the end."""
    content = bytearray(path.read_bytes())
    assert content[:4] == b"II*\0"
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    entries = bytes(content[start + 2 : start + 2 + 12 * count])
    content += b"\0" * (len(content) % 2)
    at = len(content)
    content += text.encode("latin-1") + b"\0"
    content += b"\0" * (len(content) % 2)
    directory = len(content)
    content += struct.pack("<H", count + 1) + entries
    content += struct.pack("<HHII", tag, 2, len(text) + 1, at) + struct.pack("<I", 0)
    struct.pack_into("<I", content, 4, directory)
    path.write_bytes(bytes(content))
    return path


def write_netcdf(path: Path, days: list[int], bands: dict[str, np.ndarray]) -> Path:
    """A cube as openEO saves it: (t, y, x), days since 1990, pixel centres, the CRS as text."""
    rows, columns = next(iter(bands.values())).shape[1:]
    with h5py.File(path, "w") as file:
        file["t"] = np.array(days, "int32")
        file["t"].attrs["units"] = "days since 1990-01-01"
        file["x"] = 300005 + 10.0 * np.arange(columns)
        file["y"] = 2470095 - 10.0 * np.arange(rows)
        file["crs"] = np.bytes_(b"")
        file["crs"].attrs["crs_wkt"] = rasterio.CRS.from_epsg(32645).to_wkt()
        for name, values in bands.items():
            file.create_dataset(name, data=values, chunks=(1, 4, 4))
            file[name].attrs["_FillValue"] = np.array([-9999], "float32")
    return path


def write_gunw(
    path: Path,
    values: dict[str, np.ndarray],
    times: tuple[str, str],
    *,
    baseline: float,
    early: bool = False,
) -> Path:
    """A NISAR GUNW; in `early` versions the axes stand above the polarizations."""
    root = "science/LSAR"
    with h5py.File(path, "w") as file:
        for role, moment in zip(("reference", "secondary"), times, strict=True):
            file[f"{root}/identification/{role}ZeroDopplerStartTime"] = np.bytes_(moment.encode())
        for product, step in (("unwrappedInterferogram", 80.0), ("wrappedInterferogram", 20.0)):
            base = f"{root}/GUNW/grids/frequencyA/{product}"
            for polarization, layer in values.items():
                where = f"{base}/{polarization}"
                image = layer if step == 80 else np.kron(layer, np.ones((4, 4), layer.dtype))
                file.create_dataset(f"{where}/coherenceMagnitude", data=image, chunks=(4, 4))
                file[f"{where}/coherenceMagnitude"].attrs["_FillValue"] = np.float32(np.nan)
                axes = base if early else where
                if f"{axes}/projection" in file:
                    continue
                rows, columns = image.shape
                file[f"{axes}/xCoordinates"] = 600000 + step * (np.arange(columns) + 0.5)
                file[f"{axes}/yCoordinates"] = 3700000 - step * (np.arange(rows) + 0.5)
                file[f"{axes}/projection"] = np.uint32(32611)
            looks = f"{root}/GUNW/metadata/processingInformation/parameters/{product}/frequencyA"
            file[f"{looks}/numberOfAzimuthLooks"] = np.uint32(16)
            file[f"{looks}/numberOfRangeLooks"] = np.uint32(11)
        cube = np.full((3, 5, 5), baseline, "float32")
        cube += np.linspace(-1, 1, 5)[None, :, None].astype("float32")
        cube[:, 0, 0] = np.nan
        file[f"{root}/GUNW/metadata/radarGrid/perpendicularBaseline"] = cube
    return path
