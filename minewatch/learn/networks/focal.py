"""Focal loss: what a network already knows weighs less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minewatch.learn.networks.frameworks import require_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["focal_loss"]

CLIP = 1e-7
"""Keras keeps probabilities this far from 0 and 1."""


def focal_loss(
    probabilities: Any, labels: Any, *, gamma: float = 2.0, alpha: float | Sequence[float] = 0.25
) -> Any:
    r"""Focal loss of each sample, as Keras computes it.

    .. math:: FL = -\alpha_t\,(1 - p_t)^\gamma \ln p_t

    with :math:`p_t` the probability of the true class, scaled so that those of all classes sum to 1
    and kept within :math:`[10^{-7}, 1 - 10^{-7}]`. With one α all classes weigh the same; under
    Adam such a factor changes next to nothing. With ``gamma=0, alpha=1`` it is cross-entropy.

    Parameters
    ----------
    probabilities : torch.Tensor of shape (n, classes)
        Not negative.
    labels : torch.Tensor of shape (n,)
        The true class of each, int64.
    gamma : float
        How much less a sample weighs that is known well.
    alpha : float or sequence of float
        Weight of all classes, or of each.

    Returns
    -------
    torch.Tensor of shape (n,)
        Loss of each sample.

    References
    ----------
    Lin et al. (2020), Focal loss for dense object detection, IEEE TPAMI 42(2),
    https://doi.org/10.1109/TPAMI.2018.2858826

    Examples
    --------
    >>> import torch
    >>> told = torch.tensor([[0.05, 0.9, 0.05], [0.1, 0.85, 0.05]], dtype=torch.float64)
    >>> [f"{loss:.6e}" for loss in focal_loss(told, torch.tensor([1, 2])).tolist()]
    ['2.634013e-04', '6.759121e-01']
    """
    torch = require_torch("focal_loss")
    scaled = probabilities / probabilities.sum(1, keepdim=True)
    true = scaled.clamp(CLIP, 1 - CLIP).gather(1, labels[:, None])[:, 0]
    weight: Any = alpha
    if not isinstance(alpha, int | float):
        weight = torch.tensor(tuple(alpha), dtype=true.dtype, device=true.device)[labels]
    return -weight * (1 - true) ** gamma * true.log()
