"""Forests in files that hold numbers and text only: loading one runs no code of its maker's.

A file is a NumPy archive (``.npz``) of the nodes of all trees, and the curves of a calibrated
forest, with a JSON header: features, classes, the versions it was made with and where it comes
from. A digest over all of it tells a damaged or altered file.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch._files import whole
from minewatch.learn.calibrated import CalibratedModel, Curves
from minewatch.learn.stored import Forest

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["Forest", "load_model", "save_model"]

FORMAT = "minewatch-forest-1"
CALIBRATED = "minewatch-calibrated-forest-1"
ARRAYS = {
    "starts": "int64",
    "left": "int32",
    "right": "int32",
    "feature": "int32",
    "threshold": "float64",
    "leaf_value": "float64",
    "importance": "float64",
    "domain": "float64",
}
CURVES = {
    "calibration_starts": "int64",
    "calibration_x": "float64",
    "calibration_y": "float64",
}
"""In the file of a calibrated forest, besides."""


def save_model(
    model: Any,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, object] | None = None,
) -> None:
    """Save a fitted forest; the file appears whole or not at all.

    Parameters
    ----------
    model : sklearn.ensemble.RandomForestClassifier, Forest or CalibratedModel
        From :func:`fit_forest` or :func:`load_model`; extremely randomised trees do as well. A
        calibrated forest is saved with its curves.
    path : str or path-like
        The file, by custom ``.npz``; an existing one is replaced.
    provenance : mapping, optional
        What to remember of where the model comes from; text, numbers, lists and mappings.

    Raises
    ------
    TypeError
        If the model is no forest of named features, or the provenance is not plain.
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    load_model : the way back.

    Examples
    --------
    >>> import tempfile
    >>> import xarray as xr
    >>> from minewatch.learn import fit_forest
    >>> samples = xr.Dataset(
    ...     {"s2_ndvi": ("sample", np.array([0.1, 0.2, 0.7, 0.8], "f4"))},
    ...     {"label": ("sample", [1, 1, 0, 0])},
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(fit_forest(samples), f"{folder}/mines.npz", provenance={"region": "Tapajós"})
    ...     load_model(f"{folder}/mines.npz").provenance_
    {'region': 'Tapajós'}
    """
    curves = model.curves if isinstance(model, CalibratedModel) else None
    model = model.model if isinstance(model, CalibratedModel) else model
    forest = model if isinstance(model, Forest) else Forest.of(model)
    kept = forest.provenance_ if provenance is None else dict(provenance)
    versions = {name: metadata.version(name) for name in ("minewatch", "scikit-learn", "numpy")}
    header = {
        "format": FORMAT if curves is None else CALIBRATED,
        "features": [str(name) for name in forest.feature_names_in_],
        "classes": forest.classes_.tolist(),
        "domain": [str(name) for name in forest.training_domain_.columns],
        "provenance": kept,
        "versions": forest.versions_ or versions,
        **({} if curves is None else {"calibration": curves.method}),
    }
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        message = f"provenance must hold text, numbers, lists and mappings only: {error}"
        raise TypeError(message) from error
    arrays = forest.arrays() if curves is None else forest.arrays() | curves.arrays()
    kinds = ARRAYS if curves is None else ARRAYS | CURVES
    packed = {name: np.ascontiguousarray(arrays[name], kind) for name, kind in kinds.items()}
    packed["header"] = np.frombuffer(text, np.uint8)
    packed["digest"] = np.frombuffer(_digest(packed), np.uint8)
    with whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **packed)


def _digest(packed: Mapping[str, Any]) -> bytes:
    whole_file = hashlib.sha256()
    for name in ("header", *ARRAYS, *(name for name in CURVES if name in packed)):
        whole_file.update(f"{name}{packed[name].shape}".encode())
        whole_file.update(np.ascontiguousarray(packed[name]).tobytes())
    return whole_file.digest()


def load_model(path: str | os.PathLike[str]) -> Forest | CalibratedModel:
    """Load a forest that :func:`save_model` saved.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Forest or CalibratedModel
        Its probabilities equal those of the forest that was saved, to the last bit; calibrated if
        that one was.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, is damaged or was altered.

    See Also
    --------
    save_model : the way there.

    Examples
    --------
    >>> load_model("nowhere.npz")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no model nowhere.npz; save one with minewatch.learn.save_model
    """
    file = Path(path)
    if not file.is_file():
        message = f"there is no model {file}; save one with minewatch.learn.save_model"
        raise FileNotFoundError(message)
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            packed = {name: archive[name] for name in ("header", "digest")}
            for name, kind in (ARRAYS | CURVES).items():
                if name in CURVES and name not in archive:
                    continue
                packed[name] = archive[name].astype(kind, casting="equiv", copy=False)
        header = json.loads(packed["header"].tobytes().decode())
        found = header["format"]
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError) as error:
        raise _no_model(file, error) from error
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _no_model(file, error) from error
    if found not in (FORMAT, CALIBRATED):
        message = f"{file} has format {found!r}, this version of minewatch reads {FORMAT!r} and "
        message += repr(CALIBRATED)
        message += "; load it with the version that saved it"
        raise ValueError(message)
    if packed["digest"].tobytes() != _digest(packed):
        message = f"{file} was altered or damaged after it was saved; get or fit the model anew"
        raise ValueError(message)
    try:
        forest = Forest.from_arrays({name: packed[name] for name in ARRAYS}, header)
        if found == FORMAT:
            return forest
        curves = Curves.from_arrays(packed, header["calibration"], forest.classes_)
        return CalibratedModel(forest, curves)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _no_model(file, error) from error


def _no_model(file: Path, error: Exception) -> ValueError:
    message = f"{file} is no model that minewatch.learn.save_model wrote ({error})"
    return ValueError(message)
