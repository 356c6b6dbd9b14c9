"""Focal loss is Keras's, and cross-entropy in its limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minewatch.learn.networks import focal_loss

pytestmark = pytest.mark.cnn


def loss(probabilities: Any, labels: Any, **settings: Any) -> np.ndarray:
    import torch

    told = torch.tensor(np.asarray(probabilities), dtype=torch.float64)
    return focal_loss(told, torch.tensor(labels), **settings).numpy()


def test_the_vector_of_keras() -> None:
    found = loss([[0.05, 0.9, 0.05], [0.1, 0.85, 0.05]], [1, 2])
    np.testing.assert_allclose(found, [2.63401289e-4, 0.675912094], rtol=0, atol=1e-8)


def test_without_focus_it_is_cross_entropy(rng: np.random.Generator) -> None:
    told, labels = rng.dirichlet([1, 1, 1], 50), rng.integers(3, size=50)
    found = loss(told, labels, gamma=0, alpha=1)
    np.testing.assert_allclose(found, -np.log(told[np.arange(50), labels]), rtol=1e-12)


def test_probabilities_are_scaled_to_1() -> None:
    assert loss([[2.0, 6]], [1]) == pytest.approx(loss([[0.25, 0.75]], [1]), rel=1e-12)


def test_certainty_is_clipped_as_in_keras() -> None:
    found = loss([[1.0, 0], [1, 0]], [0, 1], gamma=0, alpha=1)
    np.testing.assert_allclose(found, [-np.log(1 - 1e-7), -np.log(1e-7)], rtol=1e-9)


def test_a_weight_for_each_class_is_the_binary_form_of_lin() -> None:
    p, alpha, gamma = 0.3, 0.25, 2
    mine, none = loss([[1 - p, p]] * 2, [1, 0], alpha=(1 - alpha, alpha))
    assert mine == pytest.approx(-alpha * (1 - p) ** gamma * np.log(p), rel=1e-12)
    assert none == pytest.approx(-(1 - alpha) * p**gamma * np.log(1 - p), rel=1e-12)


def test_one_weight_for_all_is_a_factor() -> None:
    told = [[0.4, 0.6], [0.9, 0.1]]
    assert loss(told, [1, 1], alpha=0.5) == pytest.approx(2 * loss(told, [1, 1]), rel=1e-12)


def test_its_slope_is_that_of_finite_differences() -> None:
    import torch

    told = torch.tensor([[0.2, 0.8], [0.7, 0.3]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: focal_loss(p, torch.tensor([1, 1])), told)
