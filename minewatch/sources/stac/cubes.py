"""Items in, one lazy cube on one grid out.

stackstac draws the graph; this module keeps it strict. The items are reduced to what stackstac
must know, addresses and where they lie; the grid is always given, never guessed; coordinates are
pixel centres; nothing is rescaled by catalogue metadata, but by the row of
:mod:`minewatch.sources.collections`; and attributes and coordinates are only what Zarr can write.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import xarray as xr

from minewatch.conventions import conform
from minewatch.grids import coordinates, geobox_of
from minewatch.sources.collections import (
    QUALITY,
    Collection,
    asset_of,
    collection_of,
    conversion,
    layer_of,
)
from minewatch.sources.stac._contents import as_items
from minewatch.sources.stac._filters import observed
from minewatch.sources.stac._stacking import Source, stacked
from minewatch.sources.stac._steps import first_known, solar_days, step_coordinates
from minewatch.sources.stac.catalogs import is_remote, refuse_local_assets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

__all__ = ["load"]

CHUNKS = {"time": 1, "y": 1024, "x": 1024}


def load(
    items: Iterable[pystac.Item | dict[str, Any]],
    *,
    like: Any,
    variables: Iterable[str] | None = None,
    resampling: str | Mapping[str, str] | None = None,
    chunks: Mapping[str, int] | None = None,
    mosaic: str | None = None,
    collection: str | Collection | None = None,
    missing: str = "raise",
    sign: str | Callable[[str], str] | None = None,
    timeout: float = 60,
    max_retries: int = 5,
) -> xr.Dataset:
    r"""Stack items of one collection on one grid, lazily, in physical units.

    Every stored number becomes :math:`\text{scale} \cdot DN^\text{exponent} + \text{offset}` with
    the constants of its collection (:mod:`minewatch.sources.collections`): surface reflectance
    0..1, linear backscatter power, metres of elevation. Negative reflectance is kept. What was
    not observed is NaN.

    Parameters
    ----------
    items : iterable of pystac.Item or dict
        From :func:`search`; one collection.
    like : odc.geo.geobox.GeoBox, xarray.DataArray or xarray.Dataset
        The grid: see :func:`minewatch.grids.geobox`. Its CRS must have an EPSG code. Items may
        lie in any CRS, UTM zones are mixed freely.
    variables : iterable of str, optional
        Common names, e.g. ``("red", "nir", "quality")``; by default all that some item has.
    resampling : str or mapping of str to str, optional
        GDAL resampling for all variables, or variable → resampling. Defaults by collection:
        bilinear; root mean square for PALSAR amplitudes. ``quality`` is always nearest.
    chunks : mapping of str to int, optional
        Chunk sizes; default time 1, y 1024, x 1024.
    mosaic : {"solar_day"}, optional
        Put the items of one solar day and one relative orbit into one time step; the first that
        knows a pixel gives it. By default every item is a time step.
    collection : str or Collection, optional
        Instead of what the items say, e.g. for a private catalogue.
    missing : {"raise", "nan"}
        What a file that cannot be read becomes when it is computed: an error that names item and
        asset, or NaN with a warning that counts the lost windows.
    sign : {"planetary-computer"} or callable, optional
        Signs an address whenever it is opened, so that a token never outlives its hour.
    timeout : float
        Seconds to wait for a server.
    max_retries : int
        How often GDAL repeats a failed request.

    Returns
    -------
    xarray.Dataset
        Dims (time, y, x); float32, ``quality`` in its own integer dtype. Coordinate ``item`` is
        the position in ``attrs["items"]``, the item ids (of a mosaic: joined by a space).
        ``cloud_cover`` (%), ``sun_zenith``, ``sun_azimuth`` (degrees) and ``relative_orbit``
        (time) are there where items say them. An asset that an item lacks is NaN at its time.

    Raises
    ------
    ValueError
        If items are of several collections, ids repeat, the grid will not do, or an item from
        elsewhere points at a file of this machine.
    KeyError
        If no item has a variable, or the collection has no row.
    RuntimeError
        When computing: if an asset cannot be read.

    See Also
    --------
    search : find the items.
    minewatch.store.to_zarr : write the cube once instead of reading it again and again.

    Examples
    --------
    >>> from odc.geo.geobox import GeoBox
    >>> grid = GeoBox.from_bbox((300000, 2470000, 300200, 2470100), "EPSG:32645", resolution=20)
    >>> item = {
    ...     "type": "Feature",
    ...     "stac_version": "1.0.0",
    ...     "id": "S2A_one",
    ...     "collection": "sentinel-2-l2a",
    ...     "geometry": None,
    ...     "bbox": [85.0, 22.3, 85.1, 22.4],
    ...     "properties": {
    ...         "datetime": "2023-01-10T05:00:00Z",
    ...         "s2:processing_baseline": "05.09",
    ...     },
    ...     "links": [],
    ...     "assets": {"B08": {"href": "https://example.com/B08.tif"}},
    ... }
    >>> cube = load([item], like=grid)
    >>> dict(cube.sizes), list(cube), cube.nir.dtype.name
    ({'time': 1, 'y': 5, 'x': 10}, ['nir'], 'float32')
    """
    for name, value, allowed in (
        ("missing", missing, ("raise", "nan")),
        ("mosaic", mosaic, (None, "solar_day")),
    ):
        if value not in allowed:
            message = f"load needs {name} to be one of {allowed}, got {name}={value!r}"
            raise ValueError(message)
    pieces = _ordered(items)
    row = _row(pieces, collection)
    names = _variables(pieces, row, variables)
    grid = _north_up(like)
    tables = {
        name: _sources(pieces, row, name, _method(resampling, name, row), _signer(sign), missing)
        for name in names
    }
    groups = solar_days(pieces, grid) if mosaic else [[i] for i in range(len(pieces))]
    layers = {}
    for name, table in tables.items():
        layer = layer_of(row, name)
        cube = stacked(
            pieces,
            table,
            grid,
            dtype=layer.dtype,
            chunks={**CHUNKS, **(chunks or {})},
            timeout=timeout,
            max_retries=max_retries,
        )
        layers[name] = conform(
            first_known(cube, groups),
            layer,
            quantity=None if name == QUALITY else row.quantity,
            source=row.id,
            resampling=next(source.resampling for source in table if source is not None),
        )
    dataset = xr.Dataset(layers).assign_coords(
        {**step_coordinates(pieces, groups), **coordinates(grid)}
    )
    dataset.attrs = {
        "collection": row.id,
        "items": [" ".join(pieces[i].id for i in group) for group in groups],
    }
    return dataset


def _ordered(items: Iterable[pystac.Item | dict[str, Any]]) -> list[pystac.Item]:
    """The items by time, each checked and with absolute addresses."""
    import pystac

    if isinstance(items, pystac.Item | dict):
        items = [items]
    pieces = as_items(items)
    if not pieces:
        message = "load got no items; see minewatch.sources.search"
        raise ValueError(message)
    repeated = [name for name, n in Counter(item.id for item in pieces).items() if n > 1]
    if repeated:
        message = f"load got items twice: {repeated[:5]}; pass each once"
        raise ValueError(message)
    for item in pieces:
        origin = item.get_self_href()
        if origin is not None and is_remote(origin):
            refuse_local_assets([item], origin)
    return sorted(pieces, key=lambda item: (observed(item)[0], item.id))


def _row(pieces: Sequence[pystac.Item], collection: str | Collection | None) -> Collection:
    """The one collection that all items are of."""
    if isinstance(collection, Collection):
        return collection
    if collection is not None:
        return collection_of(collection)
    named = sorted({str(item.collection_id) for item in pieces})
    if named == ["None"]:
        message = "the items do not say their collection; say it: load(..., collection='...')"
        raise ValueError(message)
    rows = {collection_of(name).id for name in named}
    if len(rows) > 1:
        message = (
            f"load stacks one collection, got items of {named}; load each by itself on the same "
            "grid: load([i for i in items if i.collection_id == '...'], like=grid)"
        )
        raise ValueError(message)
    return collection_of(named[0])


def _variables(
    pieces: Sequence[pystac.Item], row: Collection, variables: Iterable[str] | None
) -> list[str]:
    """The variables to load; each must be an asset of some item."""
    have = [
        name
        for name in row.names
        if any(asset_of(row, name, item.assets) is not None for item in pieces)
    ]
    if variables is None:
        names = have
    else:
        names = [variables] if isinstance(variables, str) else list(dict.fromkeys(variables))
    lacking = [name for name in names if name not in have]
    if lacking or not names:
        assets = sorted({name for item in pieces for name in item.assets})
        message = (
            f"no item of {row.id!r} has {lacking or list(row.names)}; the items have the "
            f"variables {have} (assets {assets})"
        )
        raise KeyError(message)
    return names


def _north_up(like: Any) -> GeoBox:
    grid = geobox_of(like, by="load")
    t = grid.transform
    if not (t.b == 0 == t.d and t.a > 0 > t.e) or grid.crs is None or grid.crs.to_epsg() is None:
        message = (
            f"load needs a north-up grid in a CRS with an EPSG code, got {grid.crs} with "
            f"transform {tuple(t)[:6]}; use minewatch.grids.geobox(bounds, crs='EPSG:...')"
        )
        raise ValueError(message)
    return grid


def _method(resampling: str | Mapping[str, str] | None, name: str, row: Collection) -> str:
    from rasterio.enums import Resampling

    if name == QUALITY:
        return "nearest"  # class codes and bits have no mean
    if isinstance(resampling, str) or resampling is None:
        method = resampling or row.resampling
    else:
        method = resampling.get(name, row.resampling)
    if method not in Resampling.__members__:
        known = ", ".join(Resampling.__members__)
        message = f"resampling={method!r} of {name!r} is none that GDAL knows; use one of {known}"
        raise ValueError(message)
    return method


def _signer(sign: str | Callable[[str], str] | None) -> Callable[[str], str] | None:
    if sign is None or callable(sign):
        return sign
    if sign != "planetary-computer":
        message = f"sign={sign!r} is unknown; use 'planetary-computer', a callable or None"
        raise ValueError(message)
    try:
        import planetary_computer
    except ImportError as error:
        message = "sign='planetary-computer' needs pip install 'minewatch[pc]'"
        raise ImportError(message) from error
    signer: Callable[[str], str] = planetary_computer.sign_url
    return signer


def _sources(
    pieces: Sequence[pystac.Item],
    row: Collection,
    name: str,
    method: str,
    sign: Callable[[str], str] | None,
    missing: str,
) -> list[Source | None]:
    """Where each item keeps a variable; None where it lacks it."""
    found: list[Source | None] = []
    for item in pieces:
        asset = asset_of(row, name, item.assets)
        if asset is None:
            found.append(None)
            continue
        numbers = None
        if name != QUALITY:
            numbers = conversion(row, item.properties, item=item.id)
        href = item.assets[asset].get_absolute_href() or item.assets[asset].href
        found.append(Source(href, item.id, asset, numbers, method, sign, missing))
    return found
