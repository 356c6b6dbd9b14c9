"""Epoch after epoch: steps, the running mean of the weights, scores, and the network as ONNX."""

from __future__ import annotations

import copy
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.segment.losses import pixel_loss, weighted_mean
from minewatch.metrics import mean_iou

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from minewatch.learn.segment.training_sets import TrainingSet

__all__ = ["RunningMean", "as_before", "epochs_of", "numbers_of", "turned", "validated"]


@contextmanager
def as_before(torch: Any, threads: int | None) -> Iterator[None]:
    """Torch's generator and number of threads as they were, whatever happens between."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.set_num_threads(before if threads is None else threads)
            yield
        finally:
            torch.set_num_threads(before)


def epochs_of(
    torch: Any,
    network: Any,
    average: RunningMean | None,
    taught: TrainingSet,
    factors: dict[str, Any],
    epochs: int,
    batch: int,
    rate: float,
    *,
    augment: bool,
) -> Iterator[dict[str, float]]:
    """Train, and tell of each epoch."""
    network.to(memory_format=torch.channels_last)  # a fifth faster on a CPU
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * math.ceil(len(taught) / batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    square = taught.target.shape[1] == taught.target.shape[2]
    tensors = [torch.from_numpy(each) for each in (taught.images, taught.target, taught.weights)]
    for epoch in range(1, epochs + 1):
        began, total, load = time.perf_counter(), 0.0, 0.0
        network.train()
        order = torch.randperm(len(taught))
        for start in range(0, len(taught), batch):
            at = order[start : start + batch]
            parts = [each[at] for each in tensors]
            if augment:
                parts = turned(torch, parts, square=square)
            images, target, weights = parts
            images = images.contiguous(memory_format=torch.channels_last)
            value = weighted_mean(pixel_loss(network(images), target, **factors), weights)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            if average is not None:
                average.add(network)
            total += value.item() * float(weights.sum())
            load += float(weights.sum())
        seconds = time.perf_counter() - began
        yield {"epoch": epoch, "loss": total / load, "seconds": seconds}


def turned(torch: Any, parts: list[Any], *, square: bool) -> list[Any]:
    """Each chip in one of its eight positions, or four if it is not square."""
    chosen = torch.randint(0, 8, (len(parts[0]),)).tolist()
    turned = []
    for part in parts:
        each = []
        for place, choice in enumerate(chosen):
            quarters = (choice % 4) if square else 2 * (choice % 2)
            view = torch.rot90(part[place], quarters, (-2, -1))
            each.append(view.flip(-1) if choice >= 4 else view)
        turned.append(torch.stack(each))
    return turned


class RunningMean:
    """The running mean of a network: of its weights, and of what normalisation noted."""

    def __init__(self, torch: Any, network: Any, keep: float) -> None:
        self.torch, self.keep, self.steps = torch, keep, 0
        self.network = copy.deepcopy(network).eval()

    def add(self, network: Any) -> None:
        """Take in the network after a step."""
        self.steps += 1
        keep = min(self.keep, (1 + self.steps) / (10 + self.steps))
        with self.torch.no_grad():
            mine, theirs = self.network.state_dict(), network.state_dict()
            for name, value in mine.items():
                if value.dtype.is_floating_point:
                    value.mul_(keep).add_(theirs[name], alpha=1 - keep)
                else:
                    value.copy_(theirs[name])


def validated(
    torch: Any, network: Any, checked: TrainingSet, factors: dict[str, Any], classes: int
) -> dict[str, float]:
    """Loss and mean IoU on chips that were not learnt from."""
    network.eval()
    total, table = 0.0, np.zeros((classes, classes), np.int64)
    with torch.no_grad():
        for image, target, weight in zip(
            checked.images, checked.target, checked.weights, strict=True
        ):
            scores = network(torch.from_numpy(image[None]))
            losses = pixel_loss(scores, torch.from_numpy(target[None]), **factors)[0]
            total += float((losses * torch.from_numpy(weight)).sum())
            found, counts = scores[0].argmax(dim=0).numpy(), weight > 0
            cells = np.bincount(target[counts] * classes + found[counts], minlength=classes**2)
            table += cells.reshape(classes, classes)
    return {
        "validation_loss": total / float(checked.weights.sum(dtype=np.float64)),
        "validation_mean_iou": mean_iou(table),
    }


def numbers_of(network: Any) -> dict[str, npt.NDArray[Any]]:
    """The state of a network as arrays of their own.

    Parameters
    ----------
    network : torch.nn.Module
        Any.

    Returns
    -------
    dict of str to numpy.ndarray
        By name.
    """
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}
