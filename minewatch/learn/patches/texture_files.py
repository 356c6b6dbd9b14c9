"""Detectors of texture in files that hold numbers and text only, as other estimators are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minewatch.learn.patches.texture_detector import TextureDetector
from minewatch.learn.persistence import load_model, save_model

if TYPE_CHECKING:
    import os

__all__ = ["load_textures", "save_textures"]

KIND = "texture detector"


def save_textures(detector: TextureDetector, path: str | os.PathLike[str]) -> None:
    """Save a detector of texture as a file of skops; it appears whole or not at all.

    Parameters
    ----------
    detector : TextureDetector
        From :func:`fit_textures`.
    path : str or path-like
        The file.

    Raises
    ------
    ImportError
        If skops is not installed.

    See Also
    --------
    load_textures : the way back.
    """
    told = {
        "kind": KIND,
        "size": detector.size,
        "channels": list(detector.channels),
        "settings": detector.settings,
        "provenance": detector.provenance_,
        "versions": detector.versions_,
    }
    save_model(detector.model, path, provenance=told)


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
        If it is no such file, is damaged or was altered, or holds a type that is not trusted.
    ImportError
        If skops is not installed.

    See Also
    --------
    save_textures : the way there.
    """
    model = load_model(path)
    told: dict[str, Any] = getattr(model, "provenance_", {})
    if told.get("kind") != KIND:
        message = f"{path} holds a model of pixels, no detector of patches; load it with "
        message += "minewatch.learn.load_model"
        raise ValueError(message)
    return TextureDetector(
        model,
        channels=told["channels"],
        size=told["size"],
        settings=told["settings"],
        provenance=told["provenance"],
        versions=told["versions"],
    )
