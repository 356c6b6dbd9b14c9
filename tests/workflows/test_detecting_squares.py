"""Cells of windows whose answer is known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch.grids import coordinates, geobox
from minewatch.workflows import DetectSettings
from minewatch.workflows.detecting_squares import cells_of, combined, seen_ground


@pytest.fixture
def windows() -> xr.DataArray:
    """Two dates of 3 × 4 windows: one is sure on the first, two on the second, one unknown."""
    values = np.zeros((2, 3, 4), "float32")
    values[0, 0, 0] = 0.9
    values[1, 0, 0], values[1, 2, 3] = 0.95, 0.85
    values[:, 1, 0] = np.nan
    box = geobox((520, 520, 520 * 5, 520 * 4), crs="EPSG:32721", resolution=520)
    times = np.array(["2024-05-01", "2024-05-13"], "datetime64[ns]")
    return xr.DataArray(
        values,
        {"time": times, **coordinates(box)},
        ("time", "y", "x"),
        attrs={"cell_size": 520.0, "step": 52, "window_size": 104},
    )


def settings(**given: Any) -> DetectSettings:
    return DetectSettings("catalog.json", "detector.zip", **given)


@pytest.mark.parametrize("grid", ["index", "geometry"])
def test_a_window_is_four_cells_and_tells_its_dates(windows: xr.DataArray, grid: Any) -> None:
    found = cells_of(windows, settings(grid=grid))
    assert found[["dates", "first", "last"]].values.tolist() == [
        *[[2, "2024-05-01", "2024-05-13"]] * 4,
        *[[1, "2024-05-13", "2024-05-13"]] * 4,
    ]
    npt.assert_allclose(found.probability, [0.95] * 4 + [0.85] * 4, rtol=1e-6)
    npt.assert_allclose(found.area_ha, 27.04)
    npt.assert_allclose(found.area, 520**2)


def test_each_date_by_itself(windows: xr.DataArray) -> None:
    found = cells_of(windows, settings(combine="each"))
    counts = found.groupby("date").size()
    assert counts.to_dict() == {"2024-05-01": 4, "2024-05-13": 8}
    assert "dates" not in found


def test_the_mean_is_of_the_dates_that_know(windows: xr.DataArray) -> None:
    windows[0, 2, 3] = np.nan
    mean = combined(windows, "mean")
    npt.assert_allclose(mean[0, 0], 0.925)
    npt.assert_allclose(mean[2, 3], 0.85)
    found = cells_of(windows, settings(combine="mean"))
    npt.assert_allclose(sorted(found.probability), [0.85] * 4 + [0.925] * 4, rtol=1e-6)


def test_cells_of_the_mean_of_their_windows(windows: xr.DataArray) -> None:
    """Left above a half: cells at corners, of one window, and that beside the unknown window."""
    found = cells_of(windows, settings(rule="mean", threshold=0.5))
    npt.assert_allclose(found.probability, [0.95, 0.95, 0.85], rtol=1e-6)
    assert found["windows"].tolist() == [1, 1, 1]
    assert found.dates.tolist() == [2, 2, 1]
    each = cells_of(windows, settings(rule="mean", threshold=0.5, combine="each"))
    assert each.groupby("date").size().to_dict() == {"2024-05-01": 2, "2024-05-13": 3}


def test_a_cell_of_two_dates_that_neither_shows(windows: xr.DataArray) -> None:
    """One window is sure on the first date, its neighbour on the second: a mean above a half."""
    windows[:] = 0
    windows[0, 0, 1] = windows[1, 0, 2] = 0.9
    found = cells_of(windows, settings(rule="mean", threshold=0.6, combine="max"))
    npt.assert_allclose(found.probability, 0.9, rtol=1e-6)  # at the upper rim, two windows wide
    assert found[["dates", "first", "last"]].values.tolist() == [[0, None, None]]
    assert len(cells_of(windows, settings(rule="mean", threshold=0.6, combine="each"))) == 0


def test_nothing_found_is_an_empty_table(windows: xr.DataArray) -> None:
    for combine in ("each", "max"):
        found = cells_of(windows, settings(combine=combine, threshold=0.99))
        assert len(found) == 0
        assert {"probability", "area_ha"} <= set(found.columns)
        assert found.crs.to_epsg() == 32721


def test_the_isolated_must_be_surer(windows: xr.DataArray) -> None:
    rule = {"neighbours": 3, "distance": 1000.0}
    # Three others of the same window lie within 1 km, the fourth nearest far away.
    assert len(cells_of(windows, settings(isolated=0.9, **rule))) == 8
    alone = settings(isolated=0.9, neighbours=4, distance=1000.0)
    assert len(cells_of(windows, alone)) == 4
    assert len(cells_of(windows, dataclasses.replace(alone, isolated=0.8))) == 8


def test_ground_is_that_of_known_windows(windows: xr.DataArray) -> None:
    # Each window reaches a cell beyond its centre; the unknown one is covered by its neighbours
    # but for the cells at the western rim.
    whole = seen_ground(windows.fillna(0.0)).area.sum()
    assert whole == pytest.approx(5 * 4 * 520**2)
    npt.assert_allclose(seen_ground(windows).area.sum(), whole)
    windows[:, :, 1:] = np.nan
    npt.assert_allclose(seen_ground(windows).area.sum(), 2 * 4 * 520**2)
    assert len(seen_ground(xr.full_like(windows, np.nan))) == 0


def test_dates_are_those_of_a_table(windows: xr.DataArray) -> None:
    found = cells_of(windows, settings(combine="each"))
    assert pd.to_datetime(found.date).isin(windows.time.values).all()
