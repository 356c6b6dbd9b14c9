"""Angles of a granule whose sensor flies a known path, as its metadata would tell them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import xarray as xr
from granules import ULX, ULY, granule, nodes, sun, view
from laziness import nothing_computes
from numpy import testing as npt
from servers import range_server

from minewatch import brdf
from minewatch.conventions import crs_of
from minewatch.grids import geobox
from minewatch.sources.angles import (
    BAND_NUMBERS,
    granule_angles,
    metadata_address,
    read_metadata,
)

TILE = geobox((ULX, ULY - 110_000, ULX + 110_000, ULY), crs="EPSG:32721", resolution=1_000)


def expected(like, slopes):
    x, y = (np.arange(size) * 1_000 + 500 for size in like.shape[::-1])
    east, south = np.meshgrid(x, y)
    return slopes(east.astype(float), south.astype(float))


def test_angles_are_those_of_the_rays():
    """Slopes of the rays are linear over the tile, which bilinear interpolation keeps."""
    angles = granule_angles(granule(), TILE)
    east, north = expected(TILE, sun)
    npt.assert_allclose(angles.sun_zenith, np.degrees(np.arctan(np.hypot(east, north))), atol=1e-4)
    sun_azimuth = np.degrees(np.arctan2(east, north))
    npt.assert_allclose(angles.sun_azimuth, sun_azimuth, atol=1e-4)
    east, north = expected(TILE, view)
    for name in BAND_NUMBERS:
        zenith = np.degrees(np.arctan(np.hypot(east, north)))
        npt.assert_allclose(angles.view_zenith[name], zenith, atol=1e-4)
        apart = angles.relative_azimuth[name] - (np.degrees(np.arctan2(east, north)) - sun_azimuth)
        npt.assert_allclose((apart + 180) % 360 - 180, 0, atol=1e-3)
    assert angles.sun_zenith.attrs["units"] == "degrees"
    assert angles.sun_zenith.dtype == np.float32
    assert crs_of(angles.view_zenith.nir)


def test_detectors_that_overlap_give_their_mean_direction():
    """Twelve detectors of which each sees what its neighbours do: nothing changes."""
    one, many = (granule_angles(granule(detectors=n), TILE, bands=["red"]) for n in (1, 11))
    npt.assert_allclose(one.view_zenith.red, many.view_zenith.red, atol=1e-4)


def test_azimuths_on_either_side_of_north_meet_in_the_north():
    """Nodes that look to 350° and 10° have 0° between them, not 180°."""

    def northward(east, south):
        sign = np.where(east < 55_000, -1, 1)
        return 0.1 * sign * np.sin(np.radians(10)), 0.1 + 0 * south

    angles = granule_angles(granule(view=northward), TILE, bands=["nir"])
    azimuth = (angles.relative_azimuth.nir + angles.sun_azimuth + 180) % 360 - 180
    assert float(abs(azimuth).max()) < 10.1
    npt.assert_allclose(angles.view_zenith.nir, np.degrees(np.arctan(0.1)), atol=0.1)


def test_the_edge_of_the_swath_takes_the_nearest_node():
    east, _ = nodes()
    angles = granule_angles(granule(swath=east <= 50_000), TILE, bands=["nir"])
    whole = granule_angles(granule(), TILE, bands=["nir"])
    near = slice(0, 55)  # to 55 km
    assert np.isfinite(angles.view_zenith.nir).all()
    apart = abs(angles.view_zenith.nir - whole.view_zenith.nir)[:, near]
    assert float(apart.max()) < 0.5
    nothing = granule_angles(granule(swath=east < 0), TILE, bands=["nir"])
    assert np.isnan(nothing.view_zenith.nir).all()
    assert np.isfinite(nothing.sun_zenith).all()


def test_outside_of_the_granule_nothing_is_known():
    away = geobox((0, 0, 9_000, 9_000), crs="EPSG:32721", resolution=1_000)
    angles = granule_angles(granule(bands=(7,)), away, bands=["nir"])
    assert np.isnan(angles.sun_zenith).all()
    assert np.isnan(angles.view_zenith.nir).all()


def test_a_margin_continues_the_outermost_nodes():
    beside = geobox(
        (ULX + 112_500, ULY - 50_000, ULX + 117_500, ULY - 45_000), crs="EPSG:32721", resolution=500
    )
    text = granule(bands=(7,))
    assert np.isnan(granule_angles(text, beside, bands=["nir"]).view_zenith.nir).all()
    found = granule_angles(text, beside, bands=["nir"], margin=1).view_zenith.nir
    # 55 km beside the track, 786 km below it.
    npt.assert_allclose(found, np.degrees(np.arctan(np.hypot(55 / 786, 0.02))), atol=1e-3)


def test_metadata_are_read_from_files_and_servers_signed_when_they_are_opened(tmp_path: Path):
    (tmp_path / "MTD_TL.xml").write_text(text := granule(bands=(7,)))
    assert read_metadata(str(tmp_path / "MTD_TL.xml")) == text.encode()
    asked = []
    with range_server(tmp_path, before=asked.append) as address:
        got = read_metadata(f"{address}/MTD_TL.xml", sign=lambda href: f"{href}?token=abc")
        with pytest.raises(OSError, match="404"):
            read_metadata(f"{address}/other.xml", max_retries=0)
    assert got == text.encode()
    assert asked[0] == "/MTD_TL.xml?token=abc"
    with pytest.raises(ValueError, match=r"granule metadata lies at s3://.*only http"):
        read_metadata("s3://bucket/MTD_TL.xml")
    with pytest.raises(FileNotFoundError):
        read_metadata(str(tmp_path / "none.xml"))


@pytest.mark.parametrize("name", ["granule-metadata", "granule_metadata"])
def test_both_catalogues_name_the_metadata(name):
    item = pystac.Item("a", None, None, dt.datetime(2022, 5, 1), {})
    assert metadata_address(item) is None
    item.add_asset(name, pystac.Asset("https://example.com/MTD_TL.xml"))
    assert metadata_address(item) == "https://example.com/MTD_TL.xml"


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:Could not parse bucket")
def test_recorded_items_name_their_metadata(real_data: Path):
    recorded = [
        path
        for where in ("pc/items/sentinel-2-l2a", "earthsearch/items/sentinel-2-c1-l2a")
        for path in sorted((real_data / "stac-recorded" / where).rglob("*.json"))
    ]
    items = [pystac.Item.from_dict(json.loads(path.read_text())) for path in recorded]
    assert len(items) >= 2
    addresses = [metadata_address(item) for item in items]
    assert all(str(address).startswith("https://") for address in addresses)
    assert all(str(address).endswith(".xml") for address in addresses)


def test_nbar_takes_them_as_they_are_and_nothing_is_computed():
    text = granule(bands=(3, 7)).encode()
    with nothing_computes():
        angles = granule_angles(text, TILE, bands=["red", "nir"])
        layer = xr.full_like(angles.sun_zenith, 0.3)
        given = angles._asdict()
        del given["sun_azimuth"]
        result = brdf.nbar(xr.Dataset({"red": layer, "nir": layer}), **given)
        assert result.nir.chunks is not None
    factor = brdf.c_factor(
        "nir",
        *(
            float(part[60, 10])
            for part in (angles.sun_zenith, angles.view_zenith.nir, angles.relative_azimuth.nir)
        ),
    )
    npt.assert_allclose(result.nir[60, 10], 0.3 * factor, rtol=1e-5)
    # The sensor stands in the east for the west of the tile, and so does the sun: darker nadir.
    assert float(result.nir[60, 5]) < 0.3 < float(result.nir[60, -5])


def test_errors_say_what_to_type():
    text = granule(bands=(7,))
    with pytest.raises(KeyError, match="leave it out"):
        granule_angles(text, TILE, bands=["red"])
    with pytest.raises(KeyError, match="it has blue, green"):
        granule_angles(text, TILE, bands=["B02"])
    with pytest.raises(ValueError, match=r"Path\(file\)\.read_bytes\(\)"):
        granule_angles("MTD_TL.xml", TILE)
    with pytest.raises(ValueError, match=r"Path\(file\)\.read_bytes\(\)"):
        granule_angles("<!DOCTYPE a [<!ENTITY b 'c'>]>" + text, TILE)
    for part in ("Sun_Angles_Grid", "Tile_Geocoding", "ULX"):
        with pytest.raises(ValueError, match=f"no {part}; granule_angles reads MTD_TL"):
            granule_angles(text.replace(part, "Other"), TILE, bands=["nir"])
    with pytest.raises(ValueError, match="in numbers"):
        granule_angles(text.replace("NaN", "none"), TILE, bands=["nir"])
    with pytest.raises(ValueError, match="as a grid"):
        granule_angles(
            text.replace("<Azimuth>", "<Azimut>").replace("</Azimuth>", "</Azimut>"),
            TILE,
            bands=["nir"],
        )
