"""Nadir reflectance by the angles of granules: closed forms, seams, blocks, what is refused."""

from __future__ import annotations

import datetime as dt

import dask
import numpy as np
import pystac
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from granules import ULX, ULY, granule
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import brdf, grids
from minewatch.sources.angles import granule_angles
from minewatch.workflows.mapping_light import seen_from_above

UTM = "EPSG:32721"
BOX = grids.geobox((ULX + 2e4, ULY - 5e4, ULX + 5e4, ULY - 3e4), crs=UTM, resolution=250)


def item(name: str, path: object = None, asset: str = "granule-metadata") -> pystac.Item:
    when = dt.datetime(2022, 5, 1, tzinfo=dt.UTC)
    made = pystac.Item(name, None, None, when, {}, collection="sentinel-2-l2a")
    if path is not None:
        made.add_asset(asset, pystac.Asset(str(path)))
    return made


def scene(*names: str, box=BOX, bands=("nir",), **angles: list[float]) -> xr.Dataset:
    """Ground of 0.3, a date for each name."""
    time = np.array(["2022-05-01", "2022-05-06", "2022-05-11"], "datetime64[ns]")[: len(names)]
    coords = {"time": time, **grids.coordinates(box)}
    coords |= {name: ("time", values) for name, values in angles.items()}
    ground = xr.DataArray(np.full((len(names), *box.shape), 0.3, "f4"), coords, ("time", "y", "x"))
    return xr.Dataset(dict.fromkeys(bands, ground), attrs={"items": list(names)})


def factor_of(text: str, box, band: str = "nir", **how: object) -> xr.DataArray:
    sun, _, view, relative = dask.compute(*granule_angles(text, box, bands=[band]))
    return brdf.c_factor(band, sun, view[band], relative[band], **how)


def westward(east, south):
    return (180_000 - east) / 786_000, -0.03 + 0 * south


@pytest.mark.parametrize("blocks", [{}, {"time": -1, "y": 64, "x": 64}, {"y": 13, "x": 37}])
def test_each_pixel_and_date_has_its_own_factor(tmp_path, blocks):
    """Factors between nodes of 2.5 km are interpolated, which errs by less than 1e-5 of 1."""
    texts = {"a": granule(bands=(3, 7)), "b": granule(bands=(3, 7), view=westward)}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    items = [item("a", tmp_path / "a"), item("b", tmp_path / "b", "granule_metadata")]
    cube = scene("a", "b", bands=("red", "nir"))
    cube = cube.chunk({"time": 1, **blocks}) if blocks else cube
    with nothing_computes():
        seen = seen_from_above(cube, "sentinel2", "observed", items=items) if blocks else None
    seen = seen_from_above(cube, "sentinel2", "observed", items=items) if seen is None else seen
    assert (seen.nir.chunks is not None) == bool(blocks)
    seen = seen.compute()
    for band in ("red", "nir"):
        for at, text in enumerate(texts.values()):
            expected = 0.3 * factor_of(text, BOX, band).values
            npt.assert_allclose(seen[band][at], expected, rtol=2e-5)
    assert float(abs(seen.nir[0] - seen.nir[1]).max()) > 0.005
    assert seen.nir.attrs["normal_zenith"] == "observed"
    assert seen.rio.crs == UTM


def test_the_sun_of_the_latitude(tmp_path):
    (tmp_path / "a").write_text(text := granule(bands=(7,)))
    seen = seen_from_above(scene("a"), "sentinel2", "lat", items=[item("a", tmp_path / "a")])
    middle = 9.41  # the box lies 1,040 km south of the equator
    expected = 0.3 * factor_of(text, BOX, normal_zenith="lat", latitude=-middle).values
    # It reaches a tenth of a degree to either side, which is 0.03 degrees of the sun.
    npt.assert_allclose(seen.nir[0], expected, rtol=2e-4)
    assert float(abs(expected / 0.3 / factor_of(text, BOX) - 1).max()) > 0.002


def test_granules_of_one_pass_meet(tmp_path):
    """Two granules of one date, 100 km apart: each gives its own factor, between them the mean."""

    def from_orbit(at):
        return lambda east, south: ((at - east) / 786_000, 0.02 + 0 * south)

    west = granule(bands=(7,), view=from_orbit(110_000))
    east = granule(bands=(7,), view=from_orbit(10_000), corner=(ULX + 1e5, ULY))
    (tmp_path / "w").write_text(west)
    (tmp_path / "e").write_text(east)
    box = grids.geobox((ULX + 8e4, ULY - 6e4, ULX + 13e4, ULY - 4e4), crs=UTM, resolution=500)
    items = [item("w", tmp_path / "w"), item("e", tmp_path / "e")]
    seen = seen_from_above(scene("w e", box=box), "sentinel2", "observed", items=items).nir[0]
    own, other = (0.3 * factor_of(text, box).values for text in (west, east))
    npt.assert_allclose(seen[:, :30], own[:, :30], rtol=5e-5)  # to 95 km
    npt.assert_allclose(seen[:, 70:], other[:, 70:], rtol=5e-5)  # from 115 km
    npt.assert_allclose(seen[:, 46:56], ((own + other) / 2)[:, 46:56], rtol=5e-5)


def test_a_granule_that_ends_between_the_nodes_is_not_lost(tmp_path):
    (tmp_path / "a").write_text(granule(bands=(7,)))
    right, top = ULX + 112_500, ULY - 60_000  # its last pixel ends there
    box = grids.geobox((right - 500, top - 9_000, right + 9_500, top), crs=UTM, resolution=500)
    east = grids.geobox((right + 300, top - 9e3, right + 9300, top), crs=UTM, resolution=100)
    for grid in (box, east):
        found = [item("a", tmp_path / "a")]
        seen = seen_from_above(scene("a", box=grid), "sentinel2", "observed", items=found).nir
        assert bool(seen.notnull().all())


def test_dates_without_metadata_take_the_means_of_their_scene(tmp_path):
    (tmp_path / "a").write_text(text := granule(bands=(7,)))
    angles = {"sun_zenith": 45.0, "sun_azimuth": 50.0, "view_zenith": 10.0, "view_azimuth": 230.0}
    known = {name: [np.nan, value] for name, value in angles.items()}
    items = [item("a", tmp_path / "a"), item("b")]
    seen = seen_from_above(scene("a", "b", **known), "sentinel2", "observed", items=items).nir
    npt.assert_allclose(seen[0], 0.3 * factor_of(text, BOX), rtol=2e-5)
    npt.assert_allclose(seen[1], 0.3 * float(brdf.c_factor("nir", 45, 10, 180)), rtol=1e-6)


def test_what_has_no_angles_is_named(tmp_path):
    (tmp_path / "a").write_text("<html>not here</html>")
    cube = scene("a", "b", "c d").assign_coords(item=("time", [0, 1, 2]))
    items = [item("a", tmp_path / "a"), item("b"), item("c", tmp_path / "a"), item("d")]
    with pytest.raises(ValueError, match=r"2 of 3 dates .*: b, c d; use brdf='none'"):
        seen_from_above(cube, "sentinel2", "lat", items=items)
    # Dates that were left out before do not shift the names.
    with pytest.raises(ValueError, match=r"1 of 1 dates .*: c d;"):
        seen_from_above(cube.isel(time=[2]), "sentinel2", "lat", items=items)
    lazy = seen_from_above(cube.isel(time=[0]).chunk(), "sentinel2", "lat", items=items)
    with pytest.raises(RuntimeError, match=r"item 'a', which cannot be read.*brdf='none'"):
        lazy.compute()
