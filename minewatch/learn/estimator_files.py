"""Estimators of scikit-learn in files of skops, which name types and hold numbers, never code.

A file is what skops writes, a zip archive, with one more member: the header, as that of a stored
forest, with the curves of a calibrated model, the training domain and a digest of all other
members.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.archives import UNREADABLE, require_modest
from minewatch.learn.calibrated import CalibratedModel, Curves

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FORMAT", "is_one", "packed", "require_skops", "unpacked"]

FORMAT = "minewatch-estimator-1"
HEADER = "minewatch.json"
TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
"""What skops does not vouch for by itself: plain numbers inside scikit-learn's own estimators. A
forged tree can end the process; it cannot run code."""
MOMENT = (1980, 1, 1, 0, 0, 0)
"""The date of all members: the same model is the same file."""
NUMBERED = re.compile(r'(?<="__id__": )\d+|(?<=")\d+(?=\.np[yz]")')
"""Objects and arrays by their places in memory, as skops tells them apart."""
OURS = ("training_domain_", "provenance_", "versions_")


def packed(model: Any, curves: Curves | None, header: bytes) -> bytes:
    """The file of an estimator.

    Parameters
    ----------
    model : object
        A fitted estimator.
    curves : Curves or None
        Of its calibration.
    header : bytes
        JSON: format, features, classes, domain, provenance, versions.

    Returns
    -------
    bytes
        What to write.

    Raises
    ------
    TypeError
        If the model holds a type that would be refused when it is loaded.
    ImportError
        If skops is not installed.
    """
    skops = require_skops()
    # Tables beside the estimator are no part of it: they go into the header as numbers.
    bare = copy.copy(model)
    for name in OURS:
        bare.__dict__.pop(name, None)
    content = _steady(skops.dumps(bare))
    unknown = sorted(set(skops.get_untrusted_types(data=content)) - set(TRUSTED))
    if unknown:
        message = f"{type(model).__name__} holds {unknown}, which load_model would refuse; "
        message += "save a model of scikit-learn's own parts"
        raise TypeError(message)
    told = json.loads(header)
    domain = getattr(model, "training_domain_", None)
    if domain is not None:
        told["domain_values"] = [[_plain(v) for v in row] for row in domain.to_numpy(np.float64)]
    if curves is not None:
        told["curves"] = {name: part.tolist() for name, part in curves.arrays().items()}
    stream = io.BytesIO(content)
    told["digest"] = _digest(stream, told)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(told, sort_keys=True, allow_nan=False)
        archive.writestr(zipfile.ZipInfo(HEADER, MOMENT), text)
    return stream.getvalue()


def _steady(content: bytes) -> bytes:
    """What skops wrote, with numbers in place of places in memory, and without the time."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        schema = old.read("schema.json").decode()
        found = dict.fromkeys(NUMBERED.findall(schema))
        number = {place: str(at) for at, place in enumerate(found)}
        members = {
            name.replace(stem, number.get(stem, stem)): name
            for name in old.namelist()
            for stem in [name.partition(".")[0]]
        }
        for name, before in sorted(members.items()):
            part = old.read(before)
            if name == "schema.json":
                part = NUMBERED.sub(lambda one: number[one[0]], schema).encode()
            new.writestr(zipfile.ZipInfo(name, MOMENT), part)
    return stream.getvalue()


def is_one(path: Path) -> bool:
    """Whether a file looks like an estimator that was saved, by its content.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    bool
        True for a zip archive with a description by skops.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "schema.json" in archive.namelist()
    except UNREADABLE:
        return False


def unpacked(path: Path) -> Any:
    """The estimator in a file, calibrated if it was.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    object
        The estimator.

    Raises
    ------
    ValueError
        If it is no such file, is damaged or was altered, or holds a type that is not trusted.
    ImportError
        If skops is not installed.
    """
    try:
        require_modest(path)
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            header = json.loads(archive.read(HEADER))
        found, digest = header["format"], header.pop("digest")
        expected = _digest(io.BytesIO(content), header)
    except UNREADABLE as error:
        message = f"{path} is no model that minewatch.learn.save_model wrote ({error})"
        raise ValueError(message) from error
    if found != FORMAT:
        message = f"{path} has format {found!r}, this version of minewatch reads {FORMAT!r}; load "
        message += "it with the version that saved it"
        raise ValueError(message)
    if digest != expected:
        message = f"{path} was altered or damaged after it was saved; get or fit the model anew"
        raise ValueError(message)
    skops = require_skops()
    try:
        unknown = sorted(set(skops.get_untrusted_types(data=content)) - set(TRUSTED))
        model = None if unknown else _dressed(skops.loads(content, trusted=list(TRUSTED)), header)
    except (*UNREADABLE, ImportError) as error:
        message = f"{path} cannot be rebuilt here ({error}); it was saved with "
        message += f"{header.get('versions')}: load it with those, or fit the model anew"
        raise ValueError(message) from error
    if unknown:
        message = f"{path} holds {unknown}, which minewatch does not trust; save a model of "
        message += "scikit-learn's own parts"
        raise ValueError(message)
    return model


def _dressed(model: Any, header: dict[str, Any]) -> Any:
    """The estimator with what the header tells of it."""
    import pandas as pd

    if "domain_values" in header:
        names = pd.Index(header["features"]), pd.Index(header["domain"])
        values = np.array(header["domain_values"], np.float64).reshape(*map(len, names))
        model.training_domain_ = pd.DataFrame(values, *names)
    model.provenance_, model.versions_ = header["provenance"], header["versions"]
    if "curves" not in header:
        return model
    curves = {name: np.array(part) for name, part in header["curves"].items()}
    return CalibratedModel(
        model, Curves.from_arrays(curves, header["calibration"], np.asarray(model.classes_))
    )


def _plain(value: float) -> float | None:
    """A number that JSON can hold; what is unknown becomes null, and NaN again when read."""
    return float(value) if np.isfinite(value) else None


def _digest(stream: Any, header: dict[str, Any]) -> str:
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    with zipfile.ZipFile(stream) as archive:
        for name in sorted(set(archive.namelist()) - {HEADER}):
            content = archive.read(name)
            found.update(f"{name} {len(content)}".encode())
            found.update(content)
    return found.hexdigest()


def require_skops() -> Any:
    """The reader and writer of skops.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import skops.io
    except ImportError as error:
        message = "models other than forests need skops: pip install 'minewatch[models]'"
        raise ImportError(message) from error
    return skops.io
