"""Losses as the formulas have them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy import testing as npt

from minewatch.learn.segment import losses


def typed(
    p: np.ndarray, label: int, alpha: float, beta: float, floor: float
) -> tuple[float, float]:
    """CE and SCE of one pixel, the sums written out."""
    y = [float(k == label) for k in range(len(p))]
    ce = -sum(y[k] * math.log(p[k]) for k in range(len(p)))
    rce = -sum(p[k] * math.log(max(y[k], math.exp(floor))) for k in range(len(p)))
    return ce, alpha * ce + beta * rce


@pytest.mark.cnn
def test_reverse_cross_entropy_of_the_known_vector() -> None:
    torch = pytest.importorskip("torch")
    scores = torch.log(torch.tensor([[0.9, 0.1]], dtype=torch.float64))
    found = losses.pixel_loss(scores, torch.tensor([0]), loss="sce", alpha=0, beta=1, log_floor=-4)
    assert found.item() == pytest.approx(0.4, abs=1e-12)


@pytest.mark.cnn
@pytest.mark.parametrize("floor", [-4.0, -6.0])
def test_losses_are_the_sums_written_out(floor: float) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), (3, 5, 6))
    target = rng.integers(0, 4, (3, 5, 6))
    scores = torch.from_numpy(np.log(p).transpose(0, 3, 1, 2) + 1.7)  # a constant does not matter
    settings = {"alpha": 0.3, "beta": 0.7, "log_floor": floor}
    parts = [typed(p[at], int(target[at]), 0.3, 0.7, floor) for at in np.ndindex(*target.shape)]
    ce, sce = np.array(parts).T.reshape(2, *target.shape)
    for loss, expected in (("ce", ce), ("sce", sce), ("ce+sce", ce + sce)):
        found = losses.pixel_loss(scores, torch.from_numpy(target), loss=loss, **settings)
        npt.assert_allclose(found.numpy(), expected, rtol=1e-10)


@pytest.mark.cnn
def test_a_wrong_label_pulls_no_harder_than_the_floor() -> None:
    """However sure the network is of another class, RCE costs -A and its slope dies away."""
    torch = pytest.importorskip("torch")
    slopes = {}
    for loss, alpha in (("ce", 1.0), ("sce", 0.0)):
        scores = torch.tensor([[12.0, 0.0]], dtype=torch.float64, requires_grad=True)
        found = losses.pixel_loss(scores, torch.tensor([1]), loss=loss, alpha=alpha)
        found.sum().backward()
        slopes[loss] = float(scores.grad.abs().max())
        if loss == "sce":
            assert found.item() == pytest.approx(4, abs=1e-4)
    assert slopes["ce"] > 0.99
    assert slopes["sce"] < 1e-4


@pytest.mark.cnn
def test_pixels_count_by_their_weight() -> None:
    torch = pytest.importorskip("torch")
    values, weights = np.array([[2.0, 7.0], [1.0, 5.0]]), np.array([[0.5, 0.0], [1.0, 0.25]])
    found = losses.weighted_mean(torch.from_numpy(values), torch.from_numpy(weights))
    assert found.item() == pytest.approx(np.average(values, weights=weights))


@pytest.mark.parametrize(
    "change", [{"loss": "dice"}, {"alpha": -1}, {"alpha": 0, "beta": 0}, {"log_floor": 0}]
)
def test_losses_that_cannot_be(change: dict[str, object]) -> None:
    settings = {"loss": "ce+sce", "alpha": 0.1, "beta": 1.0, "log_floor": -4.0} | change
    with pytest.raises(ValueError, match="use"):
        losses.require_loss(**settings)
