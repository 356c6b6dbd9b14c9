"""Teaching the network, by torch; what comes out needs torch no more."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch.learn.networks.frameworks import require_torch
from minewatch.learn.segment import training_sets
from minewatch.learn.segment.architecture import reach, step, unet
from minewatch.learn.segment.epochs import RunningMean, as_before, epochs_of, numbers_of, validated
from minewatch.learn.segment.graphs import unet_graph
from minewatch.learn.segment.losses import require_loss
from minewatch.learn.segment.segmenters import Segmenter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["fit_unet"]


def fit_unet(
    chips: xr.DataArray | npt.ArrayLike,
    labels: xr.DataArray | npt.ArrayLike,
    *,
    classes: Mapping[str, int] | Sequence[int],
    weights: xr.DataArray | npt.ArrayLike | None = None,
    loss: Literal["ce+sce", "sce", "ce"] = "ce+sce",
    alpha: float = 0.1,
    beta: float = 1.0,
    log_floor: float = -4.0,
    ignore: int = 255,
    epochs: int = 30,
    batch: int = 8,
    rate: float = 1e-3,
    balance: float = 0.5,
    augment: bool = True,
    ema: float | None = None,
    validation: tuple[Any, Any] | None = None,
    width: int = 16,
    levels: int = 4,
    seed: int = 0,
    threads: int | None = None,
    notify: Callable[[dict[str, float]], None] | None = None,
) -> Segmenter:
    r"""Teach a small U-Net to give every pixel a class. Computes.

    The loss of a pixel is CE + SCE with :math:`\mathrm{SCE} = \alpha\,\mathrm{CE} +
    \beta\,\mathrm{RCE}` and, for a label y, :math:`\mathrm{RCE} = -A (1 - p_y)`: labels that are
    wrong now and then do less harm than in plain cross-entropy. It forgets classes that are rare,
    though, so pixels of rare classes count for more (`balance`). Pixels count by their weight; a
    batch's loss is the weighted mean over its pixels. Adam, its rate falling to 0 along a cosine.

    Channels are standardised by the mean and the standard deviation of their known pixels, which go
    with the network. A pixel with an unknown channel is 0 in all of them and does not count.

    Parameters
    ----------
    chips : xarray.DataArray or array
        (chip, channel, row, column), e.g. of :func:`chips`; NaN unknown. Rows and columns are
        multiples of 2 to the power ``levels - 1``.
    labels : xarray.DataArray or array
        (chip, row, column), codes.
    classes : mapping of str to int, or sequence of int
        What is learnt, in the order of the probabilities: names and codes, or codes.
    weights : xarray.DataArray or array, optional
        (chip, row, column): what each pixel counts, e.g. how sure the teacher was of its label
        (:func:`minewatch.learn.noisy.certainty`); NaN is 0.
    loss : {"ce+sce", "sce", "ce"}
        Of a pixel.
    alpha, beta, log_floor : float
        Factors of CE and RCE in SCE, and A.
    ignore : int
        Label of pixels that do not count.
    epochs, batch : int
        How often all chips are seen, and how many at a time.
    rate : float
        Of Adam, at the start.
    balance : float
        From 0 to 1: pixels count by the share of their class to the power of minus this. 0 takes
        them as they are, 1 makes all classes count the same together.
    augment : bool
        Flip and turn chips at random, each time anew: quarter turns for square ones.
    ema : float, optional
        Give out the running mean of the weights instead of the last ones; each step keeps this
        share of it, e.g. 0.999, and less in the first steps.
    validation : (chips, labels), optional
        Others, scored after each epoch.
    width, levels : int
        Feature maps at full resolution, and resolutions.
    seed : int
        Of the first weights, of the order and of the turns.
    threads : int, optional
        Of torch; by default as many as it likes. Another number may change the last digits.
    notify : callable, optional
        Called with the row of each epoch: ``epoch``, ``loss``, ``seconds`` and, if validated,
        ``validation_loss`` and ``validation_mean_iou``.

    Returns
    -------
    Segmenter
        Asked by :func:`predict_segments`; ``history_`` holds a row an epoch.

    Raises
    ------
    ImportError
        If torch is not installed.
    ValueError
        If shapes, channels or settings do not fit, labels are no classes, or learning diverges.

    References
    ----------
    Wang et al. (2019), Symmetric cross entropy for robust learning with noisy labels, ICCV.
    https://doi.org/10.1109/ICCV.2019.00041
    Tarvainen and Valpola (2017), Mean teachers are better role models, NeurIPS; of it the running
    mean of weights alone. https://doi.org/10.48550/arXiv.1703.01780

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.zeros((4, 16, 16), "uint8")
    >>> labels[:, 4:12, 4:12] = 1
    >>> images = rng.normal(3.0 * labels[:, None], 1.0)
    >>> segmenter = fit_unet(
    ...     images, labels, classes={"other": 0, "mine": 1}, width=8, levels=2, epochs=20, threads=1
    ... )
    >>> segmenter
    Segmenter(channel0 → other, mine)
    >>> found = segmenter.predict_proba(images).argmax(axis=1)
    >>> bool((found == labels).mean() > 0.9)
    True
    """
    require_loss(loss, alpha=alpha, beta=beta, log_floor=log_floor)
    _require_settings(epochs, batch, rate, ema, width, levels, balance)
    codes = training_sets.class_codes(classes)
    torch = require_torch("fit_unet")
    names = _channel_names(chips)
    images = np.asarray(chips)
    if images.ndim != 4:
        message = (
            f"fit_unet needs chips (n, channels, y, x), got {images.shape}; cut them with "
            "minewatch.learn.segment.chips"
        )
        raise ValueError(message)
    mean, std = training_sets.moments(images)
    ready: dict[str, Any] = {"classes": codes, "ignore": ignore, "levels": levels}
    ready |= {"mean": mean, "std": std}
    taught = training_sets.training_set(images, labels, weights, **ready)
    taught = replace(
        taught, weights=training_sets.balanced(taught.target, taught.weights, power=balance)
    )
    checked = None
    if validation is not None:
        others = _channel_names(validation[0])
        if names and others and others != names:
            message = f"validation holds channels {list(others)}, the chips hold {list(names)}; "
            message += "cut both from the same channels, in one order"
            raise ValueError(message)
        checked = training_sets.training_set(*validation, None, **ready)
    factors = {"loss": loss, "alpha": alpha, "beta": beta, "log_floor": log_floor}
    with as_before(torch, threads):
        torch.manual_seed(seed)
        network = unet(images.shape[1], len(codes.codes), width=width, levels=levels)
        average = None if ema is None else RunningMean(torch, network, ema)
        history = []
        for row in epochs_of(
            torch, network, average, taught, factors, epochs, batch, rate, augment=augment
        ):
            if checked is not None:
                judged = network if average is None else average.network
                row |= validated(torch, judged, checked, factors, len(codes.codes))
            history.append(row)
            _require_converging(row, rate)
            if notify is not None:
                notify(dict(row))
        given = network if average is None else average.network
        numbers = numbers_of(given)
    import pandas as pd

    settings = {
        **factors, "epochs": epochs, "batch": batch, "rate": rate, "augment": bool(augment),
        "balance": balance,
        "ema": ema, "width": width, "levels": levels, "seed": seed, "chips": len(taught),
        "chips_left_out": taught.left_out, "weighted": weights is not None,
    }  # fmt: skip
    return Segmenter(
        graph=unet_graph(numbers, levels=levels),
        channels=names or tuple(f"channel{place}" for place in range(images.shape[1])),
        classes_=np.array(codes.codes),
        class_names=codes.names,
        mean_=mean,
        std_=std,
        step=step(levels),
        reach=reach(levels),
        parameters_=sum(each.numel() for each in given.parameters()),
        provenance_={"training": settings},
        versions_={name: metadata.version(name) for name in ("minewatch", "torch", "numpy")},
        history_=pd.DataFrame(history),
    )


def _require_settings(
    epochs: int,
    batch: int,
    rate: float,
    ema: float | None,
    width: int,
    levels: int,
    balance: float,
) -> None:
    if min(epochs, batch, width, levels) < 1 or not rate > 0:
        message = (
            "fit_unet needs epochs, batch, width and levels of 1 or more and a rate above 0, got "
            f"{epochs}, {batch}, {width}, {levels} and {rate}; leave them out for what is usual"
        )
        raise ValueError(message)
    if not 0 <= balance <= 1:
        message = f"balance is from 0 to 1, got {balance}; use 0.5"
        raise ValueError(message)
    if ema is not None and not 0 < ema < 1:
        message = f"ema is the share that each step keeps, between 0 and 1, got {ema}; use 0.999"
        raise ValueError(message)


def _require_converging(row: dict[str, float], rate: float) -> None:
    if not math.isfinite(row["loss"]):
        message = f"learning diverged in epoch {row['epoch']}: the loss is {row['loss']:g}; use a "
        message += f"rate smaller than {rate:g}"
        raise ValueError(message)


def _channel_names(chips: Any) -> tuple[str, ...]:
    if isinstance(chips, xr.DataArray) and "channel" in chips.coords:
        return tuple(str(name) for name in chips["channel"].values)
    return ()
