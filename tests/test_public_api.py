"""Walk every public function: lazy, CRS kept, inputs untouched, attributes plain, documented."""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from laziness import nothing_computes
from numpydoc.docscrape import NumpyDocString
from shapely.geometry import box

from minewatch import (
    activity,
    brdf,
    changes,
    composites,
    features,
    grids,
    indices,
    insar,
    learn,
    masks,
    radar,
    speckle,
    vectors,
)
from minewatch.conventions import crs_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROOMS = (
    "kernels", "insar", "activity", "speckle", "masks", "brdf", "indices", "composites", "radar",
    "grids", "vectors", "changes", "detections", "metrics", "features", "estimates", "learn",
    "alerts", "learn.networks", "learn.noisy", "learn.patches", "learn.segment",
    "sources", "sources.stac",
    "sources.contest", "sources.slc", "sources.coherence", "sources.asf", "sources.landsat",
    "sources.angles", "sources.collections", "store", "simulate", "plots", "report", "cluster",
    "workflows", "conventions",
)  # fmt: skip
SHAPE = (12, 16)
UTM = "EPSG:32721"


def on_map(values: np.ndarray, *dims: str, **attrs: object) -> xr.DataArray:
    rows, columns = values.shape[-2:]
    coords = {"y": 9e6 - 10.0 * np.arange(rows), "x": 5e5 + 10.0 * np.arange(columns)}
    array = xr.DataArray(values, dims=(*dims, "y", "x"), coords=coords).rio.write_crs(UTM)
    return array.assign_attrs(long_name="input", units="1", **attrs).chunk(
        {dim: 1 for dim in dims} | {"y": 7, "x": 9}
    )


class Brightness:
    """Stands for a patch detector."""

    size, channels = 4, ("vv", "vh", "pa")

    def predict_proba(self, patches: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-patches.mean(axis=(1, 2, 3)) - 12))


class Inputs:
    """One small lazy layer of each kind."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        times = np.datetime64("2022-05-01", "ns") + np.arange(6) * np.timedelta64(12, "D")
        complex_noise = rng.standard_normal((2, 6, *SHAPE))
        self.slc = on_map((complex_noise[0] + 1j * complex_noise[1]).astype("c8"), "time")
        self.slc = self.slc.assign_coords(
            time=times, perpendicular_baseline=("time", np.linspace(0, 100, 6))
        )
        self.pairs = insar.select_pairs(self.slc)
        self.coherence = on_map(rng.uniform(0.82, 0.95, (5, *SHAPE)).astype("f4"), "pair")
        self.coherence = self.coherence.assign_coords(self.pairs.coords).rename("coherence")
        self.coherence.attrs.update(window=[3, 10], looks=18.0)
        self.stable = activity.stable_pixels(self.coherence)
        self.ledger = activity.screen_pairs(self.coherence, self.stable)
        self.ndai = on_map(rng.uniform(-0.1, 0.6, SHAPE).astype("f4")).rename("mean_ndai")
        annual = np.random.default_rng(6).uniform(-0.1, 0.6, (3, *SHAPE)).astype("f4")
        self.annual = on_map(annual, "year").assign_coords(year=[2020, 2021, 2022])
        self.power = on_map(rng.gamma(4, 0.05, (6, *SHAPE)).astype("f4"), "time")
        self.power = self.power.assign_coords(time=times)
        self.backscatter = xr.Dataset({"vv": self.power, "vh": self.power / 4})
        self.angle = on_map(np.full(SHAPE, 39, "f4"))
        self.bands = xr.Dataset(
            {
                name: on_map(rng.uniform(0.02, 0.4, SHAPE).astype("f4"))
                for name in ("blue", "green", "red", "nir", "swir16", "swir22")
            }
        )
        self.quality = on_map(np.full((6, *SHAPE), 4, "u1"), "time").assign_coords(time=times)
        self.bits = on_map(np.full(SHAPE, 21824, "u2"))
        self.radar = self.backscatter.isel(time=0, drop=True)
        self.stack = features.feature_stack(sentinel2=self.bands)
        self.grid = grids.geobox((5e5, 8.9998e6, 5.0015e5, 8.99995e6), crs=UTM, resolution=5)
        labels = np.arange(40) % 2
        self.samples = xr.Dataset(
            {name: ("sample", rng.random(40).astype("f4") + labels) for name in self.stack},
            coords={
                "label": ("sample", labels),
                "polygon": ("sample", np.arange(40) // 4),
                "weight": ("sample", np.ones(40)),
            },
        )
        degrees = {
            "latitude": (("y", "x"), np.linspace(-9.045, -9.046, 192).reshape(SHAPE)),
            "longitude": (
                ("y", "x"),
                np.tile(np.linspace(-57.0, -56.998, SHAPE[1]), (SHAPE[0], 1)),
            ),
        }
        attrs = {"long_name": "coherence", "units": "1"}
        self.slant = xr.DataArray(self.ndai.data, degrees, ("y", "x"), "coherence", attrs)
        self.polygons = gpd.GeoDataFrame(geometry=[box(5e5, 8.9999e6, 5.001e5, 9e6)], crs=UTM)
        self.model = learn.fit_forest(self.samples, trees=3)
        self.probability = learn.predict_proba(self.model, self.stack)

    def index(self, name: str) -> xr.DataArray:
        row = indices.INDICES[name]
        return row.function(*(self.bands[band] for band in row.bands))


LAZY: dict[str, Callable[[Inputs], Any]] = {
    "insar.coherence": lambda i: insar.coherence(i.slc, i.pairs),
    "insar.coherence multilook": lambda i: insar.coherence(
        i.slc, i.pairs, window=(3, 4), mode="multilook"
    ),
    "insar.coherence demodulated": lambda i: insar.coherence(i.slc, i.pairs, demodulate="local"),
    "insar.complex_coherence": lambda i: insar.complex_coherence(i.slc, i.pairs),
    "insar.interferogram": lambda i: insar.interferogram(i.slc, i.pairs),
    "insar.in_months": lambda i: insar.in_months(i.coherence, [5, 6]),
    "insar.coarsen_mean": lambda i: insar.coarsen_mean(i.coherence, factor=(2, 2)),
    "insar.debias": lambda i: insar.debias(i.coherence, looks=18),
    "activity.stable_pixels": lambda i: activity.stable_pixels(i.coherence),
    "activity.ndai": lambda i: activity.ndai(i.coherence, i.ledger.stable_mean),
    "activity.log_activity": lambda i: activity.log_activity(i.ndai),
    "activity.mean_ndai": lambda i: activity.mean_ndai(i.coherence, i.ledger),
    "activity.tai": lambda i: activity.tai(i.coherence, i.ledger, threshold=0.2),
    "activity.activity_rgb": lambda i: activity.activity_rgb(
        i.annual, years=(2020, 2021, 2022), threshold=0.2
    ),
    "activity.activity_colours": lambda i: activity.activity_colours(
        i.annual, years=(2020, 2021, 2022), threshold=0.2
    ),
    "activity.activity_colours hsv": lambda i: activity.activity_colours(
        i.annual, years=(2020, 2021, 2022), threshold=0.2, method="hsv"
    ),
    "activity.update_tai": lambda i: activity.update_tai(
        activity.tai(i.coherence[:3], i.ledger.isel(pair=slice(3)), threshold=0.2),
        i.coherence,
        i.ledger,
    ),
    "activity.agree": lambda i: activity.agree(
        *[activity.tai(i.coherence, i.ledger, threshold=level) for level in (0.02, 0.05)]
    ),
    "activity.pairs_between": lambda i: activity.pairs_between(
        i.coherence, "2022-05-10", "2022-07-10"
    ),
    "speckle.lee": lambda i: speckle.lee(i.backscatter, looks=4.4),
    "speckle.refined_lee": lambda i: speckle.refined_lee(i.backscatter, looks=4.4),
    "speckle.lee_sigma": lambda i: speckle.lee_sigma(i.backscatter, looks=4.4, strong=0.5),
    "speckle.incidence_correction": lambda i: speckle.incidence_correction(i.power, i.angle),
    "radar.to_db": lambda i: radar.to_db(i.power),
    "radar.from_db": lambda i: radar.from_db(radar.to_db(i.power)),
    "radar.palsar_gamma0": lambda i: radar.palsar_gamma0(
        on_map(np.full(SHAPE, 7000, "u2")).assign_attrs(units="DN")
    ),
    "radar.polarisation_average": lambda i: radar.polarisation_average(
        radar.to_db(i.radar.vv), radar.to_db(i.radar.vh)
    ),
    "radar.rfdi": lambda i: radar.rfdi(i.radar.vv, i.radar.vh),
    "radar.ndi": lambda i: radar.ndi(i.radar.vv, i.radar.vv * 2),
    "radar.dpsvi": lambda i: radar.dpsvi(i.radar.vv, i.radar.vh, vv_max=0.5),
    "radar.dpsvim": lambda i: radar.dpsvim(i.radar.vv, i.radar.vh),
    "radar.vddpi": lambda i: radar.vddpi(i.radar.vv, i.radar.vh),
    "masks.landsat_clear": lambda i: masks.landsat_clear(i.bits),
    "masks.sentinel2_clear": lambda i: masks.sentinel2_clear(i.quality),
    "masks.palsar_clear": lambda i: masks.palsar_clear(i.quality),
    "masks.water": lambda i: masks.water(i.index("mndwi")),
    "masks.vegetation": lambda i: masks.vegetation(i.index("ndvi")),
    "masks.low_backscatter": lambda i: masks.low_backscatter(i.radar.vv),
    "masks.radar_geometry": lambda i: masks.radar_geometry(
        i.ndai * 40, incidence=39, look_azimuth=78, reach=60
    ),
    "masks.cloud_score": lambda i: masks.cloud_score(i.bands),
    "masks.cloud": lambda i: masks.cloud(i.bands.blue),
    "masks.cloud_shadow": lambda i: masks.cloud_shadow(
        i.bands, masks.cloud(i.bands.blue), sun_zenith=30, sun_azimuth=50, heights=(60, 90)
    ),
    "masks.temporal_dark_outliers": lambda i: masks.temporal_dark_outliers(
        xr.Dataset({"nir": i.power, "swir16": i.power / 2})
    ),
    "masks.grow": lambda i: masks.grow(masks.water(i.index("mndwi")), metres=20),
    "masks.exclusion": lambda i: masks.exclusion(vegetation=masks.vegetation(i.index("ndvi"))),
    "brdf.ross_thick": lambda i: brdf.ross_thick(i.ndai * 60, i.ndai * 9, 110),
    "brdf.li_sparse": lambda i: brdf.li_sparse(i.ndai * 60, i.ndai * 9, 110),
    "brdf.normal_sun_zenith": lambda i: brdf.normal_sun_zenith(i.ndai * 60),
    "brdf.c_factor": lambda i: brdf.c_factor("nir", i.ndai * 60, i.ndai * 9, 110),
    "brdf.nbar": lambda i: brdf.nbar(
        i.bands, sun_zenith=i.angle, view_zenith=8, relative_azimuth=110
    ),
    "indices.compute": lambda i: indices.compute(i.bands),
    "indices.texture": lambda i: indices.texture(i.power, low=0.0, high=0.5),
    "composites.composite": lambda i: composites.composite(i.backscatter),
    "composites.composite mean": lambda i: composites.composite(i.power, reducer="mean"),
    "composites.composite quantile": lambda i: composites.composite(i.power, reducer=0.25),
    "composites.composite geomedian": lambda i: composites.composite(
        i.backscatter, reducer="geomedian"
    ),
    "composites.composite counted": lambda i: composites.composite(i.backscatter, count=True),
    "composites.valid_count": lambda i: composites.valid_count(i.power),
    "features.temporal_spread": lambda i: features.temporal_spread(i.backscatter),
    "features.feature_stack": lambda i: features.feature_stack(
        sentinel2=i.bands, sentinel1=i.radar
    ),
    "features.to_grid": lambda i: features.to_grid(i.stack, i.grid),
    "features.fusion_stack": lambda i: features.fusion_stack(
        sentinel1=i.radar, sentinel1_before=i.radar, vv_max=0.5
    ),
    "features.standardise": lambda i: features.standardise(
        i.stack, mean=dict.fromkeys(i.stack, 0.1), std=dict.fromkeys(i.stack, 2.0)
    ),
    "grids.resample": lambda i: grids.resample(i.ndai, i.grid, method="bilinear"),
    "grids.geocode": lambda i: grids.geocode(i.slant, i.grid, method="nearest"),
    "vectors.rasterize": lambda i: vectors.rasterize(i.polygons, like=i.ndai),
    "learn.predict_proba": lambda i: learn.predict_proba(i.model, i.stack),
    "learn.predict": lambda i: learn.predict(i.model, i.stack),
    "changes.class_change": lambda i: changes.class_change(i.probability, i.probability),
    "changes.class_change gated": lambda i: changes.class_change(
        i.probability, i.probability, footprint=i.polygons, buffer=30, outside=0.5
    ),
    "changes.transition": lambda i: changes.transition(i.probability, i.probability),
    "learn.patches.channels": lambda i: learn.patches.channels(i.radar),
    "learn.patches.scan": lambda i: learn.patches.scan(
        learn.patches.channels(i.radar), Brightness()
    ),
    "learn.outside_domain": lambda i: learn.outside_domain(i.model, i.stack),
    **{
        f"indices.{name}": functools.partial(Inputs.index, name=name)
        for name, row in indices.INDICES.items()
        if row.bands and set(row.bands) <= {"blue", "green", "red", "nir", "swir16", "swir22"}
    },
}


WITHOUT_FLOATS = {
    "radar.palsar_gamma0",
    "masks.landsat_clear",
    "masks.sentinel2_clear",
    "masks.palsar_clear",
    "vectors.rasterize",
}


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return Inputs()


def layers(result: Any) -> list[xr.DataArray]:
    return list(result.data_vars.values()) if isinstance(result, xr.Dataset) else [result]


def snapshot(inputs: Inputs) -> dict[str, Any]:
    return {
        name: value.copy(deep=False)
        for name, value in vars(inputs).items()
        if isinstance(value, xr.DataArray | xr.Dataset)
    }


@pytest.mark.parametrize("name", LAZY)
def test_a_function_is_lazy_keeps_the_crs_and_leaves_its_inputs(inputs: Inputs, name: str) -> None:
    before = snapshot(inputs)
    with nothing_computes():
        result = LAZY[name](inputs)
    for layer in layers(result):
        assert layer.chunks is not None, f"{name} gave a computed {layer.name}"
        assert crs_of(layer) is not None, f"{name} lost the CRS of {layer.name}"
        assert layer.dims[-2:] == ("y", "x")
        assert layer.attrs.get("long_name"), f"{name}: {layer.name} has no long_name"
        assert "units" in layer.attrs, f"{name}: {layer.name} has no units"
        json.dumps(layer.attrs, allow_nan=False)
        assert layer.dtype in (np.float32, np.complex64, np.uint8, np.uint16, bool)
        values = layer.compute()
        assert values.dtype == layer.dtype
        assert values.shape == layer.shape
    for key, value in before.items():
        assert vars(inputs)[key].attrs == value.attrs, f"{name} changed the attributes of {key}"
        assert set(vars(inputs)[key].coords) == set(value.coords)


@pytest.mark.parametrize("name", [name for name in LAZY if "geomedian" not in name])
def test_unknown_stays_unknown(inputs: Inputs, name: str) -> None:
    """With every float input NaN no function invents a value."""
    blank = Inputs.__new__(Inputs)
    for key, value in vars(inputs).items():
        floats = isinstance(value, xr.DataArray) and value.dtype.kind in "fc" and key != "angle"
        unknown = floats or key in ("backscatter", "bands", "radar", "stack")
        vars(blank)[key] = value.where(False) if unknown else value
    if name in WITHOUT_FLOATS:
        return  # integer or vector input: what is missing there is tested beside the function
    for layer in layers(LAZY[name](blank)):
        values = layer.compute().values
        if layer.dtype.kind in "fc":
            assert np.isnan(values).all(), f"{name}: {layer.name}"
        elif layer.dtype == np.uint8:
            assert (values == 255).all(), f"{name}: {layer.name}"
        else:
            assert not values.any(), f"{name}: {layer.name}"  # counts and masks


def public() -> list[tuple[str, str]]:
    found = []
    for room in ROOMS:
        module = importlib.import_module(f"minewatch.{room}")
        for name in module.__all__:
            if inspect.isroutine(getattr(module, name)) or inspect.isclass(getattr(module, name)):
                found.append((room, name))
    return found


@pytest.mark.parametrize(("room", "name"), public())
def test_a_public_name_is_documented(room: str, name: str) -> None:
    thing = getattr(importlib.import_module(f"minewatch.{room}"), name)
    doc = inspect.getdoc(thing)
    assert doc, f"{room}.{name} has no docstring"
    if inspect.isclass(thing):
        return
    parsed = NumpyDocString(doc)
    signature = inspect.signature(thing)
    told = {part.strip() for row in parsed["Parameters"] for part in row.name.split(",")}
    asked = {
        f"{'*' * (parameter.kind == parameter.VAR_POSITIONAL)}"
        f"{'**' * (parameter.kind == parameter.VAR_KEYWORD)}{key}"
        for key, parameter in signature.parameters.items()
    }
    assert asked <= told, f"{room}.{name} does not explain {asked - told}"
    if signature.return_annotation not in (None, "None"):
        assert parsed["Returns"] or parsed["Yields"], f"{room}.{name} does not say what it returns"
    if room != "kernels":  # their methods show them at work
        assert parsed["Examples"], f"{room}.{name} has no example"


@pytest.mark.parametrize(("room", "name"), public())
def test_settings_are_keyword_only(room: str, name: str) -> None:
    """Data first and positional; whatever has a default is named where it is used."""
    thing = getattr(importlib.import_module(f"minewatch.{room}"), name)
    if inspect.isclass(thing) or room in ("kernels", "workflows", "simulate"):
        return
    for key, parameter in inspect.signature(thing).parameters.items():
        if (
            parameter.kind == parameter.POSITIONAL_OR_KEYWORD
            and parameter.default is not parameter.empty
        ):
            assert (name, key) in {
                ("compute", "names"), ("scores", "confusion"), ("connect", "target"),
                ("production", "reported"), ("stable_figure", "mean_coherence"),
                ("seasons_figure", "pooled"), ("session", "threads"),
            }, f"{room}.{name}: {key} must be keyword-only"  # fmt: skip
