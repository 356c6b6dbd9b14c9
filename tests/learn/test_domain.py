"""Outside is what lies below the least or above the largest value learnt from."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from oracles_learn import NAMES, scene, sites

from minewatch.learn import (
    Forest,
    domain_summary,
    draw,
    fit_forest,
    load_model,
    outside_domain,
    save_model,
)


@pytest.fixture
def found(rng: np.random.Generator) -> tuple[object, xr.Dataset]:
    features = scene(rng)
    model = fit_forest(draw(features, sites()), trees=3)
    features["s2_bsi"][0, :7] = np.nan
    return model, features.assign(unused=features["s1_vv"])


def by_hand(model: object, features: xr.Dataset) -> np.ndarray:
    domain = model.training_domain_
    share = np.zeros(features["s2_bsi"].shape)
    for name in NAMES:
        values = features[name].values
        share += (values < domain.loc[name, "min"]) | (values > domain.loc[name, "max"])
    share = share / len(NAMES)
    share[np.isnan(features["s2_bsi"].values)] = np.nan
    return share


@pytest.mark.parametrize("chunks", [None, {"y": 7, "x": 31}, {"y": -1, "x": 1}])
def test_shares_are_those_counted_by_hand(
    found: tuple[object, xr.Dataset], chunks: dict[str, int] | None
) -> None:
    model, features = found
    given = features if chunks is None else features.chunk(chunks)
    with nothing_computes():
        share = outside_domain(model, given)
    assert share.dtype == np.float32
    assert (share.chunks is None) == (chunks is None)
    npt.assert_array_equal(share, by_hand(model, features).astype("f4"))
    assert share.rio.crs == features.rio.crs
    assert float(share.max()) > 0


def test_nothing_learnt_from_is_outside(rng: np.random.Generator) -> None:
    """To the last bit: bounds and map are compared in the precision of the model."""
    features = scene(rng)
    samples = draw(features, sites())
    model = fit_forest(samples, trees=2)
    at = {"y": samples.y, "x": samples.x}
    assert not outside_domain(model, features).sel(at).any()
    exact = features.astype("f8") + 1e-12  # what single precision does not see
    assert not outside_domain(model, exact).sel(at).any()


@pytest.mark.parametrize("chunks", [None, {"y": 13, "x": 17}])
def test_the_summary_counts_each_side(
    found: tuple[object, xr.Dataset], chunks: dict[str, int] | None
) -> None:
    model, features = found
    table = domain_summary(model, features if chunks is None else features.chunk(chunks))
    share = by_hand(model, features)
    complete = np.isfinite(share)
    assert table.attrs == {
        "pixels": complete.sum(),
        "outside": pytest.approx((share[complete] > 0).mean()),
    }
    for name in NAMES:
        values, domain = features[name].values[complete], model.training_domain_.loc[name]
        assert table.loc[name, "below"] == pytest.approx((values < domain["min"]).mean())
        assert table.loc[name, "above"] == pytest.approx((values > domain["max"]).mean())
    assert table.sum(axis=1).is_monotonic_decreasing
    empty = domain_summary(model, features.where(False))
    assert empty.attrs["pixels"] == 0
    assert np.isnan(empty.attrs["outside"])
    assert empty.isna().all(axis=None)


def test_infinity_is_outside_and_time_may_stand_in_front(
    found: tuple[object, xr.Dataset],
) -> None:
    model, features = found
    features = features.drop_vars("unused").fillna(0.0)
    infinite = features.copy(deep=True)
    infinite["s1_vv"][5, 5] = np.inf
    assert float(outside_domain(model, infinite)[5, 5]) >= 0.25
    years = xr.concat([features, infinite], "year")
    share = outside_domain(model, years)
    assert share.dims == ("year", "y", "x")
    npt.assert_array_equal(share[0], outside_domain(model, features))
    assert domain_summary(model, years).attrs["pixels"] == share.size


def test_models_out_of_files_know_it_too(
    found: tuple[object, xr.Dataset], tmp_path: object
) -> None:
    model, features = found
    save_model(model, tmp_path / "forest.npz")
    for kept in (Forest.of(model), load_model(tmp_path / "forest.npz")):
        npt.assert_array_equal(outside_domain(kept, features), outside_domain(model, features))


def test_it_says_what_it_needs(found: tuple[object, xr.Dataset]) -> None:
    model, features = found
    with pytest.raises(TypeError, match=r"got object; fit one with minewatch\.learn\.fit_forest"):
        outside_domain(object(), features)
    with pytest.raises(KeyError, match=r"the features lack \['s1_vv'\]"):
        domain_summary(model, features.drop_vars("s1_vv"))
    with pytest.raises(ValueError, match="features of the same dims"):
        outside_domain(model, features.assign(s1_vv=features["s1_vv"].expand_dims("year")))
