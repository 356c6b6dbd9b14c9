"""The surest of each class."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch.learn import noisy


def teacher(values: np.ndarray) -> tuple[xr.Dataset, xr.DataArray]:
    coords = {"class": [3, 7, 9][: values.shape[1]]}
    samples = xr.Dataset(
        {"s1_vv": ("sample", np.arange(len(values), dtype="f4"))},
        {"label": ("sample", np.zeros(len(values), int))},
    )
    return samples, xr.DataArray(values, coords, ("sample", "class"))


def test_each_class_keeps_its_share() -> None:
    values = np.random.default_rng(0).dirichlet([4.0, 1.0, 1.0], 500)
    samples, probability = teacher(values)
    found = noisy.pseudo_label(samples, probability, keep=0.6)
    likeliest = np.array([3, 7, 9])[values.argmax(axis=1)]
    for code in (3, 7, 9):
        members = values.max(axis=1)[likeliest == code]
        kept = found.sureness.values[found.label.values == code]
        assert len(kept) == np.ceil(0.6 * len(members))
        npt.assert_array_equal(np.sort(kept), np.sort(members)[-len(kept) :])
    npt.assert_array_equal(found.trusted, 0)
    npt.assert_array_equal(likeliest[found.s1_vv.values.astype(int)], found.label)


def test_a_second_teacher_leaves_the_trusted_labels() -> None:
    samples, probability = teacher(np.array([[0.6, 0.4], [0.3, 0.7], [0.1, 0.9]]))
    once = noisy.pseudo_label(samples, probability, keep=1.0)
    again = noisy.pseudo_label(once, 1 - probability, keep=1.0)
    npt.assert_array_equal(again.label, [7, 3, 3])
    npt.assert_array_equal(again.trusted, 0)


def test_where_the_teacher_saw_nothing_there_is_no_label() -> None:
    values = np.array([[0.6, 0.4], [np.nan, np.nan], [0.1, 0.9]])
    found = noisy.pseudo_label(*teacher(values), keep=1.0)
    npt.assert_array_equal(found.s1_vv, [0, 2])
    npt.assert_array_equal(found.label, [3, 7])


def test_certainty_is_one_less_relative_entropy() -> None:
    values = np.random.default_rng(1).dirichlet(np.ones(4), (5, 6)).transpose(2, 0, 1)
    probability = xr.DataArray(values, dims=("class", "y", "x")).chunk({"y": 2, "x": 4})
    expected = 1 + (values * np.log(values)).sum(axis=0) / np.log(4)
    found = noisy.certainty(probability)
    assert found.chunks is not None
    npt.assert_allclose(found, expected)
    assert np.isnan(noisy.certainty(xr.DataArray([np.nan, 1.0], dims="class")))


@pytest.mark.parametrize("keep", [0.0, 60.0])
def test_a_share_is_a_share(keep: float) -> None:
    with pytest.raises(ValueError, match="share above 0"):
        noisy.pseudo_label(*teacher(np.full((4, 2), 0.5)), keep=keep)


def test_what_an_ensemble_is_sure_of_has_an_entropy_below_half(rng: np.random.Generator) -> None:
    """u = −Σ p̄ log p̄ / log K of the members' mean; what is kept has u < ½."""
    members = rng.dirichlet([0.2, 0.2, 0.2], (5, 40, 30)).transpose(0, 3, 1, 2)
    members[:, :, 0, 0] = members[:1, :, 0, 0] = [0.98, 0.01, 0.01]
    members[:, :, 0, 1] = np.eye(3)[[0, 1, 2, 0, 1]]  # each is sure, of another class
    ensemble = xr.DataArray(members, dims=("member", "class", "y", "x"))
    mean = members.mean(axis=0)
    expected = -(mean * np.log(mean)).sum(axis=0) / np.log(3)
    uncertainty = 1 - noisy.certainty(ensemble.mean("member"))
    npt.assert_allclose(uncertainty, expected, atol=1e-6)
    kept = noisy.certainty(ensemble.mean("member")) > 0.5
    npt.assert_array_equal(kept, expected < 0.5)
    assert bool(kept[0, 0])
    assert not bool(kept[0, 1])
    assert 0 < int(kept.sum()) < kept.size
