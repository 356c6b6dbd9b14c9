"""Teaching the patch network."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import plain_attrs
from minewatch.learn.networks.detector import Network
from minewatch.learn.networks.epochs import Lesson, scores_of
from minewatch.learn.networks.frameworks import require_torch
from minewatch.learn.networks.layers import KERAS_BATCH_NORM, PADDINGS, patch_network
from minewatch.learn.networks.patch_arrays import arrays_of, moments
from minewatch.learn.networks.weights_in_graphs import network_graphs

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

__all__ = ["fit_network"]

LOSSES = ("focal", "focal_alpha_t", "cross_entropy")
MADE = ("averaging", "looks", "window", "floor")
"""Attributes of patches that tell how their channels were made."""


def fit_network(
    patches: xr.Dataset,
    *,
    validation: xr.Dataset | None = None,
    padding: str = "same",
    loss: str = "focal",
    gamma: float = 2.0,
    alpha: float = 0.25,
    epochs: int = 30,
    batch: int = 32,
    rate: float = 1e-3,
    augment: bool = False,
    early_stopping: int | None = None,
    best_epoch: bool = False,
    seed: int = 0,
    threads: int | None = None,
    notify: Callable[[dict[str, float]], None] | None = None,
) -> Network:
    """Teach the patch network of Lemes Neto et al. (2025). Computes, on the CPU.

    Channels are standardised by their mean and standard deviation over all pixels of `patches`. The
    optimiser is Adam. The same patches, settings, seed and number of threads give the same network
    to the last bit, on one machine and version of torch; generators and threads of torch that
    others use are left as they are found.

    Parameters
    ----------
    patches : xarray.Dataset
        A patch set to learn from, with both labels and without unknown pixels. It is read into
        memory.
    validation : xarray.Dataset, optional
        A patch set to watch the learning by, of other places: see
        :func:`minewatch.learn.patches.split`. None is drawn from `patches`.
    padding : {"same", "valid"}
        ``"same"``, the paper's: zeros around. ``"valid"``: none, so that scenes can be run as one
        convolution, in less than half the time.
    loss : {"focal", "focal_alpha_t", "cross_entropy"}
        ``"focal"``: as Keras, one `alpha` for both labels. ``"focal_alpha_t"``: `alpha` for mines,
        1 − `alpha` for others, so 0.25 makes mines weigh *less*.
    gamma, alpha : float
        Of the focal losses.
    epochs : int
        Times that all patches are seen.
    batch : int
        Patches a step.
    rate : float
        Learning rate.
    augment : bool
        Flip and turn each patch anew, at random, every time it is seen.
    early_stopping : int, optional
        Stop when the loss on `validation` has not sunk for so many epochs.
    best_epoch : bool
        Keep the weights of the epoch with the lowest loss on `validation`, not the last ones.
    seed : int
        Of the first weights, the order, the dropout and the turns.
    threads : int, optional
        Of torch; as many as it is set to by default.
    notify : callable, optional
        Called with the row of each epoch, as ``history_`` holds it, when the epoch is over.

    Returns
    -------
    Network
        A detector, with ``history_``: ``epoch``, ``loss`` (mean over the steps of the epoch, with
        dropout), and on `validation`, NaN without, ``val_loss``, ``val_f1`` (of mines, at
        probability 0.5) and ``val_accuracy``. ``provenance_`` tells the settings, the number of
        patches, the epoch of the weights and how the channels were made.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError
        If `patches` is no patch set.
    ValueError
        If a setting means nothing, patches cannot be learnt from, or learning diverges.

    See Also
    --------
    minewatch.learn.patches.scan : ask it about a scene.
    minewatch.learn.patches.save_detector : keep it.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks. Kingma and Ba (2015), Adam: a method for stochastic optimization,
    https://doi.org/10.48550/arXiv.1412.6980. Lin et al. (2020), Focal loss for dense object
    detection, https://doi.org/10.1109/TPAMI.2018.2858826

    Examples
    --------
    >>> import xarray as xr
    >>> values = np.random.default_rng(0).normal(size=(16, 1, 16, 16)).astype("float32")
    >>> values[::2] *= 4
    >>> label = {"label": ("patch", np.arange(16) % 2)}
    >>> dims = ("patch", "channel", "row", "column")
    >>> patches = xr.Dataset({"patches": (dims, values)}, coords=label)
    >>> network = fit_network(patches, epochs=1, threads=1)
    >>> network.predict_proba(values).shape, list(network.history_)
    ((16,), ['epoch', 'loss', 'val_loss', 'val_f1', 'val_accuracy'])
    """
    torch = require_torch("fit_network")
    _require_settings(padding, loss, gamma, alpha, epochs, batch, rate, early_stopping, threads)
    if validation is None and (early_stopping is not None or best_epoch):
        message = "early_stopping and best_epoch go by the loss on patches that are not learnt "
        message += "from, and there are none; pass validation=, e.g. from learn.patches.split"
        raise ValueError(message)
    values, labels, channels = arrays_of(patches, padding=padding, by="fit_network")
    if len(np.unique(labels)) < 2:
        message = f"fit_network needs patches with a mine and without, all {len(labels)} have label"
        message += f" {labels[0]}; add points of the other label"
        raise ValueError(message)
    watched = None
    if validation is not None:
        watched = arrays_of(validation, padding=padding, by="fit_network")
        if watched[0].shape[1:] != values.shape[1:] or watched[2] != channels:
            message = f"validation holds patches {watched[0].shape[1:]} of {watched[2]}, the others"
            message += f" are {values.shape[1:]} of {channels}; extract both alike"
            raise ValueError(message)
    mean, std = moments(values)
    weigh: Any = {"focal": alpha, "focal_alpha_t": (1 - alpha, alpha), "cross_entropy": 1.0}[loss]
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        network = patch_network(channels=len(channels), padding=padding, seed=seed)
        lesson = Lesson(
            network,
            mean,
            std,
            gamma=0.0 if loss == "cross_entropy" else gamma,
            alpha=weigh,
            batch=batch,
            rate=rate,
            augment=augment,
            seed=seed,
        )
        history, weights, used = _taught(
            lesson,
            values,
            labels,
            watched,
            epochs=epochs,
            patience=early_stopping,
            best=best_epoch,
            notify=notify,
        )
        told_threads = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    graphs = network_graphs(
        weights, padding=padding, mean=mean, std=std, epsilon=KERAS_BATCH_NORM["eps"]
    )
    settings = {
        "loss": loss, "gamma": gamma, "alpha": alpha, "epochs": epochs, "batch": batch,
        "rate": rate, "augment": augment, "early_stopping": early_stopping,
        "best_epoch": best_epoch, "seed": seed, "threads": told_threads,
    }  # fmt: skip
    counts = {
        "patches": len(labels),
        "mines": int(labels.sum()),
        "validation": 0 if watched is None else len(watched[1]),
        "epoch": used,
    }
    scale = patches.attrs.get("resolution")
    place: dict[str, Any] = {} if scale is None else {"resolution": float(scale)}
    made = plain_attrs(patches["patches"].attrs)
    place["channels_made"] = {name: made[name] for name in MADE if name in made}
    return Network(
        graphs=graphs,
        size=values.shape[2],
        channels=channels,
        padding=padding,
        mean_=mean,
        std_=std,
        history_=history,
        provenance_={"settings": settings, **counts, **place},
        versions_={name: metadata.version(name) for name in ("minewatch", "torch", "numpy")},
    )


def _require_settings(
    padding: str,
    loss: str,
    gamma: float,
    alpha: float,
    epochs: int,
    batch: int,
    rate: float,
    patience: int | None,
    threads: int | None,
) -> None:
    for name, value, choices in (("padding", padding, PADDINGS), ("loss", loss, LOSSES)):
        if value not in choices:
            message = f"{name} is one of {list(choices)}, got {value!r}; the paper's is "
            message += repr(choices[0])
            raise ValueError(message)
    whole = {"epochs": epochs, "batch": batch, "early_stopping": patience, "threads": threads}
    for name, count in whole.items():
        if count is not None and (int(count) != count or count < 1):
            message = f"{name} must be a whole number above 0, got {count}; use e.g. {name}=1"
            raise ValueError(message)
    if not (rate > 0 and gamma >= 0 and 0 < alpha <= 1):
        message = f"fit_network needs rate > 0, gamma >= 0 and 0 < alpha <= 1, got rate={rate}, "
        message += f"gamma={gamma}, alpha={alpha}; the paper's are 0.001, 2 and 0.25"
        raise ValueError(message)
    if batch < 2:
        message = f"batch normalisation needs 2 patches a step or more, got batch={batch}; use 32"
        raise ValueError(message)


def _taught(
    lesson: Lesson,
    values: Any,
    labels: Any,
    watched: Any,
    *,
    epochs: int,
    patience: int | None,
    best: bool,
    notify: Callable[[dict[str, float]], None] | None,
) -> tuple[Any, dict[str, Any], int]:
    """The history, the weights that are kept, and of which epoch they are."""
    import pandas as pd

    rows: list[dict[str, float]] = []
    lowest, at = np.inf, 0
    kept: dict[str, Any] = {}
    for epoch in range(1, epochs + 1):
        row = {"epoch": epoch, "loss": lesson.epoch(values, labels)}
        row |= {"val_loss": np.nan, "val_f1": np.nan, "val_accuracy": np.nan}
        if watched is not None:
            row |= scores_of(lesson, watched[0], watched[1])
        rows.append(row)
        weights = lesson.weights()
        if not (np.isfinite(row["loss"]) and all(np.isfinite(w).all() for w in weights.values())):
            message = f"learning diverged in epoch {epoch}: the loss is {row['loss']:g}, and not "
            message += f"all weights are finite; use a rate smaller than {lesson.rate:g}"
            raise ValueError(message)
        if row["val_loss"] < lowest:
            lowest, at = row["val_loss"], epoch
            kept = weights
        if notify is not None:
            notify(dict(row))
        if patience is not None and epoch - at >= patience:
            break
    if not best:
        kept, at = weights, len(rows)
    return pd.DataFrame(rows).astype({"epoch": np.int64}), kept, at
