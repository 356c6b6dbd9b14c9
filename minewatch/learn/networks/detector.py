"""A patch network that was taught: asked about patches, or about a whole block at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.networks.block_features import STRIDE, window_means
from minewatch.learn.networks.graph_checks import require_plain_graph
from minewatch.learn.networks.layers import PADDINGS, SMALLEST, feature_size
from minewatch.learn.networks.onnx_archives import session
from minewatch.learn.networks.weights_in_graphs import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd

__all__ = ["FORMAT", "Network"]

FORMAT = "minewatch-patch-network-1"
GRAPHS = {
    "same": {"patches.onnx"},
    "valid": {"patches.onnx", "features.onnx", "head.onnx"},
}
BATCH = 8
"""Patches a call: what they become on the way stays in the cache, and below 30 MB."""


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A patch network in ONNX, run by onnxruntime: a detector.

    It holds bytes and numbers only, so it travels to the workers of a cluster; each opens its own
    session once. Several threads may ask it at once.

    Attributes
    ----------
    graphs : dict of str to bytes
        From :func:`network_graphs`; they standardise by themselves.
    size : int
        Pixels to a side of a patch.
    channels : tuple of str
        Names of the channels, in the order that the graphs take.
    padding : {"same", "valid"}
        Of the convolutions.
    mean_, std_ : numpy.ndarray
        Of each channel over all pixels of all patches that it learnt from, float64.
    classes_ : numpy.ndarray
        0 no mine, 1 a mine.
    history_ : pandas.DataFrame or None
        A row an epoch: ``epoch``, ``loss``, ``val_loss``, ``val_f1``, ``val_accuracy``.
    provenance_ : dict
        How it was taught, and what was noted of where it comes from.
    versions_ : dict of str to str
        Of the libraries that made it.
    """

    graphs: dict[str, bytes]
    size: int
    channels: tuple[str, ...]
    padding: str
    mean_: npt.NDArray[np.float64]
    std_: npt.NDArray[np.float64]
    history_: pd.DataFrame | None = None
    provenance_: dict[str, Any] = field(default_factory=dict)
    versions_: dict[str, str] = field(default_factory=dict)

    @property
    def classes_(self) -> npt.NDArray[np.int8]:
        """0 no mine, 1 a mine."""
        return np.array([0, 1], np.int8)

    @property
    def stride(self) -> int:
        """Steps of :meth:`predict_windows` are multiples of this many pixels."""
        return STRIDE

    def __repr__(self) -> str:
        """Name what goes in."""
        names = ", ".join(self.channels)
        return f"Network({self.size} × {self.size}, {names}, padding={self.padding!r})"

    def __dask_tokenize__(self) -> tuple[str, str]:
        found = hashlib.sha256(f"{self.size} {self.padding} {self.channels}".encode())
        for name in sorted(self.graphs):
            found.update(self.graphs[name])
        return (FORMAT, found.hexdigest())

    def predict_proba(
        self, patches: npt.NDArray[Any], *, threads: int = 1
    ) -> npt.NDArray[np.float32]:
        """Probability that a patch shows a mine.

        Parameters
        ----------
        patches : numpy.ndarray
            (n, channels, size, size), in the units it learnt from; NaN is unknown.
        threads : int
            Of one call. Dask runs calls side by side, so 1 is right there.

        Returns
        -------
        numpy.ndarray
            (n,) float32; NaN for a patch with an unknown pixel.

        Raises
        ------
        ImportError
            If onnxruntime is not installed.
        ValueError
            If the shape does not fit.
        """
        wanted = (len(self.channels), self.size, self.size)
        if np.ndim(patches) != 4 or np.shape(patches)[1:] != wanted:
            message = f"the network takes patches of shape (n, {', '.join(map(str, wanted))}) with "
            message += f"channels {', '.join(self.channels)}, got {np.shape(patches)}; extract "
            message += f"patches with size={self.size} from a scene of these channels"
            raise ValueError(message)
        run = session(self.graphs["patches.onnx"], threads)
        out = np.full(len(patches), np.nan, np.float32)
        for start in range(0, len(patches), BATCH):
            batch = np.asarray(patches[start : start + BATCH], np.float32)
            known = np.isfinite(batch).all(axis=(1, 2, 3))
            if known.any():
                asked = batch if known.all() else batch[known]
                out[start : start + BATCH][known] = _answers(run, asked)[:, 1]
        return out

    def predict_windows(
        self, block: npt.NDArray[Any], step: int = 52, *, threads: int = 1
    ) -> npt.NDArray[np.float32]:
        """Probability of a mine in every window of a block, the convolutions done once for all.

        Neighbouring windows share most of their features. Without padding a window at a multiple of
        4 pixels has the very features of the block, so only means over windows are left to take.

        Parameters
        ----------
        block : numpy.ndarray
            (channels, y, x), in the units it learnt from; NaN is unknown.
        step : int
            Pixels from window to window, a multiple of 4.
        threads : int
            Of one call. Dask runs calls side by side, so 1 is right there.

        Returns
        -------
        numpy.ndarray
            (rows, columns) float32: window (i, j) begins at pixel (i · step, j · step). As many as
            fit, floor((y − size) / step) + 1 rows; NaN for a window with an unknown pixel.

        Raises
        ------
        ImportError
            If onnxruntime is not installed.
        ValueError
            If the network pads, the step is no multiple of 4 or the shape does not fit.
        """
        if self.padding != "valid":
            message = "predict_windows needs a network without padding, this one pads with zeros; "
            message += "use predict_proba on windows, or fit_network(..., padding='valid')"
            raise ValueError(message)
        if step < STRIDE or step % STRIDE:
            message = f"step must be a multiple of {STRIDE} pixels, got {step}; use step=52, or "
            message += "predict_proba on windows"
            raise ValueError(message)
        if np.ndim(block) != 3 or len(block) != len(self.channels):
            message = f"the network takes a block ({len(self.channels)}, y, x) with channels "
            message += f"{', '.join(self.channels)}, got shape {np.shape(block)}; select these"
            raise ValueError(message)
        rows, columns = ((side - self.size) // step + 1 for side in np.shape(block)[1:])
        if min(rows, columns) < 1:
            return np.empty((max(rows, 0), max(columns, 0)), np.float32)
        used = ((count - 1) * step + self.size for count in (rows, columns))
        block = np.asarray(block)[:, *(slice(side) for side in used)]
        known = np.isfinite(block).all(axis=0)
        out = np.full((rows, columns), np.nan, np.float32)
        asked = _all_known(known, self.size, step)
        if not asked.any():
            return out
        run = session(self.graphs["features.onnx"], threads)
        means = window_means(
            block,
            known,
            lambda image: _answers(run, image),
            span=feature_size(self.size, self.padding),
            step=step // STRIDE,
            filling=self.mean_,
        )
        head = session(self.graphs["head.onnx"], threads)
        out[asked] = _answers(head, means[asked][:, :, None, None])[:, 1]
        return out

    def to_parts(self) -> tuple[dict[str, bytes], dict[str, Any]]:
        """What to write into a file: graphs, and a header of plain text and numbers.

        Returns
        -------
        parts : dict of str to bytes
            The graphs.
        header : dict
            All else.
        """
        history = None
        if self.history_ is not None:
            history = [
                [str(name), [float(value) if np.isfinite(value) else None for value in column]]
                for name, column in self.history_.items()
            ]
        header = {
            "format": FORMAT,
            "size": self.size,
            "channels": list(self.channels),
            "padding": self.padding,
            "mean": self.mean_.tolist(),
            "std": self.std_.tolist(),
            "classes": self.classes_.tolist(),
            "history": history,
            "provenance": self.provenance_,
            "versions": self.versions_,
        }
        return dict(self.graphs), header

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes], header: Mapping[str, Any]) -> Network:
        """The network of a file.

        Parameters
        ----------
        parts, header : mapping
            As :meth:`to_parts` gave them.

        Returns
        -------
        Network
            It answers as the one that was saved.

        Raises
        ------
        ValueError
            If they are none, or a graph holds what a patch network does not.
        """
        size, padding = header["size"], header["padding"]
        channels = tuple(map(str, header["channels"]))
        mean, std = (np.array(header[name], np.float64) for name in ("mean", "std"))
        sound = padding in PADDINGS and isinstance(size, int) and size >= SMALLEST[padding]
        sound = sound and set(parts) == GRAPHS[padding] and len(channels) > 0
        sound = sound and mean.shape == std.shape == (len(channels),)
        if not sound or header["classes"] != [0, 1] or not np.isfinite([mean, std]).all():
            message = "its header does not describe a patch network"
            raise ValueError(message)
        for content in parts.values():
            require_plain_graph(content, OPERATORS)
        return cls(
            graphs=dict(parts),
            size=size,
            channels=channels,
            padding=padding,
            mean_=mean,
            std_=std,
            history_=_table(header["history"]),
            provenance_=dict(header["provenance"]),
            versions_=dict(header["versions"]),
        )


def _answers(run: Any, given: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """What a graph of one input and one output says."""
    name = run.get_inputs()[0].name
    found: npt.NDArray[np.float32] = run.run(None, {name: np.ascontiguousarray(given, "float32")})[
        0
    ]
    return found


def _table(told: list[tuple[str, list[float | None]]] | None) -> pd.DataFrame | None:
    import pandas as pd

    if told is None:
        return None
    table = pd.DataFrame({name: np.array(column, np.float64) for name, column in told})
    return table.astype({"epoch": np.int64})


def _all_known(known: npt.NDArray[np.bool_], size: int, step: int) -> npt.NDArray[np.bool_]:
    """Whether all pixels of each window are known."""
    unknown = np.zeros((known.shape[0] + 1, known.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(~known, axis=0), axis=1, out=unknown[1:, 1:])
    begins = (slice(0, -size, step), slice(size, None, step))
    upper, lower = unknown[begins[0]], unknown[begins[1]]
    counts = lower[:, begins[1]] - lower[:, begins[0]] - upper[:, begins[1]] + upper[:, begins[0]]
    complete: npt.NDArray[np.bool_] = counts == 0
    return complete
