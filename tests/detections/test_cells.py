"""Cells by index, by geometry and by a loop that a child could write."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt
from shapely.geometry import box

from minewatch import detections

STEP = 520.0
UTM = "EPSG:32721"


def windows_of(values: np.ndarray) -> xr.DataArray:
    """Windows of 2 × 2 cells whose first one covers the cells at the origin."""
    rows, columns = values.shape
    coords = {"y": 1e6 - STEP * np.arange(rows), "x": 5e5 + STEP * np.arange(columns)}
    return xr.DataArray(values, coords, ("y", "x")).rio.write_crs(UTM)


def by_hand(values: np.ndarray, threshold: float) -> dict[tuple[int, int], tuple[float, int]]:
    found: dict[tuple[int, int], tuple[float, int]] = {}
    for (row, column), value in np.ndenumerate(values):
        if not value > threshold:
            continue
        for cell in [(row + i, column + j) for i in (0, 1) for j in (0, 1)]:
            best, count = found.get(cell, (0.0, 0))
            found[cell] = (max(best, float(value)), count + 1)
    return found


@pytest.mark.parametrize("threshold", [0.0, 0.8, 0.95])
def test_cells_are_those_of_the_slow_loop(threshold: float) -> None:
    rng = np.random.default_rng(3)
    values = rng.random((9, 13))
    values[rng.random(values.shape) < 0.2] = np.nan
    expected = by_hand(values, threshold)
    found = detections.cells(windows_of(values), threshold=threshold)
    centres = found.geometry.centroid
    rows = np.rint((1e6 + STEP / 2 - centres.y) / STEP).astype(int)
    columns = np.rint((centres.x - 5e5 + STEP / 2) / STEP).astype(int)
    cells = zip(rows, columns, found.probability, found.windows, strict=True)
    assert {(r, c): (p, n) for r, c, p, n in cells} == expected
    assert found.geometry.area.unique().tolist() == [STEP**2]
    assert found.crs == UTM


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.7])
def test_the_mean_of_windows_is_that_of_the_slow_loop(threshold: float) -> None:
    rng = np.random.default_rng(4)
    values = rng.random((9, 13))
    values[rng.random(values.shape) < 0.4] = np.nan
    values[:3, :3] = np.nan  # some cells are covered by unknown windows alone
    expected = {}
    for row in range(10):
        for column in range(14):
            known = [
                values[r, c]
                for r in (row - 1, row)
                for c in (column - 1, column)
                if 0 <= r < 9 and 0 <= c < 13 and not np.isnan(values[r, c])
            ]
            if known and sum(known) / len(known) > threshold:
                expected[row, column] = (sum(known) / len(known), len(known))
    found = detections.cells(windows_of(values), threshold=threshold, rule="mean")
    centres = found.geometry.centroid
    rows = np.rint((1e6 + STEP / 2 - centres.y) / STEP).astype(int)
    columns = np.rint((centres.x - 5e5 + STEP / 2) / STEP).astype(int)
    places = list(zip(rows, columns, strict=True))
    assert set(places) == set(expected)
    want = np.array([expected[place] for place in places])
    npt.assert_allclose(found.probability, want[:, 0], rtol=1e-14)  # order of four sums
    npt.assert_array_equal(found.windows, want[:, 1])
    assert len(detections.cells(windows_of(values), threshold=0.0)) == len(
        detections.cells(windows_of(values), threshold=0.0, rule="mean")
    )


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f4"])
def test_the_mean_of_yes_and_no_is_a_share(dtype: str) -> None:
    """Windows of a detector that gives no probability."""
    windows = windows_of(np.array([[1, 0], [0, 0]]).astype(dtype))
    found = detections.cells(windows, threshold=0.3, rule="mean")
    assert found.probability.tolist() == [1.0, 0.5, 0.5]
    assert found.windows.tolist() == [1, 2, 2]


def test_the_mean_is_never_above_the_highest() -> None:
    windows = windows_of(np.random.default_rng(5).random((20, 20)).astype("f4"))
    by_max, by_mean = (
        detections.cells(windows, threshold=0.6, rule=rule) for rule in ("max", "mean")
    )
    assert 0 < len(by_mean) < len(by_max)
    assert set(by_mean.geometry.to_wkt()) <= set(by_max.geometry.to_wkt())


def test_one_window_in_four_paints_a_cell_by_the_highest_alone() -> None:
    values = np.zeros((3, 3))
    values[1, 1] = 1.0
    assert len(detections.cells(windows_of(values), threshold=0.5)) == 4
    assert len(detections.cells(windows_of(values), threshold=0.25, rule="mean")) == 0
    assert len(detections.cells(windows_of(values), threshold=0.24, rule="mean")) == 4


def test_a_window_at_the_threshold_does_not_count_in_any_precision() -> None:
    """0.8 in float32 is 0.80000001; the next number above it counts."""
    at = np.full((2, 2), 0.8, "f4")
    assert len(detections.cells(windows_of(at), threshold=0.8)) == 0
    assert len(detections.cells(windows_of(at), threshold=0.8, rule="mean")) == 0
    assert len(detections.window_squares(windows_of(at), threshold=np.float64(0.8))) == 0
    at[0, 0] = np.nextafter(at[0, 0], np.float32(1))
    assert len(detections.cells(windows_of(at), threshold=0.8)) == 4


def test_two_windows_side_by_side_make_six_cells() -> None:
    """Lemes Neto et al., Fig. 5: eight squares, of which two pairs coincide."""
    windows = windows_of(np.array([[0.9, 0.85]]))
    assert len(detections.window_squares(windows)) == 8
    assert len(detections.cells(windows)) == 6
    assert len(detections.merge_cells(detections.window_squares(windows))) == 6


def test_the_threshold_itself_is_not_enough() -> None:
    assert len(detections.cells(windows_of(np.array([[0.8, 0.5]])), threshold=0.8)) == 0


@pytest.mark.parametrize("seed", range(4))
def test_geometry_and_index_make_the_same_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows = windows_of(rng.random((12, 8)))
    by_index = detections.cells(windows, threshold=0.7)
    merged = detections.merge_cells(detections.window_squares(windows, threshold=0.7))

    def as_set(cells: gpd.GeoDataFrame) -> set[tuple[float, ...]]:
        bounds = cells.bounds.to_numpy().round(6)
        return {(*map(float, b), p) for b, p in zip(bounds, cells.probability, strict=True)}

    assert as_set(by_index) == as_set(merged)


def test_windows_that_run_north_are_turned() -> None:
    windows = windows_of(np.random.default_rng(1).random((4, 5)))
    turned = windows.isel(y=slice(None, None, -1))
    npt.assert_array_equal(
        detections.cells(windows).bounds.to_numpy(), detections.cells(turned).bounds.to_numpy()
    )


def test_squares_of_a_drifted_window_merge_from_nine_tenths() -> None:
    """A shift by 52 m leaves nine tenths of a square of 520 m, one by 53 m leaves less."""
    for shift, left in ((52.0, 1), (53.0, 2)):
        shapes = [box(0, 0, STEP, STEP), box(shift, 0, shift + STEP, STEP)]
        squares = gpd.GeoDataFrame({"probability": [0.9, 0.95]}, geometry=shapes, crs=UTM)
        kept = detections.merge_cells(squares)
        assert len(kept) == left
        assert kept.probability[0] == 0.95


def test_a_merged_square_takes_none_with_it() -> None:
    """The middle one is merged into the likeliest; the third meets only the middle one."""
    shapes = [box(x, 0, x + STEP, STEP) for x in (0.0, 40.0, 80.0)]
    squares = gpd.GeoDataFrame({"probability": [0.9, 0.8, 0.7]}, geometry=shapes, crs=UTM)
    assert detections.merge_cells(squares).probability.tolist() == [0.9, 0.7]


def test_isolated_detections_must_be_surer() -> None:
    crowd = [box(STEP * i, 0, STEP * (i + 1), STEP) for i in range(6)]  # 2,600 m end to end
    lonely = [box(1e5, 0, 1e5 + STEP, STEP), box(2e5, 0, 2e5 + STEP, STEP)]
    probability = [0.5] * 6 + [0.74, 0.76]
    found = gpd.GeoDataFrame({"probability": probability}, geometry=crowd + lonely, crs=UTM)
    kept = detections.drop_isolated(found)
    assert kept.probability.tolist() == [0.5] * 6 + [0.76]
    assert kept.isolated.tolist() == [False] * 6 + [True]
    # With a fifth neighbour no farther than 2,500 m the ends of the row stand alone.
    assert len(detections.drop_isolated(found, distance=2500.0)) == 5
    assert detections.drop_isolated(found.iloc[:5]).empty  # four neighbours are not five


def test_windows_that_tell_their_size_may_lie_anywhere() -> None:
    """A last row 100 m below the one before, as where windows end with a scene."""
    windows = windows_of(np.full((2, 1), 0.9)).assign_coords(y=[1e6, 1e6 - 100])
    told = windows.assign_attrs(cell_size=STEP)
    squares = detections.window_squares(told)
    assert squares.total_bounds.tolist() == [5e5 - 520, 1e6 - 620, 5e5 + 520, 1e6 + 520]
    assert (squares.area == STEP**2).all()
    with pytest.raises(ValueError, match="half a window apart, 520, got 100 to 100 along y"):
        detections.cells(told)
    assert len(detections.cells(told[:1])) == 4
    assert detections.window_squares(windows).area.iloc[0] == 100**2  # nothing else is known


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        (windows_of(np.zeros((2, 2))).rio.write_crs("EPSG:4326"), "projected"),
        (windows_of(np.zeros((2, 2))).assign_coords(y=[200.0, 100.0]), "alike"),
    ],
)
def test_windows_on_no_square_lattice_are_refused(windows: xr.DataArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detections.cells(windows)


def test_settings_that_mean_nothing_are_refused() -> None:
    windows = windows_of(np.zeros((2, 2)))
    squares = detections.window_squares(windows_of(np.ones((1, 2))))
    with pytest.raises(ValueError, match="threshold from 0 to 1"):
        detections.cells(windows, threshold=80)
    with pytest.raises(ValueError, match="no rule 'median'; use one of"):
        detections.cells(windows, rule="median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one window"):
        detections.cells(windows_of(np.ones((1, 1))))
    with pytest.raises(ValueError, match="minimum_overlap"):
        detections.merge_cells(squares, minimum_overlap=90)
    with pytest.raises(KeyError, match="probability"):
        detections.merge_cells(squares[["geometry"]])
    with pytest.raises(ValueError, match="metres"):
        detections.drop_isolated(squares.to_crs("EPSG:4326"))
    with pytest.raises(ValueError, match="isolated_threshold"):
        detections.drop_isolated(squares, threshold=0.9)
