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

from minewatch.sources.stac._extents import extent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.sources.collections import Conversion

__all__ = ["Source", "stacked"]


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
    """

    href: str
    item: str
    asset: str
    conversion: Conversion | None
    resampling: str
    sign: Callable[[str], str] | None = None
    missing: str = "raise"

    def __str__(self) -> str:
        return f"asset {self.asset!r} of item {self.item!r} ({self.href})"

    @property
    def remote(self) -> bool:
        """Whether it is read over the network."""
        return urlsplit(self.href).scheme not in {"", "file"}


def stacked(
    pieces: Sequence[pystac.Item],
    tables: Mapping[str, Sequence[Source | None]],
    grid: GeoBox,
    *,
    dtype: str,
    chunks: Mapping[str, int],
    timeout: float,
    max_retries: int,
) -> dict[str, xr.DataArray]:
    """One lazy array per variable, a time step per item, in the order given.

    Parameters
    ----------
    pieces : sequence of pystac.Item
        For their place on Earth.
    tables : mapping of str to sequence of Source or None
        Variable → where each item keeps it.
    grid : GeoBox
        North up, with an EPSG code.
    dtype : str
        Of the arrays; floats are filled with NaN, integers with 0.
    chunks : mapping of str to int
        For time, y and x.
    timeout, max_retries
        For GDAL.

    Returns
    -------
    dict of str to xarray.DataArray
        Dims (time, y, x), no coordinates, no attributes.
    """
    if not tables:
        return {}
    import stackstac

    from minewatch.sources.stac._readers import StrictReader, gdal_environment

    kind = np.dtype(dtype)
    fill = kind.type(np.nan) if kind.kind == "f" else kind.type(0)
    t, (height, width) = grid.transform, grid.shape
    plain = [
        _plain(item, i, {name: table[i] for name, table in tables.items()}, grid)
        for i, item in enumerate(pieces)
    ]
    cube = stackstac.stack(
        plain,
        assets=list(tables),
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
    places = [int(name) for name in cube.coords["id"].values]
    names = [str(name) for name in cube.coords["band"].values]
    cube = xr.DataArray(cube.data, dims=cube.dims, coords={"time": places, "band": names})
    # stackstac leaves out what lies wholly off the grid: here it stays, as unknown.
    cube = cube.reindex(time=range(len(pieces)), band=list(tables), fill_value=fill)
    if cube.shape[-2:] != (height, width):
        message = f"stackstac made {cube.shape[-2:]} pixels of a grid of {(height, width)}"
        raise ValueError(message)
    return {name: cube.sel(band=name, drop=True).drop_vars("time").astype(kind) for name in tables}


def _plain(
    item: pystac.Item, i: int, sources: Mapping[str, Source | None], grid: GeoBox
) -> dict[str, Any]:
    """An item as stackstac wants it: numbered, and with nothing but places and addresses."""
    epsg = grid.crs.to_epsg()
    return {
        "id": str(i),
        "properties": {"datetime": "2000-01-01T00:00:00Z"},
        "assets": {
            name: {
                "href": source,
                "proj:epsg": epsg,
                "proj:bbox": extent(item, source.asset, grid),
            }
            for name, source in sources.items()
            if source is not None
        },
    }
