"""Items in, one lazy cube on one grid out.

stackstac draws the graph; this module keeps it strict. The items are reduced to what stackstac
must know, addresses and where they lie; the grid is always given, never guessed; coordinates are
pixel centres; nothing is rescaled by catalogue metadata, but by the row of
:mod:`minewatch.sources.collections`; and attributes and coordinates are only what Zarr can write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from minewatch.conventions import NO_CLASS, conform
from minewatch.grids import coordinates
from minewatch.sources.collections import QUALITY, layer_of
from minewatch.sources.stac._choices import (
    method_of,
    north_up,
    ordered,
    row_of,
    signer_of,
    sources_of,
    variables_of,
)
from minewatch.sources.stac._stacking import stacked
from minewatch.sources.stac._steps import first_known, solar_days, step_coordinates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pystac

    from minewatch.sources.collections import Collection

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
    not observed is NaN. Land cover keeps its class codes, uint8 with CF flags and 255 for unknown.

    Sentinel-1 GRD, amplitudes in radar geometry, becomes sigma nought on the way: the square of
    the number over the square of the product's own calibration table, read when the image is. It
    is put on the map by the product's ground control points: ellipsoid-geocoded, not terrain
    corrected, its thermal noise not taken off. On slopes it lies aside, by as much as the ground
    is off the heights of these points. Do not mix it with RTC, which is terrain-corrected gamma
    nought.

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
        bilinear; root mean square, which averages power, for PALSAR and GRD amplitudes. Codes,
        ``quality`` and ``cover``, are always nearest. GRD can be rms, average (the same),
        bilinear (of power) or nearest.
    chunks : mapping of str to int, optional
        Chunk sizes; default time 1, y 1024, x 1024. ``{"time": -1}`` reads all dates of a block
        in one task, one after the other: few tasks, and a block as deep as the cube.
    mosaic : {"solar_day"}, optional
        Put the items of one solar day and one orbit into one time step; the first that
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
        the position in ``attrs["items"]``, the item ids (of a mosaic: joined by a space);
        ``attrs["lacking"]`` has, if any, id and variable where an item has no asset of it: NaN.
        ``cloud_cover`` (%), ``sun_zenith``, ``sun_azimuth``, ``view_zenith``, ``view_azimuth``
        (degrees, means of the scene), ``relative_orbit`` and ``cover_year`` (time) are there
        where some item says them, NaN where another does not. Sentinel-2 tells its view at Earth
        Search alone; Landsat that it looked straight down, zenith 0, without an azimuth. An asset
        that an item lacks is NaN at its time.

    Raises
    ------
    ValueError
        If items are of several collections, ids repeat, the grid will not do, an item from
        elsewhere points at a file of this machine, or an address is of another kind than paths,
        file, http, https, s3, gs, az and abfs.
    KeyError
        If no item has a variable, the collection has no row, a resampling is of no variable, or
        an amplitude comes without its calibration.
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
    pieces = ordered(items)
    row = row_of(pieces, collection)
    names = variables_of(pieces, row, variables)
    grid = north_up(like)
    tables = {
        name: sources_of(
            pieces, row, name, method_of(resampling, name, row), signer_of(sign), missing
        )
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
        steps = first_known(cube, groups)
        if row.coded(name) and name != QUALITY:
            steps = steps.where(steps != 0, NO_CLASS)
        layers[name] = conform(
            steps,
            layer,
            quantity=None if row.coded(name) else row.quantity,
            source=row.id,
            resampling=next(source.resampling for source in table if source is not None),
        )
    dataset = xr.Dataset(layers).assign_coords(
        {**step_coordinates(pieces, groups, row.view_zenith), **coordinates(grid)}
    )
    dataset.attrs = {
        "collection": row.id,
        "items": [" ".join(pieces[i].id for i in group) for group in groups],
    }
    lacking = [
        f"{item.id} {name}"
        for name, table in tables.items()
        for item, source in zip(pieces, table, strict=True)
        if source is None
    ]
    return dataset.assign_attrs(lacking=lacking) if lacking else dataset
