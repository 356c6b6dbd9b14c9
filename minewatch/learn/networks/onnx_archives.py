"""Archives of networks, and sessions that run what is in them.

An archive is a zip file: a header in JSON, and parts of plain bytes, ONNX graphs for instance. A
digest over all of it tells a damaged or altered file. Reading one runs nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch._files import whole
from minewatch.learn.archives import UNREADABLE, require_modest
from minewatch.learn.networks.frameworks import require_onnxruntime
from minewatch.learn.networks.graph_checks import require_plain_graph

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_archive", "save_archive", "session"]

HEADER = "minewatch.json"
MOMENT = (1980, 1, 1, 0, 0, 0)
"""Written into each archive, so that the same network gives the same file."""
KEPT = 8
"""Sessions that a process keeps; the one that rested longest goes first."""


def save_archive(
    path: str | os.PathLike[str], parts: Mapping[str, bytes], header: Mapping[str, Any]
) -> None:
    """Save parts of bytes and a header; the file appears whole or not at all.

    Parameters
    ----------
    path : str or path-like
        The file; an existing one is replaced.
    parts : mapping of str to bytes
        By plain names, such as ``patches.onnx``.
    header : mapping
        Text, numbers, lists and mappings; its ``format`` says what the file is.

    Raises
    ------
    TypeError
        If the header holds anything else.
    ValueError
        If the header lacks its format, or the name of a part is not plain.
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    load_archive : the way back.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_archive(f"{folder}/net.zip", {"net.onnx": b"..."}, {"format": "example-1"})
    ...     load_archive(f"{folder}/net.zip")
    ({'net.onnx': b'...'}, {'format': 'example-1'})
    """
    if not isinstance(header.get("format"), str) or "digest" in header:
        message = f"the header of {path} needs a format, a text, and may hold no digest; "
        message += "add {'format': ...}"
        raise ValueError(message)
    for name in parts:
        if name == HEADER or not name or Path(name).name != name or "\\" in name:
            message = f"{name!r} cannot name a part of {path}; use a plain name, as 'net.onnx'"
            raise ValueError(message)
    try:
        told = json.loads(json.dumps(dict(header), allow_nan=False))
    except (TypeError, ValueError) as error:
        message = f"the header of {path} must hold text, numbers, lists and mappings only: {error}"
        raise TypeError(message) from error
    told["digest"] = _digest(parts, told)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(told, sort_keys=True, allow_nan=False).encode()
        for name, content in ((HEADER, text), *sorted(parts.items())):
            member = zipfile.ZipInfo(name, MOMENT)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    with whole(path) as partial:
        partial.write_bytes(stream.getvalue())


def load_archive(path: str | os.PathLike[str]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The parts and the header that :func:`save_archive` saved, whatever the name of the file.

    Nothing in the file is run. What the parts are is for the caller to check, by the format.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    parts : dict of str to bytes
        By name.
    header : dict
        As it was saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such file, is damaged or was altered, or grows out of all proportion when it is
        unpacked.

    See Also
    --------
    save_archive : the way there.

    Examples
    --------
    >>> load_archive("nowhere.zip")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no file nowhere.zip; check the path
    """
    file = Path(path)
    if not file.is_file():
        message = f"there is no file {file}; check the path"
        raise FileNotFoundError(message)
    try:
        require_modest(file)
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
            contents = {name: archive.read(name) for name in names}
        header = json.loads(contents.pop(HEADER))
        digest, kind = header.pop("digest"), header["format"]
        sound = len(set(names)) == len(names) and isinstance(kind, str)
        sound = sound and digest == _digest(contents, header)
    except UNREADABLE as error:
        message = f"{file} is no archive of a network that minewatch wrote ({error})"
        raise ValueError(message) from error
    if not sound:
        message = f"{file} was altered or damaged after it was saved; get it anew"
        raise ValueError(message)
    return contents, header


def _digest(parts: Mapping[str, bytes], header: Mapping[str, Any]) -> str:
    found = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(parts):
        found.update(f"{name} {len(parts[name])} ".encode())
        found.update(parts[name])
    return found.hexdigest()


class _Sessions:
    """The sessions of a process, by the digest of their graph and the number of threads."""

    def __init__(self) -> None:
        self.left: list[Any] = []
        self.known: OrderedDict[tuple[bytes, int], Any] = OrderedDict()
        self.lock = threading.Lock()

    def leave(self) -> None:
        """In a fork. The parent's sessions are kept: closing one waits for threads not there."""
        self.left.append(self.known)
        self.known, self.lock = OrderedDict(), threading.Lock()


_SESSIONS = _Sessions()
if hasattr(os, "register_at_fork"):
    # The threads of a session, and who holds the lock, stay behind in the parent.
    os.register_at_fork(after_in_child=_SESSIONS.leave)


def session(content: bytes, threads: int = 1) -> Any:
    """The session of onnxruntime that runs a graph on the CPU; a process keeps the last few.

    Parameters
    ----------
    content : bytes
        An ONNX graph, all of it.
    threads : int, default 1
        Of one call. Calls from several threads run side by side, so one is right under Dask.

    Returns
    -------
    onnxruntime.InferenceSession
        Safe to use from several threads at once.

    Raises
    ------
    ImportError
        If onnxruntime is not installed.
    ValueError
        If the content is no graph that onnxruntime can run, or a graph that
        :func:`~minewatch.learn.networks.graph_checks.require_plain_graph` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> from minewatch.learn.networks.onnx_graphs import Node, onnx_graph
    >>> nodes = [Node("Relu", ("x",), ("y",))]
    >>> graph = onnx_graph(nodes, {}, inputs={"x": ("n",)}, outputs={"y": ("n",)})
    >>> session(graph).run(None, {"x": np.array([-1, 2], "float32")})[0].tolist()
    [0.0, 2.0]
    """
    onnxruntime = require_onnxruntime("running a network")
    key = (hashlib.sha256(content).digest(), threads)
    with _SESSIONS.lock:
        if key not in _SESSIONS.known:
            _SESSIONS.known[key] = _opened(onnxruntime, content, threads)
            while len(_SESSIONS.known) > KEPT:
                _SESSIONS.known.popitem(last=False)
        _SESSIONS.known.move_to_end(key)
        return _SESSIONS.known[key]


def _opened(onnxruntime: Any, content: bytes, threads: int) -> Any:
    require_plain_graph(content)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            content, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises classes of its own, which share no parent
        reason = str(error).splitlines()[0]
        message = f"this is no graph that onnxruntime {onnxruntime.__version__} can run ({reason})"
        raise ValueError(message) from error
