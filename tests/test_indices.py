"""Spectral indices against a table of printed values, another library and a real landslide."""

from __future__ import annotations

import tarfile
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import rasterio
import spyndex
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind, pixel

from minewatch import indices

PIXEL = {
    "blue": 0.06, "green": 0.09, "red": 0.12, "nir": 0.25, "swir16": 0.30, "swir22": 0.22,
}  # fmt: skip
PRINTED = {
    "bsi": 0.1507, "ndsi": 0.0909, "ndsi_deng": 0.4194, "msavi": 0.2000, "mbsi": -0.0335,
    "ndwi": -0.4706, "ndwi_gao": -0.0909, "mndwi": -0.5385, "ci": 0.1429, "bi": 0.09327,
    "ri": 329.2, "mswi_surrogate": 0.1507 * 0.09327,
}  # fmt: skip
SPYNDEX = {
    "bsi": "BI", "ndsi": "NDBI", "ndsi_deng": "NDSoI", "msavi": "MSAVI", "ndvi": "NDVI",
    "ndwi": "NDWI", "ndwi_gao": "NDMI", "mndwi": "MNDWI", "bi": "BITM", "bi_spot": "BIXS",
    "ri_spot": "RI4XS", "ci": "RI",
}  # fmt: skip
LETTERS = {"blue": "B", "green": "G", "red": "R", "nir": "N", "swir16": "S1", "swir22": "S2"}
KNOWN = [name for name, row in indices.INDICES.items() if row.function is not None]


def scene(rng: np.random.Generator, *shape: int) -> xr.Dataset:
    return xr.Dataset(
        {name: layer(rng.uniform(0.01, 0.6, shape).astype("f4"), name) for name in PIXEL}
    )


def call(name: str, bands: xr.Dataset) -> xr.DataArray:
    row = indices.INDICES[name]
    assert row.function is not None
    return row.function(*(bands[band] for band in row.bands or list(bands)))


@pytest.mark.parametrize("name", PRINTED)
def test_index_has_its_printed_value(name: str) -> None:
    bands = xr.Dataset({band: pixel(value, band) for band, value in PIXEL.items()})
    got = call(name, bands)
    # Half a unit of the last digit printed.
    npt.assert_allclose(got, PRINTED[name], rtol=1e-4, atol=6e-5)
    assert got.name == name
    assert bool(got.attrs.get("surrogate", False)) is indices.INDICES[name].surrogate


@pytest.mark.parametrize("name", SPYNDEX)
def test_index_agrees_with_spyndex(rng: np.random.Generator, name: str) -> None:
    bands = scene(rng, 9, 9)
    values = {LETTERS[band]: bands[band].values.astype("f8") for band in bands}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = spyndex.computeIndex(SPYNDEX[name], values)
    npt.assert_allclose(call(name, bands), wanted, rtol=1e-4, atol=1e-6)  # float32 differences


def test_forms_that_no_table_prints(rng: np.random.Generator) -> None:
    bands = scene(rng, 9, 9)
    red, green, blue, nir = (bands[name] for name in ("red", "green", "blue", "nir"))
    npt.assert_allclose(
        indices.bi2(red, green, nir), np.sqrt((red**2 + green**2 + nir**2) / 3), rtol=1e-6
    )
    npt.assert_allclose(indices.ri(red, green, blue), red**2 / (blue * green**3), rtol=1e-5)
    npt.assert_allclose(
        indices.mbsi(red, green), 2 * (red - green) / (red + green - 2), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", KNOWN)
def test_index_is_lazy_and_unknown_where_a_band_is(rng: np.random.Generator, name: str) -> None:
    bands = scene(rng, 2, 23, 19)
    needed = indices.INDICES[name].bands or tuple(bands)
    bands[needed[-1]][0, 3, 4] = np.nan
    # Indices that cancel are good to some float32 units of their terms, not of themselves.
    got = lazy_and_blind(
        lambda *layers: indices.INDICES[name].function(*layers),  # type: ignore[misc]
        *(bands[band] for band in needed),
    )
    assert got.dims == ("time", "y", "x")
    npt.assert_array_equal(np.argwhere(np.isnan(got.values)), [[0, 3, 4]])


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_divides_by_nothing(name: str) -> None:
    bands = xr.Dataset({band: pixel(0.0, band) for band in PIXEL})
    value = call(name, bands).item()
    defined = name in {"msavi", "mbsi", "bi", "bi_spot", "bi2", "mmfi_surrogate"}
    assert value == 0 if defined else np.isnan(value)


def test_roots_and_powers_end_where_reflectance_does() -> None:
    assert np.isnan(indices.msavi(pixel(-0.2), pixel(0.5)))  # radicand 4 - 8(0.7) < 0
    assert np.isnan(indices.ri(pixel(0.1), pixel(-0.1), pixel(0.1)))
    assert np.isnan(indices.ri_spot(pixel(0.1), pixel(-0.1)))
    assert np.isnan(indices.ndvi(pixel(0.1), pixel(np.inf)))


def test_digital_numbers_and_other_grids_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sources\.load does"):
        indices.ndvi(pixel(1200, "red"), pixel(2500, "nir"))
    with pytest.raises(ValueError, match=r"sources\.load does"):
        indices.ndvi(pixel(1200.0, "red", units="DN"), pixel(0.25, "nir"))
    with pytest.raises(ValueError, match=r"grids\.resample"):
        indices.ndvi(layer(np.ones((3, 3))), layer(np.ones((3, 4))))
    with pytest.raises(TypeError, match=r"pick one of its variables"):
        indices.ndvi(xr.Dataset({"red": pixel(0.1)}), pixel(0.25))  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "pairs"), [(5, 10), (6, 15), (8, 28)])
def test_spectral_vector_holds_every_pair(rng: np.random.Generator, count: int, pairs: int) -> None:
    bands = {f"b{i}": layer(rng.uniform(0.01, 0.6, (5, 4)), f"b{i}") for i in range(count)}
    vector = indices.ndsv(**bands)
    assert len(vector) == pairs
    for i, j in combinations(bands, 2):
        wanted = (bands[i] - bands[j]) / (bands[i] + bands[j])
        npt.assert_allclose(vector[f"ndsv_{i}_{j}"], wanted, rtol=1e-6)
    scalar = indices.ndsv_scalar(*bands.values())
    stacked = vector.to_dataarray().astype("f8")
    npt.assert_allclose(scalar, np.sqrt((stacked**2).mean("variable")), rtol=1e-6)
    assert scalar.attrs["bands"] == list(bands)


def test_spectral_vector_is_lazy(rng: np.random.Generator) -> None:
    bands = scene(rng, 23, 19)
    got = lazy_and_blind(
        lambda red, nir, blue: indices.ndsv(red=red, nir=nir, blue=blue),
        bands.red, bands.nir, bands.blue,
    )  # fmt: skip
    assert list(got) == ["ndsv_red_nir", "ndsv_red_blue", "ndsv_nir_blue"]
    with pytest.raises(ValueError, match=r"pass e\.g\. red, green and nir"):
        indices.ndsv(red=bands.red)


def test_compute_takes_what_the_scene_has_bands_for(rng: np.random.Generator) -> None:
    bands = scene(rng, 9, 9).assign(quality=layer(np.zeros((9, 9), "u1")))
    everything = indices.compute(bands)
    assert set(everything) == {name for name in KNOWN if not indices.INDICES[name].surrogate}
    for name in everything:
        reflectances = bands.drop_vars("quality")
        npt.assert_array_equal(everything[name], call(str(name), reflectances))
        assert everything[name].attrs["source"] == indices.INDICES[str(name)].source
    visible = indices.compute(bands[["blue", "green", "red"]])
    assert set(visible) == {"ndsv_scalar", "mbsi", "ci", "bi", "bi_spot", "ri", "ri_spot"}
    assert list(indices.compute(bands, ["ri", "bsi"])) == ["ri", "bsi"]
    assert len(indices.compute(bands[["red"]])) == 0


def test_compute_is_lazy(rng: np.random.Generator) -> None:
    bands = scene(rng, 23, 19)
    lazy_and_blind(
        lambda *layers: indices.compute(xr.merge(layers)), *(bands[name] for name in bands)
    )


def test_compute_names_what_is_missing(rng: np.random.Generator) -> None:
    bands = scene(rng, 3, 3).drop_vars(["swir16", "nir"])
    with pytest.raises(KeyError, match=r"lacks \['nir', 'swir16'\]"):
        indices.compute(bands, ["bsi"])
    with pytest.raises(KeyError, match="there are ndsv_scalar, bsi"):
        indices.compute(bands, ["soil"])
    with pytest.raises(KeyError, match="two bands or more"):
        indices.compute(bands[["red"]], ["ndsv_scalar"])


@pytest.mark.parametrize("name", ["mswi", "mmfi"])
def test_unresolved_formula_says_how_to_bring_one(rng: np.random.Generator, name: str) -> None:
    bands = scene(rng, 3, 3)
    with pytest.raises(indices.FormulaUnresolved, match=r"indices\.register\('m"):
        indices.compute(bands, [name])
    assert issubclass(indices.FormulaUnresolved, ValueError)
    mine = indices.register(
        name, lambda red, blue: red - blue, ["red", "blue"], source="doi:10.0/own"
    )
    got = indices.compute(bands, [name], registry=mine)[name]
    npt.assert_allclose(got, bands.red - bands.blue, rtol=1e-6)
    assert got.attrs == {"long_name": name, "units": "1", "source": "doi:10.0/own"}
    assert indices.INDICES[name].function is None  # the table itself has not changed


def test_the_table_is_read_only_and_knows_its_bands() -> None:
    with pytest.raises(TypeError):
        indices.INDICES["own"] = indices.INDICES["ndvi"]  # type: ignore[index]
    with pytest.raises(ValueError, match="use names of blue"):
        indices.register("own", lambda b8: b8, ["B8"], source="own")
    for row in indices.INDICES.values():
        assert set(row.bands) <= set(indices.BANDS)
        assert row.source


def naive_profile(bright: np.ndarray, scales: int) -> np.ndarray:
    """The mean over directions and scales, each opening as a maximum of minima along a line."""
    height, width = bright.shape
    total = np.zeros(bright.shape)
    for dy, dx in ((0, 1), (1, 1), (1, 0), (1, -1)):
        opened = {}
        for length in range(2, 2 * scales + 3, 2):
            opened[length] = np.full(bright.shape, -np.inf)
            for i, j in np.ndindex(bright.shape):
                for start in range(-length + 1, 1):
                    line = [(i + (start + k) * dy, j + (start + k) * dx) for k in range(length)]
                    seen = [bright[y, x] for y, x in line if 0 <= y < height and 0 <= x < width]
                    opened[length][i, j] = max(opened[length][i, j], np.nanmin(seen))
        for length in range(2, 2 * scales + 1, 2):
            total += abs((bright - opened[length + 2]) - (bright - opened[length]))
    return np.where(np.isnan(bright), np.nan, total / (4 * scales))


def test_morphological_surrogate_is_its_definition(rng: np.random.Generator) -> None:
    bright = rng.uniform(0.05, 0.2, (13, 12)).astype("f4")
    bright[3:6, 4:7] += 0.3
    bright[9, 2] = np.nan
    dark = layer(np.full(bright.shape, 0.01, "f4"))
    got = indices.mmfi_surrogate(dark, layer(bright), dark, scales=2)
    npt.assert_allclose(got, naive_profile(bright, 2), atol=1e-7)
    with pytest.raises(ValueError, match="default is 10"):
        indices.mmfi_surrogate(dark, dark, dark, scales=0)


def test_bright_ground_must_also_be_bare() -> None:
    green = dict.fromkeys(("blue", "green", "red"), 0.3) | {"nir": 0.5, "swir16": 0.1}
    got = indices.mswi_surrogate(*(pixel(value) for value in green.values()))
    assert got.item() == 0


def landsat_band(archive: Path, band: str) -> np.ndarray:
    with tarfile.open(archive) as tar:
        member = next(name for name in tar.getnames() if name.endswith(f"{band}.TIF"))
        source = tar.extractfile(member)
        assert source is not None
        with (
            rasterio.MemoryFile(source.read()) as memory,
            warnings.catch_warnings(),
        ):
            # The crops carry no georeference, as their provenance says.
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with memory.open() as image:
                number = image.read(1)
    return np.where(number == 0, np.nan, 2.75e-5 * number - 0.2)


@pytest.mark.data
def test_a_dam_collapse_is_a_fall_of_ndvi(real_data: Path) -> None:
    """Brumadinho, 14 and 30 January 2019: the mud flow of 25 January, and some cloud."""
    folder = real_data / "landsat-c2-brumadinho-mine"
    ndvi = []
    for date in ("20190114", "20190130"):
        archive = next(folder.glob(f"LC08_L2SP_218074_{date}*.tar.gz"))
        red, nir = (layer(landsat_band(archive, band)) for band in ("SR_B4", "SR_B5"))
        ndvi.append(indices.ndvi(red, nir).values)
    # The second crop begins 30 pixels further east.
    fall = ndvi[1][:, :-30] - ndvi[0][:, 30:]
    hectares = (fall < -0.3).sum() * 0.09
    npt.assert_allclose(hectares, 402, atol=1)
