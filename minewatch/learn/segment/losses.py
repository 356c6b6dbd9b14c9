r"""What training makes small: cross-entropy, and symmetric cross-entropy that bears wrong labels.

With p the probabilities and y the label as a vector of 0 and 1,

.. math::

   \mathrm{CE} = -\sum_k y_k \log p_k, \quad
   \mathrm{RCE} = -\sum_k p_k \log \max(y_k, e^A) = -A (1 - p_y), \quad
   \mathrm{SCE} = \alpha\,\mathrm{CE} + \beta\,\mathrm{RCE}

RCE never exceeds -A: a wrong label costs a bounded amount, so that it cannot pull without end.

References
----------
Wang et al. (2019), Symmetric cross entropy for robust learning with noisy labels, ICCV.
https://doi.org/10.1109/ICCV.2019.00041
"""

from __future__ import annotations

from typing import Any

from minewatch.learn.networks.frameworks import require_torch

__all__ = ["LOSSES", "pixel_loss", "require_loss", "weighted_mean"]

LOSSES = ("ce+sce", "sce", "ce")


def require_loss(loss: str, *, alpha: float, beta: float, log_floor: float) -> None:
    """Refuse a loss that is not known, or factors that cannot be.

    Raises
    ------
    ValueError
        If so.
    """
    if loss not in LOSSES:
        message = f"fit_unet knows the losses {list(LOSSES)}, got {loss!r}; use 'ce+sce'"
        raise ValueError(message)
    if not (alpha >= 0 and beta >= 0 and alpha + beta > 0 and log_floor < 0):
        message = (
            "fit_unet needs alpha and beta of 0 or more, not both 0, and a negative log_floor, got "
            f"alpha={alpha}, beta={beta}, log_floor={log_floor}; use 0.1, 1 and -4"
        )
        raise ValueError(message)


def pixel_loss(
    scores: Any,
    target: Any,
    *,
    loss: str = "ce+sce",
    alpha: float = 0.1,
    beta: float = 1.0,
    log_floor: float = -4.0,
) -> Any:
    """The loss of each pixel.

    Parameters
    ----------
    scores : torch.Tensor
        (n, classes, ...), before the softmax.
    target : torch.Tensor
        (n, ...) int64, the place of the label among the classes.
    loss : {"ce+sce", "sce", "ce"}
        CE + SCE, SCE, or CE.
    alpha, beta : float
        Factors of CE and RCE in SCE.
    log_floor : float
        A, what the logarithm of 0 is taken for.

    Returns
    -------
    torch.Tensor
        (n, ...), 0 or more.

    Examples
    --------
    RCE of a label that has nine tenths of the probability:

    >>> torch = require_torch("an example")
    >>> scores = torch.log(torch.tensor([[0.9, 0.1]]))
    >>> pixel_loss(scores, torch.tensor([0]), loss="sce", alpha=0).item()
    0.4
    """
    functional = require_torch("pixel_loss").nn.functional
    logarithms = functional.log_softmax(scores, dim=1)
    cross_entropy = -logarithms.gather(1, target.unsqueeze(1)).squeeze(1)
    if loss == "ce":
        return cross_entropy
    reverse = -log_floor * (1 - (-cross_entropy).exp())
    factor = alpha + (1 if loss == "ce+sce" else 0)
    return factor * cross_entropy + beta * reverse


def weighted_mean(losses: Any, weights: Any) -> Any:
    """Mean of the losses of pixels, each counting as much as its weight.

    Parameters
    ----------
    losses, weights : torch.Tensor
        Of one shape; weights of 0 or more, at least one above 0.

    Returns
    -------
    torch.Tensor
        A scalar.

    Examples
    --------
    >>> torch = require_torch("an example")
    >>> weighted_mean(torch.tensor([1.0, 3.0, 9.0]), torch.tensor([1.0, 1.0, 0.0])).item()
    2.0
    """
    return (losses * weights).sum() / weights.sum()
