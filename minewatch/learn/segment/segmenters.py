"""A network that was taught, and all that is needed to ask it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.networks.onnx_archives import session
from minewatch.learn.segment.training_sets import standardised

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

__all__ = ["Segmenter"]


@dataclass(frozen=True, eq=False, repr=False)
class Segmenter:
    """A U-Net in ONNX, run by onnxruntime.

    Attributes
    ----------
    graph : bytes
        ONNX: standardised images (n, channels, y, x) to probabilities (n, classes, y, x).
    channels : tuple of str
        Names of the channels, in the order that the graph takes.
    classes_ : numpy.ndarray
        Codes of the classes, in the order that it gives.
    class_names : tuple of str
        Their names; empty if they have none.
    mean_, std_ : numpy.ndarray
        Of each channel, float64.
    step : int
        Rows and columns of an image must be a multiple of it.
    reach : int
        Pixels farther away than this do not matter.
    parameters_ : int
        Numbers that training set.
    provenance_ : dict
        How it was taught, and what was noted of where it comes from.
    versions_ : dict of str to str
        Of the libraries that made it.
    history_ : pandas.DataFrame or None
        A row an epoch, from the network that was just taught; not kept in files.
    """

    graph: bytes
    channels: tuple[str, ...]
    classes_: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    mean_: npt.NDArray[np.float64]
    std_: npt.NDArray[np.float64]
    step: int
    reach: int
    parameters_: int
    provenance_: dict[str, Any] = field(default_factory=dict)
    versions_: dict[str, str] = field(default_factory=dict)
    history_: pd.DataFrame | None = None

    def __repr__(self) -> str:
        """Name what goes in and what comes out."""
        classes = ", ".join(self.class_names) or ", ".join(map(str, self.classes_))
        return f"Segmenter({', '.join(self.channels)} → {classes})"

    def __dask_tokenize__(self) -> tuple[str, str]:
        told = (self.graph, self.mean_.tobytes(), self.std_.tobytes())
        return ("segmenter", hashlib.sha256(b"".join(told)).hexdigest())

    def predict_proba(
        self, images: npt.NDArray[Any], *, flips: bool = False, threads: int = 1
    ) -> npt.NDArray[np.float32]:
        """Probability of each class at each pixel of images.

        Parameters
        ----------
        images : numpy.ndarray
            (n, channels, y, x), as the chips it learnt from, NaN unknown.
        flips : bool
            Look at each image four times, as it is and flipped along rows, along columns and along
            both, and take the mean of the probabilities.
        threads : int
            Of one call.

        Returns
        -------
        numpy.ndarray
            (n, classes, y, x) float32, NaN where a channel is unknown.

        Raises
        ------
        ImportError
            If onnxruntime is not installed.
        ValueError
            If the shape does not fit.
        """
        images = np.asarray(images)
        fits = images.ndim == 4 and images.shape[1] == len(self.channels)
        if not fits or any(size % self.step or not size for size in images.shape[2:]):
            message = (
                f"the network takes images (n, {len(self.channels)}, y, x) of rows and columns in "
                f"multiples of {self.step}, got {images.shape}; pad them with NaN"
            )
            raise ValueError(message)
        out = np.full((len(images), len(self.classes_), *images.shape[2:]), np.nan, np.float32)
        for image, into in zip(images, out, strict=True):
            seen, known = standardised(image, self.mean_, self.std_)
            if known.any():
                found = self._probabilities(seen, flips=flips, threads=threads)
                np.copyto(into, found, where=known)
        return out

    def _probabilities(
        self, seen: npt.NDArray[np.float32], *, flips: bool, threads: int
    ) -> npt.NDArray[np.float32]:
        """Of one image (channels, y, x); always the same calls, so always the same numbers."""
        run = session(self.graph, threads)
        name = run.get_inputs()[0].name
        views = ((1, 1), (1, -1), (-1, 1), (-1, -1)) if flips else ((1, 1),)
        total = np.zeros((len(self.classes_), *seen.shape[1:]), np.float32)
        for down, right in views:
            view = np.ascontiguousarray(seen[:, ::down, ::right])
            total += run.run(None, {name: view[None]})[0][0][:, ::down, ::right]
        total /= len(views)
        return total
