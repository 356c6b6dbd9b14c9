"""What a patch detector promises, where the truth is known: simulated districts.

Three districts to learn from, five others to be judged by. Each figure that docs/detections.md
tells of them is measured here again.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from told import told

from minewatch import detections, metrics, vectors
from minewatch.learn import patches
from minewatch.simulate import scenes
from minewatch.simulate.terrain import lay_ground

if TYPE_CHECKING:
    from typing import Literal

    import numpy.typing as npt

    Rule = Literal["max", "mean"]

pytestmark = pytest.mark.slow

PAGE = "detections.md"
MINE = 2  # of the world's land cover
LEARN = (10, 11, 12)
HELD_OUT = (2, 3, 20, 21, 22)
"""Seeds of districts. Everything below was chosen on 13 and 14, which appear nowhere here."""
ROWS = 768
"""Rows of a district, twice as many columns; everything in it scales with its size."""
SIZE, STEP = 32, 16
"""Pixels of a window.

Of 104 pixels, the district would be 25 by 50 km, and as much slower to learn from: what matters is
how large a mine is beside a window, here 8 windows at most.
"""
SHARE = 0.2
"""A patch is a mine if at least so much of it is, as a cell of the reference."""
EACH = 400
"""Patches of either label from each district."""
RIM = 0.4
"""Share of the patches of no mine that show some of one."""
BLOCK = 640.0
"""Metres: of the patches in a fifth of the blocks, the loss chooses the epoch."""
EPOCHS, RATE = 20, 3e-4
RULES: dict[Rule, str] = {"max": "highest", "mean": "mean"}
"""How cells come from windows, and what the page calls it."""


@dataclass(frozen=True)
class District:
    """Channels of one date, and where the mines are."""

    seed: int
    scene: xr.DataArray
    mine: npt.NDArray[np.bool_]

    @property
    def corner(self) -> tuple[float, float]:
        """Upper left corner of the ground, x and y."""
        return float(self.scene.x[0]) - 5, float(self.scene.y[0]) + 5

    @functools.cached_property
    def reference(self) -> gpd.GeoDataFrame:
        """Cells that are a mine to a fifth."""
        layer = self.scene.isel(channel=0, drop=True).copy(data=self.mine)
        return detections.reference_grid(
            vectors.polygonize(layer), size=10.0 * STEP, align=self.corner, minimum_share=SHARE
        )

    @functools.cached_property
    def cells(self) -> npt.NDArray[np.bool_]:
        """The same as an array."""
        rows, columns = (length // STEP for length in self.mine.shape)
        return self.mine.reshape(rows, STEP, columns, STEP).mean(axis=(1, 3)) >= SHARE


def district(seed: int) -> District:
    """A district of 48 × 96 cells."""
    ground = lay_ground(ROWS, seed)
    look = scenes.look_of(ground, seed)
    power = scenes.sentinel1(look, seed, times=scenes.SENTINEL1_TIMES[:1]).isel(time=0)
    return District(seed, patches.channels(power).load(), ground.cover == MINE)


@pytest.fixture(scope="module")
def districts() -> list[District]:
    """Those to learn from, then those held out."""
    return [district(seed) for seed in LEARN + HELD_OUT]


def shares(mine: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Share of mine in every window, by its upper left pixel."""
    total = np.pad(mine.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    inner, outer = slice(SIZE, None), slice(None, -SIZE)
    counts = total[inner, inner] - total[outer, inner] - total[inner, outer] + total[outer, outer]
    return counts / SIZE**2


def points(of: District, seed: int = 0) -> gpd.GeoDataFrame:
    """Centres of patches: as many of either label."""
    rng = np.random.default_rng(seed)
    share = shares(of.mine)
    flat = share.ravel()
    some = round(RIM * EACH)
    at = np.concatenate(
        [
            rng.choice(np.flatnonzero(which), count, replace=False)
            for which, count in (
                (flat >= SHARE, EACH),
                ((flat > 0) & (flat < SHARE), some),
                (flat == 0, EACH - some),
            )
        ]
    )
    row, column = np.unravel_index(at, share.shape)
    left, top = of.corner
    # Within the pixel that lies to the lower right of the centre.
    x, y = left + 10 * (column + SIZE // 2) + 1, top - 10 * (row + SIZE // 2) - 1
    return gpd.GeoDataFrame(
        {"label": (np.arange(len(at)) < EACH).astype(int)},
        geometry=gpd.points_from_xy(x, y, crs=of.scene.rio.crs),
        index=np.arange(len(at)) + 10_000 * of.seed,
    )


@pytest.fixture(scope="module")
def lessons(districts: list[District]) -> list[xr.Dataset]:
    """Patches of all districts to learn from."""
    return [patches.extract(of.scene, points(of), size=SIZE) for of in districts[: len(LEARN)]]


def lattice(windows: xr.DataArray, of: District, rule: Rule) -> npt.NDArray[np.float64]:
    """Probability of every cell of a district."""
    table = detections.cells(windows, threshold=0.0, rule=rule)
    left, top = of.corner
    row = np.rint((top - table.bounds.maxy) / (10 * STEP)).astype(int)
    column = np.rint((table.bounds.minx - left) / (10 * STEP)).astype(int)
    cells = np.zeros(of.cells.shape)
    cells[row, column] = table.probability
    return cells


def f1(found: npt.NDArray[np.bool_], true: npt.NDArray[np.bool_]) -> float:
    return float(2 * (found & true).sum() / (found.sum() + true.sum()))


def scored(windows: xr.DataArray, of: District, threshold: float, rule: Rule) -> float:
    """F1 of the cells above a threshold, by their outlines."""
    cells = detections.cells(windows, threshold=threshold, rule=rule)
    return metrics.object_scores(**detections.match(cells, of.reference).counts)["f1"]


def judged(windows: list[xr.DataArray], districts: list[District], rule: Rule) -> list[float]:
    """Best threshold of the districts learnt from and F1 there; F1 of those held out, and mean."""
    pairs = list(zip(windows, districts, strict=True))
    known = pairs[: len(LEARN)]
    seen = np.concatenate([lattice(one, of, rule).ravel() for one, of in known])
    true = np.concatenate([of.cells.ravel() for _, of in known])
    tried = np.linspace(0.001, 0.999, 999)
    at = float(max(tried, key=lambda one: f1(seen > one, true)))
    others = [scored(one, of, at, rule) for one, of in pairs[len(LEARN) :]]
    return [at, f1(seen > at, true), *others, float(np.mean(others))]


def asked(detector: Any, districts: list[District]) -> list[xr.DataArray]:
    """What a detector says of the windows of each district."""
    return [patches.scan(of.scene, detector).compute() for of in districts]


def oracle(of: District) -> xr.DataArray:
    """The true share of mine in every window, where a detector has its probability."""
    share = shares(of.mine)[::STEP, ::STEP]
    rows, columns = share.shape
    left, top = of.corner
    grid = {
        "y": top - 10 * (SIZE / 2 + STEP * np.arange(rows)),
        "x": left + 10 * (SIZE / 2 + STEP * np.arange(columns)),
    }
    return xr.DataArray(share, grid, ("y", "x")).rio.write_crs(of.scene.rio.crs)


def test_no_detector_passes_the_ceiling(districts: list[District]) -> None:
    """The true share of mine, where a detector has its probability."""
    windows = [oracle(of) for of in districts]
    for rule, name in RULES.items():
        found = judged(windows, districts, rule)
        assert found == pytest.approx(told(PAGE, "true share of mine", name), abs=0.006)
        assert min(found[1:]) > 0.9


@pytest.mark.parametrize("rule", RULES)
def test_cells_are_counted_as_on_a_lattice(districts: list[District], rule: Rule) -> None:
    """Polygons, dissolved, cut and matched, give the counts of plain arrays."""
    place = districts[len(LEARN)]
    share = oracle(place)
    found = detections.match(
        detections.cells(share, threshold=0.4, rule=rule), place.reference
    ).counts
    rows, columns = place.cells.shape
    layers = np.full((4, rows, columns), np.nan)
    for number, (down, right) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        layers[number, down : rows - 1 + down, right : columns - 1 + right] = share
    seen = getattr(np, f"nan{rule}")(layers, axis=0) > 0.4
    assert found == {
        "tp": (seen & place.cells).sum(),
        "fp": (seen & ~place.cells).sum(),
        "fn": (~seen & place.cells).sum(),
    }


def test_textures_find_mines_of_other_districts(
    districts: list[District], lessons: list[xr.Dataset]
) -> None:
    windows = asked(patches.fit_textures(xr.concat(lessons, "patch")), districts)
    for rule, name in RULES.items():
        found = judged(windows, districts, rule)
        # Trees differ a little between versions of scikit-learn, and the threshold with them.
        assert found[1:] == pytest.approx(told(PAGE, "texture", name)[1:], abs=0.03)
        assert min(found[1:]) > 0.7


@pytest.mark.cnn
def test_the_network_finds_mines_of_other_districts(
    districts: list[District], lessons: list[xr.Dataset]
) -> None:
    halves = [patches.split(one, by="block", block_size=BLOCK) for one in lessons]
    learn, watch = (xr.concat(side, "patch") for side in zip(*halves, strict=True))
    network = patches.fit_network(
        learn, validation=watch, best_epoch=True, augment=True, epochs=EPOCHS, rate=RATE, threads=1
    )
    windows = asked(network, districts)
    for rule, name in RULES.items():
        found = judged(windows, districts, rule)
        # Another processor rounds otherwise, and the learning ends elsewhere, as with another seed:
        # of AVX2 and three more seeds a district differed by up to 0.035 and 0.042 from the page.
        near = {"max": 0.06, "mean": 0.05}[rule]
        assert found[1:] == pytest.approx(told(PAGE, "network", name)[1:], abs=near)
        assert min(found[1:]) > 0.78
    # At a threshold that was not chosen for it, one training differs more from the next: there by
    # up to 0.064 at 0.8 and 0.105 at 0.9.
    for at, near in ((0.8, 0.08), (0.9, 0.13)):
        held_out = [
            scored(one, of, at, "max")
            for one, of in list(zip(windows, districts, strict=True))[len(LEARN) :]
        ]
        assert held_out == pytest.approx(told(PAGE, f"above {at}"), abs=near)
    assert found[-1] >= 0.85  # the promise, by the mean of windows: districts never seen
    assert min(found[2:]) >= 0.84  # none far below it


@pytest.mark.filterwarnings("ignore")  # few points
def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / PAGE).read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), space)
    assert 0 < metrics.object_scores(**space["found"].counts)["f1"] <= 1
    assert len(space["test"].patch) > 0
