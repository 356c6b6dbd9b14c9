"""Coherence in files that GDAL opens: one band a pair, whatever the maker.

- **HyP3** ``NAME_corr.tif`` with ``NAME.txt`` beside it, in folders or in the zips that HyP3
  delivers; scene, burst and multi-burst products. Met as documented in ASF's product guides and
  written by its open processor; no real product was at hand.
- **GAMMA and PyRate** ``*_cc.tif``: met for real (30 rasters of Mexico City).
- **openEO on CDSE** (``sentinel1_sar_coherence``): ``S1_coh_2images_DATE_DATE.tif`` as the process
  writes them, or ``openEO_DATEZ.tif`` as the service saves them, dated by the reference
  acquisition alone; ``job-results.json`` beside them tells the other date. That file was met as
  a real job wrote it; its rasters were not.
- **SNAP** GeoTIFF: band names are in TIFF tag 65000; only its documented layout was met.
- Any other raster with two dates in its name or in the descriptions of its bands.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from minewatch.sources import _baselines as tables
from minewatch.sources import _rasters as rasters
from minewatch.sources._files import dates_in
from minewatch.sources.coherence import _snap as snap
from minewatch.sources.coherence._layers import Options, PairLayer
from minewatch.sources.coherence._openeo import job_window, later_time
from minewatch.sources.slc._acquisitions import Place

if TYPE_CHECKING:
    import numpy as np

__all__ = ["members", "polarization_in", "read"]

POLARIZATION = re.compile(r"(?:^|[_-])(VV|VH|HH|HV)(?:[PRO]\d{3})?(?=[_.-]|$)", re.IGNORECASE)
"""As a part of a name; HyP3 writes VVP012: polarization, orbit type, days."""

OPENEO = re.compile(r"openEO|S1_coh_2images_")
"""How openEO's results begin."""

LOOKS = ("azimuth looks", "range looks")

MOST_TEXT = 1 << 20
"""Bytes of a text inside a zip that are read; HyP3's have two thousand."""


def members(path: Path) -> list[str]:
    """The coherence rasters of a zip as HyP3 delivers it, as GDAL addresses them.

    Parameters
    ----------
    path : pathlib.Path
        The zip.

    Returns
    -------
    list of str
        ``/vsizip/...`` of each ``*_corr.tif``.

    Raises
    ------
    ValueError
        If there is none, or it is no zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith("_corr.tif"))
    except zipfile.BadZipFile as error:
        message = f"{path} is no zip that can be opened ({error}); get the file anew"
        raise ValueError(message) from None
    if not names:
        message = f"{path.name} holds no *_corr.tif; unpack it and give the rasters"
        raise ValueError(message)
    return [f"/vsizip/{path.resolve()}/{name}" for name in names]


def polarization_in(name: str) -> str:
    """The polarization that is a part of a name.

    Parameters
    ----------
    name : str
        File or band.

    Returns
    -------
    str
        ``"VV"`` …, empty where there is none.
    """
    match = POLARIZATION.search(name)
    return match[1].upper() if match else ""


def read(path: Path, options: Options) -> list[PairLayer]:
    """The images of one file.

    Parameters
    ----------
    path : pathlib.Path
        A raster, or a zip of HyP3.
    options : Options
        What the caller knows.

    Returns
    -------
    list of PairLayer
        One for each band that is coherence; none if no dates are told.

    Raises
    ------
    ValueError
        If it is no raster.
    """
    if path.suffix.lower() == ".zip":
        return [layer for name in members(path) for layer in _raster(name, path, options)]
    return _raster(str(path), path, options)


def _raster(address: str, own: Path, options: Options) -> list[PairLayer]:
    name = Path(address).name
    told = snap.Header() if own.suffix.lower() == ".zip" else snap.embedded(own) or snap.Header()
    bands = _bands(address, name, own, told)
    facts = _sidecar(address, own)
    layers = []
    for band, label in bands.items():
        dates = _dates(name, label, own.parent, options)
        if dates is None:
            continue
        called = name if len(bands) == 1 else f"{name} {label}"
        header = rasters.raster(band, container=own)
        layers.append(
            PairLayer(
                name=called,
                dates=dates,
                place=Place(header.shape, None if header.crs is None else header.geobox()),
                pixels=header.lazy(
                    options.stored(called, header.nodata), dtype="float32", chunk=options.chunk
                ),
                metres=facts.get("baseline", told.metres(dates)),
                window=_window(facts) or told.window or _job_window(name, own.parent),
                polarization=polarization_in(label) or polarization_in(name),
                maker=_maker(name, told),
            )
        )
    return layers


def _bands(address: str, name: str, own: Path, told: snap.Header) -> dict[str, str]:
    """Address of each band that is coherence → what it is called."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    try:
        with warnings.catch_warnings(), rasterio.Env(**rasters.READING):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(address)
        with dataset:
            if dataset.driver == "VRT" and own.suffix.lower() != ".vrt":
                message = (
                    f"{address} is no image but a list of others (VRT) under another name; give "
                    "the images, or name it .vrt"
                )
                raise ValueError(message)
            if any(str(dtype).startswith("complex") for dtype in dataset.dtypes):
                message = (
                    f"{address} is complex, not coherence; open SLCs with sources.slc.open_stack, "
                    "or save the magnitude of complex coherence"
                )
                raise ValueError(message)
            count, labels = dataset.count, [label or "" for label in dataset.descriptions]
            rows, columns = dataset.shape
            grounded = dataset.crs is not None
    except rasterio.errors.RasterioIOError as error:
        message = f"{address} is no raster that GDAL can open ({error}); fetch or write it again"
        raise ValueError(message) from error
    if len(told.bands) == count and not any(labels):
        labels = list(told.bands)
    if count == 1:
        return {address: labels[0]}
    chosen = [i for i in range(count) if "coh" in labels[i].lower()]
    chosen = chosen or [i for i in range(count) if len(dates_in(labels[i])) == 2]
    if not chosen:
        message = (
            f"{name} has {count} bands, none called coherence or by two dates: {labels[:5]}; "
            "split it, or name its bands"
        )
        raise ValueError(message)
    if set("?&") & set(address):
        message = f"{address} has several bands and ? or & in its path, which GDAL reads; rename it"
        raise ValueError(message)
    # Radar geometry: a place that is never used keeps GDAL from warning at every read.
    nowhere = "" if grounded else f"&a_ullr=0,0,{columns},-{rows}"
    return {f"vrt://{address}?bands={i + 1}{nowhere}": labels[i] for i in chosen}


def _dates(
    name: str, label: str, folder: Path, options: Options
) -> tuple[np.datetime64, np.datetime64] | None:
    """From the band where it has two, else from the file, else from the job that made it."""
    if options.names is None and len(dates := dates_in(label)) >= 2:
        return dates[0], dates[1]
    told = options.dates(name)
    if told is None and options.names is None and len(dates := dates_in(name)) == 1:
        later = later_time(folder, dates[0])
        told = None if later is None else (dates[0], later)
    return told


def _sidecar(address: str, own: Path) -> dict[str, float]:
    """What HyP3 wrote beside ``NAME_corr.tif`` into ``NAME.txt``."""
    if not address.endswith("_corr.tif"):
        return {}
    if own.suffix.lower() == ".zip":
        with zipfile.ZipFile(own) as archive:
            inside = address.removeprefix(f"/vsizip/{own.resolve()}/")
            name = inside.removesuffix("_corr.tif") + ".txt"
            if name not in archive.namelist():
                return {}
            with archive.open(name) as text:
                told = text.read(MOST_TEXT)
            return tables.hyp3_facts(told.decode("utf-8", errors="replace"))
    path = own.with_name(own.name.removesuffix("_corr.tif") + ".txt")
    return tables.hyp3_sidecar(path) if path.is_file() else {}


def _window(facts: dict[str, float]) -> tuple[int, int] | None:
    azimuth, range_ = (facts.get(key) for key in LOOKS)
    return None if azimuth is None or range_ is None else (int(azimuth), int(range_))


def _job_window(name: str, folder: Path) -> tuple[int, int] | None:
    return job_window(folder) if OPENEO.match(name) else None


def _maker(name: str, told: snap.Header) -> str:
    if name.endswith("_corr.tif"):
        return "HyP3"
    if OPENEO.match(name):
        return "openEO"
    if told.bands:
        return "SNAP"
    return "GAMMA" if name.endswith("_cc.tif") else "rasters"
