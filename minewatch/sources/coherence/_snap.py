"""SNAP exports of coherence: BEAM-DIMAP (``.dim``, ``.data``), and the header of its GeoTIFFs.

A band is called ``coh_VV_12Mar2023_24Mar2023`` (with ``IW1_`` before the polarization where swaths
are apart): its two acquisitions, on the grid of the product. The header, XML, is the ``.dim`` file,
or TIFF tag 65000; it also holds the baselines that SNAP reckoned. Written as SNAP's sources and
others' readers say; no real export of coherence was at hand (of SNAP's complex export, one was).
"""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from minewatch.sources import _rasters as rasters
from minewatch.sources._baselines import day
from minewatch.sources._documents import parsed_xml
from minewatch.sources._files import dates_in
from minewatch.sources.coherence._layers import Options, PairLayer
from minewatch.sources.slc._acquisitions import POLARIZATIONS, Place

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

__all__ = ["Header", "embedded", "header", "polarization_of", "read"]

TAG = 65000
"""Where SNAP's GeoTIFF writer keeps its header."""


LAYOUTS = {42: ("H", "HHI4s", "I", 4), 43: ("Q", "HHQ8s", "Q", 8)}
"""TIFF and BigTIFF: how the number of entries, an entry and an offset are packed, and where the
offset of the first directory stands."""


@dataclass(frozen=True)
class Header:
    """What SNAP says of a product.

    Parameters
    ----------
    bands : tuple of str
        Names, in the order of the bands.
    baselines : dict
        (reference day, secondary day) → metres.
    window : (int, int), optional
        Rows and columns (azimuth and range) of the coherence window.
    """

    bands: tuple[str, ...] = ()
    baselines: dict[tuple[Any, Any], float] = field(default_factory=dict)
    window: tuple[int, int] | None = None

    def metres(self, dates: tuple[np.datetime64, np.datetime64]) -> float:
        """Perpendicular baseline of a pair.

        Parameters
        ----------
        dates : tuple of two numpy.datetime64
            As the band names them.

        Returns
        -------
        float
            NaN where the header does not tell.
        """
        one, other = day(dates[0]), day(dates[1])
        if (one, other) in self.baselines:
            return self.baselines[one, other]
        return -self.baselines.get((other, one), float("nan"))


def header(xml: bytes | str) -> Header:
    """Read a DIMAP header.

    Parameters
    ----------
    xml : bytes or str
        Of ``.dim``, or of TIFF tag 65000.

    Returns
    -------
    Header
        Empty where the text says nothing of the kind.

    Raises
    ------
    ValueError
        If it is no XML.
    """
    try:
        root = parsed_xml(xml)
    except ValueError as error:
        message = f"the header is no XML as SNAP writes it: {error}; export the product anew"
        raise ValueError(message) from error
    named = []
    for band in root.iter("Spectral_Band_Info"):
        index = band.findtext("BAND_INDEX", "0").strip()
        named.append((int(index) if index.isdecimal() else 0, band.findtext("BAND_NAME", "")))
    baselines = {}
    for table in root.iter("MDElem"):
        if table.get("name") != "Baselines":
            continue
        for one in table.findall("MDElem"):
            for other in one.findall("MDElem"):
                dates = dates_in(one.get("name", "")) + dates_in(other.get("name", ""))
                value = next(
                    (a.text for a in other.findall("MDATTR") if a.get("name") == "Perp Baseline"),
                    None,
                )
                if len(dates) == 2 and dates[0] != dates[1] and value is not None:
                    with contextlib.suppress(ValueError):  # unknown
                        baselines[day(dates[0]), day(dates[1])] = float(value)
    told = {entry.get("name"): entry.text or "" for entry in root.iter("MDATTR")}
    sides = [told.get(key, "").strip() for key in ("cohWinAz", "cohWinRg")]
    window = (int(sides[0]), int(sides[1])) if all(s.isdecimal() for s in sides) else None
    return Header(tuple(name for _, name in sorted(named)), baselines, window)


def embedded(path: Path) -> Header | None:
    """The header inside a GeoTIFF that SNAP wrote; GDAL does not show it.

    Parameters
    ----------
    path : pathlib.Path
        Any file.

    Returns
    -------
    Header or None
        None where there is none.
    """
    with path.open("rb") as file, contextlib.suppress(struct.error, ValueError):
        # A file that ends early is GDAL's to refuse; others use the tag for their own.
        text = _tagged(file)
        return None if text is None else header(text)
    return None


def _tagged(file: BinaryIO) -> bytes | None:
    """What the first directory of a TIFF has under SNAP's tag."""
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return None
    (version,) = struct.unpack(order + "H", head[2:4])
    if version not in LAYOUTS:
        return None
    number, entry, offset, at = LAYOUTS[version]
    file.seek(struct.unpack_from(order + offset, head, at)[0])
    size = struct.calcsize(order + number)
    (count,) = struct.unpack(order + number, file.read(size))
    size = struct.calcsize(order + entry)
    for _ in range(count):
        tag, _, length, value = struct.unpack(order + entry, file.read(size))
        if tag != TAG:
            continue
        if length > len(value):
            start = struct.unpack(order + offset, value)[0]
            whole = file.seek(0, 2)
            if start + length > whole:
                return None  # it says more than there is
            file.seek(start)
            value = file.read(length)
        return bytes(value[:length].rstrip(b"\0"))
    return None


def polarization_of(band: str) -> str:
    """The polarization in the name of a band.

    Parameters
    ----------
    band : str
        E.g. ``coh_IW1_VV_12Mar2023_24Mar2023``.

    Returns
    -------
    str
        Empty where there is none.
    """
    return next((part for part in band.upper().split("_") if part in POLARIZATIONS), "")


def read(path: Path, options: Options) -> list[PairLayer]:
    """The images of a BEAM-DIMAP product.

    Parameters
    ----------
    path : pathlib.Path
        The ``.dim`` file, beside its ``.data`` folder.
    options : Options
        What the caller knows.

    Returns
    -------
    list of PairLayer
        One for each band ``coh_…`` with two dates.

    Raises
    ------
    ValueError
        If it holds no such band, or its folder is not there.
    """
    folder = path.with_suffix(".data")
    if not folder.is_dir():
        message = f"{path.name} has no folder {folder.name} beside it; copy both"
        raise ValueError(message)
    told = header(path.read_bytes())
    layers = []
    images = sorted(folder.glob("*.img"))
    for image in images:
        dates = dates_in(image.stem)
        if "coh" not in image.stem.lower() or len(dates) < 2:
            continue
        raster = rasters.raster(image)
        layers.append(
            PairLayer(
                name=f"{path.name} {image.stem}",
                dates=(dates[0], dates[1]),
                place=Place(raster.shape, None if raster.crs is None else raster.geobox()),
                pixels=raster.lazy(
                    options.stored(f"{path.name} {image.stem}", raster.nodata),
                    dtype="float32",
                    chunk=options.chunk,
                ),
                metres=told.metres((dates[0], dates[1])),
                window=told.window,
                polarization=polarization_of(image.stem),
                maker="SNAP",
            )
        )
    if not layers:
        message = (
            f"{path.name} holds no band such as coh_VV_12Mar2023_24Mar2023; it has "
            f"{[image.stem for image in images]}"
        )
        raise ValueError(message)
    return layers
