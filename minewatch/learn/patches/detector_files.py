"""Detectors of patches in files that hold numbers, text and ONNX graphs only.

Loading one runs no code of its maker's, and a digest tells a damaged or altered file.
"""

from __future__ import annotations

import copy
import dataclasses
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.learn.archives import UNREADABLE
from minewatch.learn.networks.detector import FORMAT, Network
from minewatch.learn.networks.onnx_archives import load_archive, save_archive
from minewatch.learn.patches.texture_detector import TextureDetector
from minewatch.learn.patches.texture_files import load_textures, save_textures

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["load_detector", "save_detector"]

OF_NUMPY = "header.npy"
"""A member that archives of NumPy have, and those of networks have not."""


def save_detector(
    detector: Any,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, object] | None = None,
) -> None:
    """Save a detector; the file appears whole or not at all.

    Parameters
    ----------
    detector : Network or TextureDetector
        From :func:`fit_network` or :func:`fit_textures`.
    path : str or path-like
        The file; an existing one is replaced.
    provenance : mapping, optional
        What else to remember of where it comes from, besides its settings; text, numbers, lists and
        mappings.

    Raises
    ------
    TypeError
        If it is no such detector, or the provenance is not plain.
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    load_detector : the way back.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, xarray as xr
    >>> from minewatch.learn.patches import fit_textures
    >>> values = np.random.default_rng(0).normal(size=(40, 1, 16, 16)).astype("float32")
    >>> values[::2] *= 4
    >>> label = {"label": ("patch", np.arange(40) % 2), "channel": ["vv"]}
    >>> dims = ("patch", "channel", "row", "column")
    >>> patches = xr.Dataset({"patches": (dims, values)}, coords=label)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_detector(fit_textures(patches), f"{folder}/mines", provenance={"by": "me"})
    ...     load_detector(f"{folder}/mines").provenance_["by"]
    'me'
    """
    more = dict(provenance or {})
    if isinstance(detector, Network):
        noted = {**detector.provenance_, **more}
        save_archive(path, *dataclasses.replace(detector, provenance_=noted).to_parts())
        return
    if isinstance(detector, TextureDetector):
        texture = copy.copy(detector)
        texture.provenance_ = {**detector.provenance_, **more}
        save_textures(texture, path)
        return
    message = f"save_detector needs a detector of patches, got {type(detector).__name__}; fit one "
    message += "with fit_network or fit_textures of minewatch.learn.patches"
    raise TypeError(message)


def load_detector(path: str | os.PathLike[str]) -> Network | TextureDetector:
    """Load a detector that :func:`save_detector` saved, whatever the name of the file.

    A network is refused if its graphs read from other files, or hold loops or operators that patch
    networks do not have. Take files from whom you trust all the same: a forged graph can ask for
    more memory than there is.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Network or TextureDetector
        It answers as the one that was saved. onnxruntime is needed to ask a network, not to load
        it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, is damaged, was altered, or holds what a detector does not.

    See Also
    --------
    save_detector : the way there.

    Examples
    --------
    >>> load_detector("nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no detector nowhere; save one with ...patches.save_detector
    """
    file = Path(path)
    if not file.is_file():
        message = f"there is no detector {file}; save one with "
        message += "minewatch.learn.patches.save_detector"
        raise FileNotFoundError(message)
    if _is_of_numpy(file):
        return load_textures(file)
    parts, header = load_archive(file)
    if header["format"] != FORMAT:
        message = f"{file} has format {header['format']!r}, no patch detector's; this version of "
        message += f"minewatch reads {FORMAT!r}"
        raise ValueError(message)
    try:
        return Network.from_parts(parts, header)
    except UNREADABLE as error:
        message = f"{file} is no detector that minewatch wrote ({error})"
        raise ValueError(message) from error


def _is_of_numpy(file: Path) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return OF_NUMPY in archive.namelist()
    except UNREADABLE:
        return False
