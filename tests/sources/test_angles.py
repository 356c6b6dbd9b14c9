"""Angles of a granule whose sensor flies a known path, as its metadata would tell them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import brdf
from minewatch.conventions import crs_of
from minewatch.grids import geobox
from minewatch.sources.angles import BAND_NUMBERS, granule_angles

ULX, ULY, STEP, NODES = 600_000, 9_000_000, 5_000, 23
TILE = geobox((ULX, ULY - 110_000, ULX + 110_000, ULY), crs="EPSG:32721", resolution=1_000)
BANDS = tuple(BAND_NUMBERS.values())


def nodes():
    east = np.tile(np.arange(NODES) * STEP, (NODES, 1))
    return east, east.T


def sun(east, south):
    """Slopes of the ray to the sun: it stands in the north-east."""
    return 0.55 - 2e-7 * east, 0.5 + 3e-7 * south


def view(east, south):
    """Slopes of the ray to a sensor that passes in the middle: west of it, it looks east."""
    return (55_000 - east) / 786_000, 0.02 + 0 * south


def numbers(values):
    rows = "".join(f"<VALUES>{' '.join(f'{v:.9f}' for v in row)}</VALUES>" for row in values)
    step = f"<COL_STEP unit='m'>{STEP}</COL_STEP><ROW_STEP unit='m'>{STEP}</ROW_STEP>"
    return f"{step}<Values_List>{rows.replace('nan', 'NaN')}</Values_List>"


def both(east, north):
    zenith = np.degrees(np.arctan(np.hypot(east, north)))
    azimuth = np.degrees(np.arctan2(east, north)) % 360
    return f"<Zenith>{numbers(zenith)}</Zenith><Azimuth>{numbers(azimuth)}</Azimuth>"


def granule(*, detectors=2, bands=BANDS, view=view, swath=None):
    """MTD_TL.xml; each detector sees a strip and all overlap by a node."""
    east, south = nodes()
    grids = []
    edges = np.linspace(0, NODES - 1, detectors + 1).astype(int)
    for band in bands:
        for number, (first, last) in enumerate(itertools.pairwise(edges)):
            seen = np.zeros((NODES, NODES), bool)
            seen[:, first : last + 1] = True
            if swath is not None:
                seen &= swath
            parts = [np.where(seen, part, np.nan) for part in view(east, south)]
            name = "Viewing_Incidence_Angles_Grids"
            grids.append(f"<{name} bandId='{band}' detectorId='{number}'>{both(*parts)}</{name}>")
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<n1:Level-2A_Tile_ID xmlns:n1='https://psd-14.sentinel2.eo.esa.int/'><n1:Geometric_Info>"
        "<Tile_Geocoding><HORIZONTAL_CS_CODE>EPSG:32721</HORIZONTAL_CS_CODE>"
        f"<Geoposition resolution='10'><ULX>{ULX}</ULX><ULY>{ULY}</ULY></Geoposition>"
        f"</Tile_Geocoding><Tile_Angles><Sun_Angles_Grid>{both(*sun(east, south))}"
        f"</Sun_Angles_Grid>{''.join(grids)}</Tile_Angles></n1:Geometric_Info>"
        "</n1:Level-2A_Tile_ID>"
    )


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
