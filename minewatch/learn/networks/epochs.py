"""Steps of learning: once through all patches, and what was learnt by then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.networks.focal import focal_loss
from minewatch.learn.networks.frameworks import require_torch
from minewatch.learn.turns import TURNS, turned

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Lesson", "scores_of"]

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Of Adam."""
DROPPED = 0.5


class Lesson:
    """A patch network, its optimiser and its generators of chance.

    Parameters
    ----------
    network : torch.nn.Sequential
        From :func:`patch_network`; it is changed.
    mean, std : numpy.ndarray
        Of each channel.
    gamma, alpha : float, or sequence of float for alpha
        Of :func:`focal_loss`.
    batch : int
        Patches a step.
    rate : float
        Learning rate.
    augment : bool
        Flip and turn patches.
    seed : int
        Of order, dropout and turns.
    """

    def __init__(
        self,
        network: Any,
        mean: npt.NDArray[np.float64],
        std: npt.NDArray[np.float64],
        *,
        gamma: float,
        alpha: float | Sequence[float],
        batch: int,
        rate: float,
        augment: bool,
        seed: int,
    ) -> None:
        torch = require_torch("fit_network")
        self.torch, self.gamma, self.alpha = torch, gamma, alpha
        self.batch, self.rate, self.augment = batch, rate, augment
        # Channels beside each other in memory: convolutions are faster so.
        self.network = network.to(memory_format=torch.channels_last)
        self.mean, self.std = (part.astype(np.float32)[:, None, None] for part in (mean, std))
        at = list(dict(network.named_children())).index("dropout")
        self.eyes, self.head = network[:at], network[at + 1 :]
        self.optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=BETAS, eps=EPSILON)
        self.order = np.random.default_rng(seed)
        self.chance = torch.Generator().manual_seed(int(self.order.integers(2**62)))

    def epoch(self, values: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
        """See all patches once, in a new order.

        Parameters
        ----------
        values : numpy.ndarray
            Patches (n, channels, size, size).
        labels : numpy.ndarray
            (n,), 0 or 1.

        Returns
        -------
        float
            Mean loss of the patches, each when it was seen.
        """
        torch = self.torch
        self.network.train()
        total = 0.0
        with torch.enable_grad():
            for chosen in self._batches(len(labels)):
                self.optimiser.zero_grad(set_to_none=True)
                seen = self.eyes(self._input(values[chosen], turn=self.augment))
                draws = torch.rand(seen.shape, generator=self.chance, dtype=torch.float32)
                left = seen * (draws >= DROPPED) / (1 - DROPPED)
                loss = self._loss(self.head(left), labels[chosen]).mean()
                loss.backward()
                self.optimiser.step()
                total += loss.item() * len(chosen)
        return total / len(labels)

    def ask(
        self, values: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What the network says now, nothing dropped.

        Parameters
        ----------
        values : numpy.ndarray
            Patches (n, channels, size, size).
        labels : numpy.ndarray
            (n,), 0 or 1.

        Returns
        -------
        probabilities, losses : numpy.ndarray
            Of a mine, and of each patch: (n,).
        """
        torch = self.torch
        self.network.eval()
        told, losses = [], []
        with torch.no_grad():
            for start in range(0, len(labels), self.batch):
                some = slice(start, start + self.batch)
                scores = self.network(self._input(values[some], turn=False))
                told.append(scores.softmax(1)[:, 1].numpy())
                losses.append(self._loss(scores, labels[some]).numpy())
        return np.concatenate(told), np.concatenate(losses)

    def weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """A copy of all weights and statistics, by the names of the layers."""
        state = self.network.state_dict()
        return {
            name: np.array(tensor.contiguous().numpy(), order="C")
            for name, tensor in state.items()
            if tensor.ndim
        }

    def _batches(self, count: int) -> list[npt.NDArray[np.int64]]:
        """Every patch once; a single one left over joins those before it: it has no variance."""
        order = self.order.permutation(count)
        cuts = list(range(self.batch, count, self.batch))
        if cuts and count - cuts[-1] == 1:
            cuts.pop()
        return np.split(order, cuts)

    def _input(self, patches: npt.NDArray[np.float32], *, turn: bool) -> Any:
        patches = (patches - self.mean) / self.std
        if turn:
            patches = turned(patches, self.order.integers(TURNS, size=len(patches)))
        beside = np.ascontiguousarray(patches.transpose(0, 2, 3, 1))
        return self.torch.from_numpy(beside).permute(0, 3, 1, 2)

    def _loss(self, scores: Any, labels: npt.NDArray[np.int64]) -> Any:
        true = self.torch.from_numpy(np.ascontiguousarray(labels))
        return focal_loss(scores.softmax(1), true, gamma=self.gamma, alpha=self.alpha)


def scores_of(
    lesson: Lesson, values: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Loss, F1 of mines and accuracy on patches that are not learnt from.

    Parameters
    ----------
    lesson : Lesson
        With the network.
    values, labels : numpy.ndarray
        Patches (n, channels, size, size) and their labels (n,).

    Returns
    -------
    dict of str to float
        ``val_loss``, ``val_f1``, ``val_accuracy``. F1 is NaN where there is no mine and none is
        told.
    """
    probabilities, losses = lesson.ask(values, labels)
    told, true = probabilities > 0.5, labels == 1
    right, wrong = (told & true).sum(), (told != true).sum()
    f1 = 2 * right / (2 * right + wrong) if right + wrong else np.nan
    accuracy = float((told == true).mean())
    return {"val_loss": float(losses.mean()), "val_f1": float(f1), "val_accuracy": accuracy}
