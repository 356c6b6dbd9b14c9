"""The adapter around stackstac: what goes in, what comes out, and what it may not decide.

stackstac is told the grid, the names and a reader that knows each asset's numbers; its own
rescaling, coordinates and attributes are not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import xarray as xr

from minewatch._apply import along
from minewatch.sources.stac._addresses import REMOTE_SCHEMES
from minewatch.sources.stac._extents import extent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.sources.collections import Conversion

__all__ = ["Source", "stacked"]


ASSET = "asset"


@dataclass(frozen=True)
class Source:
    """Where one asset lies and what its numbers mean.

    Parameters
    ----------
    href : str
        Address.
    item, asset : str
        For messages.
    conversion : Conversion
        From stored numbers to physical values; None keeps them (quality layers).
    resampling : str
        GDAL resampling.
    sign : callable, optional
        Called on the address each time it is opened.
    missing : str
        ``"raise"`` or ``"nan"``.
    calibration : str
        Address of the calibration annotation; empty where one conversion serves all pixels.
    """

    href: str
    item: str
    asset: str
    conversion: Conversion | None
    resampling: str
    sign: Callable[[str], str] | None = None
    missing: str = "raise"
    calibration: str = ""

    def __str__(self) -> str:
        return f"asset {self.asset!r} of item {self.item!r} ({self.href})"

    @property
    def remote(self) -> bool:
        """Whether it is read over the network."""
        return urlsplit(self.href).scheme in REMOTE_SCHEMES


def stacked(
    pieces: Sequence[pystac.Item],
    table: Sequence[Source | None],
    grid: GeoBox,
    *,
    dtype: str,
    chunks: Mapping[str, int],
    timeout: float,
    max_retries: int,
) -> xr.DataArray:
    """One variable of all items, lazily, a time step per item in the order given.

    Parameters
    ----------
    pieces : sequence of pystac.Item
        For their place on Earth.
    table : sequence of Source or None
        Where each item keeps the variable.
    grid : GeoBox
        North up, with an EPSG code.
    dtype : str
        Of the array; floats are filled with NaN, integers with 0.
    chunks : mapping of str to int
        For time, y and x.
    timeout, max_retries
        For GDAL.

    Returns
    -------
    xarray.DataArray
        Dims (time, y, x), no coordinates, no attributes.

    Raises
    ------
    ValueError
        If stackstac draws another grid than was asked for.
    """
    import stackstac

    from minewatch.sources.stac._readers import StrictReader, gdal_environment

    kind = np.dtype(dtype)
    fill = kind.type(np.nan) if kind.kind == "f" else kind.type(0)
    t, (height, width) = grid.transform, grid.shape
    cube = stackstac.stack(
        [
            _plain(item, i, source, grid)
            for i, (item, source) in enumerate(zip(pieces, table, strict=True))
        ],
        assets=[ASSET],
        epsg=grid.crs.to_epsg(),
        resolution=(t.a, -t.e),
        bounds=(t.c, t.f + height * t.e, t.c + width * t.a, t.f),
        snap_bounds=False,
        chunksize=(chunks["time"], 1, chunks["y"], chunks["x"]),
        dtype=kind,
        fill_value=fill,
        rescale=False,
        sortby_date=False,
        xy_coords=False,
        properties=False,
        band_coords=False,
        gdal_env=gdal_environment(timeout=timeout, max_retries=max_retries),
        errors_as_nodata=(),
        reader=StrictReader,
    )
    if cube.shape[-2:] != (height, width):
        message = f"stackstac made {cube.shape[-2:]} pixels of a grid of {(height, width)}"
        raise ValueError(message)
    # stackstac leaves out what lies wholly off the grid: here it stays, as unknown.
    places = [int(name) for name in cube.coords["id"].values]
    names = [str(name) for name in cube.coords["band"].values]
    whole = xr.DataArray(cube.data, dims=cube.dims, coords={"time": places, "band": names})
    if len(places) < len(pieces):
        whole = whole.reindex(time=range(len(pieces)), band=[ASSET], fill_value=fill)
        whole = whole.chunk(time=chunks["time"])  # which they are no longer
    return along(_the_only, whole, "band", dtype=dtype).drop_vars("time")


def _the_only(block: Any) -> Any:
    return block[..., 0]


def _plain(item: pystac.Item, i: int, source: Source | None, grid: GeoBox) -> dict[str, Any]:
    """An item as stackstac wants it: numbered, and with nothing but a place and an address."""
    assets = {}
    if source is not None:
        place = {"proj:epsg": grid.crs.to_epsg(), "proj:bbox": extent(item, source.asset, grid)}
        assets[ASSET] = {"href": source, **place}
    return {"id": str(i), "properties": {"datetime": "2000-01-01T00:00:00Z"}, "assets": assets}
