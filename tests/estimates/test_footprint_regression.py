"""Regression over mines: scipy's line, known truth, coverage, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from minewatch.estimates import inventory_regression


def mines(rng, n=14, rate=3.3, power=1.0, noise=0.15) -> pd.DataFrame:
    area = 9e5 * np.exp(0.8 * rng.standard_normal(n))
    ore = rate * (area / 9e5) ** power * 9e5 * np.exp(noise * rng.standard_normal(n))
    names = [f"mine {i}" for i in range(n)]
    return pd.DataFrame({"mine": names, "area_m2": area, "production_t": ore})


def test_the_line_is_that_of_scipy(rng):
    table = mines(rng, power=0.8)
    found = inventory_regression(table)
    x, y = np.log(table.area_m2), np.log(table.production_t)
    line = stats.linregress(x, y)
    assert found.attrs["slope"] == pytest.approx(line.slope)
    assert found.attrs["intercept"] == pytest.approx(line.intercept)
    assert found.attrs["r_squared"] == pytest.approx(line.rvalue**2)
    half = stats.t.ppf(0.975, 12) * line.stderr
    assert found.attrs["slope_low"] == pytest.approx(line.slope - half)
    assert found.attrs["slope_high"] == pytest.approx(line.slope + half)
    np.testing.assert_allclose(found.predicted_t, np.exp(line.intercept + line.slope * x))
    assert (found.source == "fitted").all()
    residual = y - line.intercept - line.slope * x
    assert found.attrs["smearing"] == pytest.approx(np.exp(residual).mean())


def test_proportional_is_the_mean_of_ratios(rng):
    table = mines(rng)
    found = inventory_regression(table, model="proportional")
    ratios = table.production_t / table.area_m2
    assert found.attrs["slope"] == pytest.approx(ratios.mean())
    np.testing.assert_allclose(found.predicted_t, ratios.mean() * table.area_m2)
    half = stats.t.ppf(0.975, 13) * ratios.std() * np.sqrt(1 + 1 / 14)
    np.testing.assert_allclose(found.upper_t, (ratios.mean() + half) * table.area_m2)
    wild = table.assign(production_t=table.production_t * np.where(np.arange(14) % 2, 1, 20))
    assert (inventory_regression(wild, model="proportional").lower_t == 0).all()


@pytest.mark.parametrize("model", ["power", "proportional"])
def test_each_mine_is_predicted_without_itself(rng, model):
    table = mines(rng)
    found = inventory_regression(table, model=model)
    for i in (0, 5, 13):
        hidden = table.assign(production_t=table.production_t.where(table.index != i))
        alone = inventory_regression(hidden, model=model, extrapolate=True)
        assert found.left_out_t[i] == pytest.approx(alone.predicted_t[i])
        assert alone.source[i] == "predicted"
    error = found.left_out_t / table.production_t - 1
    np.testing.assert_allclose(found.left_out_error, error)
    assert found.attrs["left_out_median_error"] == pytest.approx(error.abs().median())
    rmse = np.sqrt(((found.left_out_t - table.production_t) ** 2).mean())
    assert found.attrs["left_out_rmse_t"] == pytest.approx(rmse)
    assert 0 <= found.attrs["left_out_coverage"] <= 1


def test_years_of_a_mine_are_one_point_and_are_left_out_together(rng):
    table = mines(rng, n=6)
    twice = pd.concat([table, table.assign(production_t=table.production_t * 1.21)])
    once = table.assign(production_t=table.production_t * 1.1)
    found, single = inventory_regression(twice), inventory_regression(once)
    assert found.attrs["mines"] == 6
    for name in ("slope", "intercept", "residual_std", "slope_high"):
        assert found.attrs[name] == pytest.approx(single.attrs[name])
    np.testing.assert_allclose(found.left_out_t[:6], single.left_out_t)
    np.testing.assert_allclose(found.left_out_t[6:], single.left_out_t)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["power", "proportional"])
def test_intervals_hold_what_they_promise(rng, model):
    """Of new mines nine in ten lie within 90 %: 300 draws, one standard error is 1.7 points."""
    inside = []
    for _ in range(300):
        table = mines(rng, n=9)
        hidden = table.assign(production_t=table.production_t.where(table.index > 0))
        row = inventory_regression(hidden, model=model, confidence=0.9, extrapolate=True).iloc[0]
        inside.append(row.lower_t <= table.production_t[0] <= row.upper_t)
    # The ratios are log-normal, not normal: the proportional model is a little off.
    assert np.mean(inside) == pytest.approx(0.9, abs=0.055)


def test_the_truth_of_a_simulated_inventory_is_found(rng):
    found = inventory_regression(mines(rng, n=200))
    assert found.attrs["slope_low"] < 1 < found.attrs["slope_high"]
    assert found.attrs["residual_std"] == pytest.approx(0.15, rel=0.2)
    assert found.attrs["smearing"] == pytest.approx(np.exp(0.15**2 / 2), abs=0.02)


def test_far_areas_are_refused(rng):
    table = mines(rng)
    largest = float(table.area_m2.max())
    new = pd.DataFrame({"mine": ["big", "near", "none"], "area_m2": [2 * largest, largest, np.nan]})
    with pytest.warns(UserWarning, match=r"refuses 1 predictions.*extrapolate=True"):
        found = inventory_regression(pd.concat([table, new])).set_index("mine")
    assert np.isnan(found.predicted_t["big"])
    assert np.isnan(found.upper_t["big"])
    assert found.source["big"].startswith("refused: far from")
    assert found.source["near"] == "predicted"
    assert found.source["none"] == "no area"
    assert np.isnan(found.predicted_t["none"])
    told = inventory_regression(pd.concat([table, new]), extrapolate=True).set_index("mine")
    assert told.predicted_t["big"] > told.predicted_t["near"]


def test_what_has_no_logarithm_is_not_fitted(rng):
    table = mines(rng)
    idle = pd.DataFrame({"mine": ["idle", "flat"], "area_m2": [1e6, 0.0], "production_t": [0.0, 1]})
    found = inventory_regression(pd.concat([table, idle]))
    assert found.attrs["slope"] == pytest.approx(inventory_regression(table).attrs["slope"])
    assert found.source.tolist()[-2:] == ["predicted", "no area"]


def test_columns_of_the_user_are_passed_on(rng):
    table = mines(rng).assign(country="FIN")
    before = table.copy()
    found = inventory_regression(table)
    assert (found.country == "FIN").all()
    pd.testing.assert_frame_equal(table, before)


def test_errors_say_what_would_do(rng):
    table = mines(rng)
    with pytest.raises(ValueError, match="'power' and 'proportional'"):
        inventory_regression(table, model="linear")
    with pytest.raises(ValueError, match=r"needs 4 mines.*got 3; add mines"):
        inventory_regression(table[:3])
    assert inventory_regression(table[:3], model="proportional").attrs["mines"] == 3
    with pytest.raises(ValueError, match="model='proportional' or add mines"):
        inventory_regression(table.assign(area_m2=1e6))
    with pytest.raises(ValueError, match=r"0\.95 and 1\.5 are usual"):
        inventory_regression(table, confidence=95)
    with pytest.raises(ValueError, match=r"\['production_t'\] is missing"):
        inventory_regression(table.drop(columns="production_t"))
