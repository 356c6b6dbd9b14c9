"""Segmenters in files of a graph, numbers and text: loading one runs no code of its maker's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.archives import UNREADABLE
from minewatch.learn.networks.onnx_archives import load_archive, save_archive, session
from minewatch.learn.segment.segmenters import Segmenter

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["load_segmenter", "save_segmenter"]

FORMAT = "minewatch-segmenter-1"
GRAPH = "segmenter.onnx"


def save_segmenter(
    segmenter: object,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Save a segmenter; the file appears whole or not at all.

    Parameters
    ----------
    segmenter : Segmenter
        Of :func:`fit_unet`.
    path : str or path-like
        The file; an existing one is replaced.
    provenance : mapping, optional
        What to remember besides of where it comes from; text, numbers, lists and mappings.

    Raises
    ------
    TypeError
        If it is no segmenter, or the provenance is not plain.
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    load_segmenter : the way back.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.learn.segment import fit_unet
    >>> images, labels = np.zeros((2, 1, 8, 8)), np.zeros((2, 8, 8), "uint8")
    >>> taught = fit_unet(images, labels, classes=[0, 1], width=2, levels=2, epochs=1, threads=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_segmenter(taught, f"{folder}/mines.zip", provenance={"region": "Tapajós"})
    ...     load_segmenter(f"{folder}/mines.zip").provenance_["region"]
    'Tapajós'
    """
    if not isinstance(segmenter, Segmenter):
        message = f"save_segmenter needs what fit_unet gives, got {type(segmenter).__name__}"
        raise TypeError(message)
    header = {
        "format": FORMAT,
        "channels": list(segmenter.channels),
        "classes": segmenter.classes_.tolist(),
        "class_names": list(segmenter.class_names),
        "mean": segmenter.mean_.tolist(),
        "std": segmenter.std_.tolist(),
        "step": segmenter.step,
        "reach": segmenter.reach,
        "parameters": segmenter.parameters_,
        "provenance": segmenter.provenance_ | dict(provenance or {}),
        "versions": segmenter.versions_,
    }
    save_archive(path, {GRAPH: segmenter.graph}, header)


def load_segmenter(path: str | os.PathLike[str]) -> Segmenter:
    """Load a segmenter that :func:`save_segmenter` saved, whatever the name of the file.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Segmenter
        Its probabilities equal those of the one that was saved; without ``history_``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, is damaged or was altered, or its parts do not fit each other.
    ImportError
        If onnxruntime is not installed.

    See Also
    --------
    save_segmenter : the way there.

    Examples
    --------
    >>> load_segmenter("nowhere.zip")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no file nowhere.zip; check the path
    """
    parts, header = load_archive(path)
    if header.get("format") != FORMAT or set(parts) != {GRAPH}:
        message = (
            f"{path} holds {header.get('format')!r}, not a segmenter of {FORMAT!r}; load it with "
            "what saved it, or get the segmenter"
        )
        raise ValueError(message)
    try:
        segmenter = _segmenter(parts[GRAPH], header)
        run = session(segmenter.graph)
        taken, given = run.get_inputs()[0].shape[1], run.get_outputs()[0].shape[1]
    except UNREADABLE as error:
        message = f"{path} is no segmenter that save_segmenter wrote ({error})"
        raise ValueError(message) from error
    if segmenter.step < 1 or segmenter.reach < 0 or not np.isfinite(segmenter.mean_).all():
        message = f"{path} is no segmenter that save_segmenter wrote (step {segmenter.step}, reach "
        message += f"{segmenter.reach}, means {segmenter.mean_.tolist()})"
        raise ValueError(message)
    sizes = (len(segmenter.channels), len(segmenter.mean_), len(segmenter.std_))
    if {*sizes} != {taken} or len(segmenter.classes_) != given or not (segmenter.std_ > 0).all():
        message = (
            f"{path} tells of {len(segmenter.channels)} channels and {len(segmenter.classes_)} "
            f"classes, its network of {taken} and {given}; get the segmenter anew"
        )
        raise ValueError(message)
    return segmenter


def _segmenter(graph: bytes, header: Mapping[str, Any]) -> Segmenter:
    return Segmenter(
        graph=graph,
        channels=tuple(str(name) for name in header["channels"]),
        classes_=np.array([int(code) for code in header["classes"]]),
        class_names=tuple(str(name) for name in header["class_names"]),
        mean_=np.array(header["mean"], np.float64),
        std_=np.array(header["std"], np.float64),
        step=int(header["step"]),
        reach=int(header["reach"]),
        parameters_=int(header["parameters"]),
        provenance_=dict(header["provenance"]),
        versions_={str(name): str(version) for name, version in header["versions"].items()},
    )
