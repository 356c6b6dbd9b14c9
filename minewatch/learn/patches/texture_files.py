"""Detectors of texture in files that hold numbers and text only, as forests are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minewatch.learn.archives import UNREADABLE
from minewatch.learn.patches.texture_detector import TextureDetector
from minewatch.learn.patches.textures import statistic_names
from minewatch.learn.persistence import Forest, load_model, save_model

if TYPE_CHECKING:
    import os

__all__ = ["load_textures", "save_textures"]

KIND = "texture detector"


def save_textures(detector: TextureDetector, path: str | os.PathLike[str]) -> None:
    """Save a detector of texture as an archive of NumPy; it appears whole or not at all.

    Parameters
    ----------
    detector : TextureDetector
        From :func:`fit_textures`.
    path : str or path-like
        The file; an existing one is replaced.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    load_textures : the way back.
    """
    told = {
        "kind": KIND,
        "start": detector.start,
        "size": detector.size,
        "channels": list(detector.channels),
        "settings": detector.settings,
        "provenance": detector.provenance_,
        "versions": detector.versions_,
    }
    save_model(detector.trees, path, provenance=told)


def load_textures(path: str | os.PathLike[str]) -> TextureDetector:
    """Load what :func:`save_textures` saved; no code in the file is run.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    TextureDetector
        With the same probabilities to the last bit.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is no such file, is damaged or was altered.

    See Also
    --------
    save_textures : the way there.
    """
    trees = load_model(path)
    told: dict[str, Any] = getattr(trees, "provenance_", {})
    if not isinstance(trees, Forest) or told.get("kind") != KIND:
        message = f"{path} holds a model of pixels, no detector of patches; load it with "
        message += "minewatch.learn.load_model"
        raise ValueError(message)
    try:
        names = statistic_names(told["channels"], distances=told["settings"]["distances"])
        known = [*trees.feature_names_in_] == [*names] and len(trees.classes_) == 1
        found = TextureDetector(
            trees,
            start=told["start"],
            channels=told["channels"],
            size=told["size"],
            settings=told["settings"],
            provenance=told["provenance"],
            versions=told["versions"],
        )
    except UNREADABLE as error:
        message = f"{path} is no detector that minewatch wrote ({error})"
        raise ValueError(message) from error
    if not known:
        message = f"{path} asks for other statistics than its channels have; fit it anew"
        raise ValueError(message)
    return found
