"""What the footprint map promises, where the truth is known: the simulated district.

Each figure that docs/footprints.md tells is measured here again, within a tolerance for other
versions of scikit-learn.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from scipy import ndimage
from told import told

from minewatch import estimates, learn, metrics, simulate, store, vectors
from minewatch.workflows import MappingSettings, mapping_run

pytestmark = pytest.mark.slow

PAGE = "footprints.md"
MINE = 2  # of the world's land cover
FIT = functools.partial(learn.fit_forest, trees=30, n_jobs=2)
CLOSE = {"rel": 0.03, "abs": 0.004}


@dataclass(frozen=True)
class District:
    """The simulated district and what a run made of its images."""

    folder: Path
    stack: xr.Dataset
    samples: xr.Dataset
    probability: xr.DataArray
    truth: xr.DataArray
    held_out: xr.DataArray


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    """384 × 768 pixels; the run learns from the polygons of the west and never sees the east."""
    folder = tmp_path_factory.mktemp("district")
    world = simulate.mine_world(seed=42, size=384)
    catalog = simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    run = mapping_run(
        MappingSettings(
            catalog=str(catalog),
            reference=str(folder / "reference.geojson"),
            held_out=str(folder / "held_out.geojson"),
            output=str(folder / "mines"),
            trees=30,
            max_per_polygon=30,
        )
    )
    inside = {"x": world.land_cover.x, "y": world.land_cover.y}
    stack = store.open_cube(run.folder / "features.zarr").sel(inside).load()
    probability = store.open_cube(run.folder / "probability.zarr", name="probability")
    reference = vectors.read_polygons(folder / "reference.geojson", label_column="label")
    east = xr.zeros_like(world.land_cover, dtype=bool)
    east[:, world.size :] = True
    return District(
        run.folder,
        stack,
        learn.draw(stack, reference, max_per_polygon=30),
        probability.sel({"class": 1}).sel(inside).load(),
        world.land_cover == MINE,
        east,
    )


class PixelSplit:
    """Folds of single pixels: what must not be done."""

    def split(self, X, y=None, groups=None):
        fold = np.random.default_rng(0).permutation(len(y)) % 5
        for number in range(5):
            yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def test_pixels_split_at_random_promise_too_much(district: District) -> None:
    """Paired over polygons, so that what both splits have in common drops out."""
    samples = district.samples
    mapped = {}
    for name, split in {"pixel": PixelSplit(), "polygon": learn.PolygonSplit(5)}.items():
        chance = learn.out_of_fold(samples, fit=FIT, split=split).sel({"class": 1})
        mapped[name] = (chance.values >= 0.5).astype("u1")
    found = metrics.grouped_bootstrap(
        samples.label.values, mapped, samples.polygon.values, weight=samples.weight.values
    )
    inflation = found.sel(classifier="pixel", other="polygon")
    figures = [float(inflation[name]) for name in ("difference", *ENDS)]
    print("split", found.estimate.values.round(3), np.round(figures, 3))  # noqa: T201
    assert figures[1] > 0
    pixel, polygon = found.estimate.values.tolist()
    assert told(PAGE, "F1, pixels split at random") == pytest.approx([pixel], **CLOSE)
    assert told(PAGE, "F1, polygons kept whole") == pytest.approx([polygon], **CLOSE)
    # Behind the three figures stands the level of the interval.
    difference, level, *ends = told(PAGE, "too much by")
    assert level == 95
    assert [difference, *ends] == pytest.approx(figures, abs=0.01)


ENDS = ("difference_lower", "difference_upper")


def test_all_sensors_see_more_than_the_best_one(district: District) -> None:
    """Mines and bare soil are nearly alike to the eye and 1 to 4 dB apart to a radar."""
    sets = learn.sensor_sets(district.samples.data_vars)
    table = learn.ablation(district.samples, sets, fit=FIT, split=learn.PolygonSplit(5))
    print(table.round(3).to_string())  # noqa: T201
    fused = table.loc["all"]
    assert fused["difference_lower"] > 0
    assert fused["p"] < 0.01
    # The best single sensor is really the best: none of the others comes near all of them either.
    for name in table.index.drop("all"):
        assert table.f_beta[name] < fused["f_beta"]
        row = table.loc[name, ["f_beta", "lower", "upper"]]
        assert told(PAGE, name) == pytest.approx(row.tolist(), abs=0.02)
    row = fused[["f_beta", "lower", "upper"]].tolist()
    assert told(PAGE, "all") == pytest.approx(row, abs=0.02)
    gain = fused[["difference", *ENDS]].tolist()
    assert told(PAGE, "gain over the best") == pytest.approx(gain, abs=0.02)


def calibration_error(chance: np.ndarray, truth: np.ndarray) -> float:
    """Ten equal bins; the plain definition, without the package."""
    place = np.minimum((chance * 10).astype(int), 9)
    size = np.bincount(place, minlength=10)
    gap = np.bincount(place, chance - truth, minlength=10)
    return float(np.abs(gap).sum() / size.sum())


def compared(before: np.ndarray, after: np.ndarray, truth: np.ndarray) -> tuple[list, list]:
    """Calibration errors and Brier scores, before and after."""
    errors = [calibration_error(chance, truth) for chance in (before, after)]
    return errors, [float(np.mean((chance - truth) ** 2)) for chance in (before, after)]


def test_a_probability_means_what_it_says_in_a_region_never_seen(district: District) -> None:
    """Every pixel of the east, its truth known; forest and curves learnt in the west."""
    model = learn.load_model(district.folder / "model.npz")
    votes = learn.predict_proba(model.model, district.stack).sel({"class": 1})
    inside = district.held_out.values & np.isfinite(votes.values)
    truth = district.truth.values[inside].astype(float)
    before, after = (layer.values[inside].astype(float) for layer in (votes, district.probability))
    unsure = (before > 0.05) & (before < 0.95)
    rows = {
        "every pixel of the east": np.ones(len(truth), dtype=bool),
        "those on which 5 to 95 % of the trees vote mine": unsure,
    }
    for name, at in rows.items():
        error, brier = compared(before[at], after[at], truth[at])
        print(name, at.sum(), truth[at].mean(), np.round([*error, *brier], 4))  # noqa: T201
        assert told(PAGE, name) == pytest.approx([*error, *brier], rel=0.1, abs=0.003)
    error, brier = compared(before, after, truth)
    assert error[1] <= 0.03
    assert brier[1] <= brier[0]


def design(district: District) -> tuple[xr.DataArray, xr.DataArray]:
    """The map cut at one half, and strata: mine, other, and the two pixels around mines."""
    chance = district.probability
    classes = (chance >= 0.5).astype("u1").where(np.isfinite(chance), np.uint8(255))
    near = ndimage.binary_dilation(classes.values == 1, iterations=2) & (classes.values == 0)
    return classes, classes.where(~near, np.uint8(2))


@pytest.mark.parametrize(
    ("label", "size", "allocation", "buffered", "honest"),
    [
        ("1,000 points, proportional, a stratum around mines", 1000, "proportional", True, True),
        ("1,000 points, proportional", 1000, "proportional", False, True),
        ("300 points, proportional", 300, "proportional", False, False),
        ("500 points, half in mines", 500, "equal", False, False),
    ],
)
def test_the_area_interval_holds_the_truth(
    district: District, label: str, size: int, allocation: str, buffered: bool, honest: bool
) -> None:
    """1,000 samples of the map, labelled with the truth. Chance alone: 95 ± 1.4 %, two errors."""
    classes, strata = design(district)
    known = (district.truth & (classes != 255)).values
    area = known.sum() / 100  # pixels of 10 m
    held, estimated = 0, []
    for seed in range(1000):
        points = estimates.sample_design(
            classes,
            size=size,
            allocation=allocation,
            strata=strata if buffered else None,
            seed=seed,
        )
        at = {name: xr.DataArray(points[name], dims="point") for name in ("x", "y")}
        points["reference"] = district.truth.sel(at).astype(int).values
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a stratum may show no error
            row = estimates.stratified_area(points).loc[1]
        held += row.area_low_ha <= area <= row.area_high_ha
        estimated.append(row.area_ha)
    share = held / 1000
    print(label, area, share, np.mean(estimated), np.std(estimated))  # noqa: T201
    assert told(PAGE, label) == pytest.approx([100 * share, np.std(estimated)], rel=0.05)
    # Unbiased whatever the interval is worth: the mean of 1,000 within three of its errors.
    assert abs(np.mean(estimated) - area) < 3 * np.std(estimated) / np.sqrt(1000)
    if honest:
        assert 0.93 <= share <= 0.97


def test_counting_pixels_is_biased(district: District) -> None:
    classes, _ = design(district)
    true = float((district.truth & (classes != 255)).sum()) / 100
    mapped = float((classes == 1).sum()) / 100
    print("counted", true, mapped)  # noqa: T201
    assert told(PAGE, "mines, true area, ha") == pytest.approx([true], rel=1e-3)
    assert told(PAGE, "mines, pixels counted on the map, ha") == pytest.approx([mapped], **CLOSE)
    assert mapped != pytest.approx(true, rel=0.01)
