"""Models in files that hold numbers and text only: loading one runs no code of its maker's.

A forest is a NumPy archive (``.npz``) of the nodes of all trees, and the curves of a calibrated
forest, with a JSON header: features, classes, the versions it was made with and where it comes
from. Other estimators are archives of skops (``.skops``) with the same header. A digest over all of
it tells a damaged or altered file.
"""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch._files import whole
from minewatch.learn import estimator_files
from minewatch.learn.archives import UNREADABLE, require_modest
from minewatch.learn.calibrated import CalibratedModel, Curves
from minewatch.learn.ensembles import obstacle
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
    """Save a fitted model; the file appears whole or not at all.

    Forests of any kind are saved as arrays; they come back as :class:`Forest`. Other classifiers
    and pipelines of scikit-learn, and forests that learnt where gaps lead, are saved by `skops
    <https://skops.readthedocs.io>`_, which must be installed, and come back as they were.

    Parameters
    ----------
    model : sklearn.ensemble.RandomForestClassifier, Forest, CalibratedModel or other estimator
        Fitted on named features. A calibrated model is saved with its curves.
    path : str or path-like
        The file, by custom ``.npz`` for forests and ``.skops`` for others; an existing one is
        replaced.
    provenance : mapping, optional
        What to remember of where the model comes from; text, numbers, lists and mappings.

    Raises
    ------
    TypeError
        If the model is no fitted classifier of named features, holds what may not be loaded
        again, or the provenance is not plain.
    FileNotFoundError
        If the folder does not exist.
    ImportError
        If skops is needed and not installed.

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
    inner = model.model if isinstance(model, CalibratedModel) else model
    _require_names(inner)
    as_arrays = isinstance(inner, Forest) or obstacle(inner) is None
    if as_arrays and not isinstance(inner, Forest):
        inner = Forest.of(inner)
    if not as_arrays:
        estimator_files.require_skops()
    libraries = ("minewatch", "scikit-learn", "numpy", *(() if as_arrays else ("skops",)))
    domain = getattr(inner, "training_domain_", None)
    if provenance is None:
        provenance = getattr(inner, "provenance_", {})
    kind = FORMAT if curves is None else CALIBRATED
    header = {
        "format": kind if as_arrays else estimator_files.FORMAT,
        "features": [str(name) for name in inner.feature_names_in_],
        "classes": np.asarray(inner.classes_).tolist(),
        "domain": [] if domain is None else [str(name) for name in domain.columns],
        "provenance": dict(provenance),
        "versions": getattr(inner, "versions_", None) or _versions(*libraries),
        **({} if curves is None else {"calibration": curves.method}),
    }
    try:
        text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        message = f"provenance must hold text, numbers, lists and mappings only: {error}"
        raise TypeError(message) from error
    if not as_arrays:
        content = estimator_files.packed(inner, curves, text)
        with whole(path) as partial:
            partial.write_bytes(content)
        return
    arrays = inner.arrays() if curves is None else inner.arrays() | curves.arrays()
    kinds = ARRAYS if curves is None else ARRAYS | CURVES
    packed = {name: np.ascontiguousarray(arrays[name], kind) for name, kind in kinds.items()}
    packed["header"] = np.frombuffer(text, np.uint8)
    packed["digest"] = np.frombuffer(_digest(packed), np.uint8)
    with whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **packed)


def _require_names(model: Any) -> None:
    if hasattr(model, "predict") and hasattr(model, "classes_"):
        if hasattr(model, "feature_names_in_"):
            return
        message = "the model was not fitted on named features; use minewatch.learn.fit_forest"
        message += " or fit it on minewatch.learn.frame(samples)"
        raise TypeError(message)
    message = f"save_model needs a fitted classifier, got {type(model).__name__}; fit one with"
    message += " minewatch.learn.fit_forest, or another on minewatch.learn.frame(samples)"
    raise TypeError(message)


def _versions(*libraries: str) -> dict[str, str]:
    return {name: metadata.version(name) for name in libraries}


def _digest(packed: Mapping[str, Any]) -> bytes:
    whole_file = hashlib.sha256()
    for name in ("header", *ARRAYS, *(name for name in CURVES if name in packed)):
        whole_file.update(f"{name}{packed[name].shape}".encode())
        whole_file.update(np.ascontiguousarray(packed[name]).tobytes())
    return whole_file.digest()


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load a model that :func:`save_model` saved, whatever the name of the file.

    No code in the file is run: a pickle is refused, and so is a file of skops with a type other
    than those that skops trusts and a few of scikit-learn's. So is a forest
    (``.npz``) whose nodes do not form trees, and an archive that grows out of all proportion when
    it is unpacked. The trees in a file of skops are not looked through: a forged one can end the
    process, so take those from whom you trust.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Forest, CalibratedModel or estimator
        Its probabilities equal those of the model that was saved, to the last bit; calibrated if
        that one was. ``provenance_``, ``versions_`` and ``training_domain_`` are what was saved
        with it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, is damaged or was altered, or holds a type that is not trusted.
    ImportError
        If it needs skops, which is not installed.

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
    if estimator_files.is_one(file):
        return estimator_files.unpacked(file)
    try:
        require_modest(file)
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            packed = {name: archive[name] for name in ("header", "digest")}
            for name, kind in (ARRAYS | CURVES).items():
                if name in CURVES and name not in archive:
                    continue
                packed[name] = archive[name].astype(kind, casting="equiv", copy=False)
        header = json.loads(packed["header"].tobytes().decode())
        found = header["format"]
    except UNREADABLE as error:
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
    except UNREADABLE as error:
        raise _no_model(file, error) from error


def _no_model(file: Path, error: Exception) -> ValueError:
    message = f"{file} is no model that minewatch.learn.save_model wrote ({error})"
    return ValueError(message)
