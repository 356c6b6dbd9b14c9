"""Graphs of ONNX written down as bytes, without the package ``onnx``.

torch exports by means of that package. What networks here are made of is a handful of operators,
and the format is that of protocol buffers: fields of a number, a kind and a value.

References
----------
ONNX, open standard for machine learning interoperability: ``onnx.proto`` (IR version 8) and the
operators of set 17. https://onnx.ai/onnx/repo-docs/IR.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

__all__ = ["Node", "onnx_graph"]

IR_VERSION, OPERATOR_SET = 8, 17
VARINT, BYTES, FIXED32 = 0, 2, 5
"""Kinds of a field: a whole number, bytes after their length, four bytes."""
FLOAT, INT64 = 1, 7
"""Element types of a tensor."""


@dataclass(frozen=True)
class Node:
    """An operator between named values.

    Parameters
    ----------
    operator : str
        As ONNX names it, e.g. ``"Conv"``.
    inputs, outputs : tuple of str
        Names of values: an input of the graph, a constant, or what another node puts out.
    settings : mapping of str to int, float or tuple of int
        Its attributes.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, int | float | tuple[int, ...]] = field(default_factory=dict)


def onnx_graph(
    nodes: Sequence[Node],
    constants: Mapping[str, npt.NDArray[Any]],
    *,
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Mapping[str, Sequence[int | str]],
) -> bytes:
    """A network as the bytes of an ONNX model.

    Parameters
    ----------
    nodes : sequence of Node
        In the order in which they can be run.
    constants : mapping of str to numpy.ndarray
        Weights by name; float32, or int64 where an operator asks for it.
    inputs, outputs : mapping of str to sequence of int or str
        Name → shape; a text stands for a size that is free. float32.

    Returns
    -------
    bytes
        What :func:`session` runs.

    Raises
    ------
    TypeError
        If a constant has another dtype.

    Examples
    --------
    >>> from minewatch.learn.networks import session
    >>> graph = onnx_graph(
    ...     [Node("Mul", ("x", "factor"), ("y",))],
    ...     {"factor": np.array([2], "float32")},
    ...     inputs={"x": ("n",)},
    ...     outputs={"y": ("n",)},
    ... )
    >>> session(graph).run(None, {"x": np.array([1, 3], "float32")})[0]
    array([2., 6.], dtype=float32)
    """
    body = b"".join(_part(1, _node(node)) for node in nodes) + _text(2, "network")
    body += b"".join(_part(5, _tensor(name, values)) for name, values in constants.items())
    body += b"".join(_part(11, _value(name, shape)) for name, shape in inputs.items())
    body += b"".join(_part(12, _value(name, shape)) for name, shape in outputs.items())
    operators = _part(8, _text(1, "") + _number(2, OPERATOR_SET))
    return _number(1, IR_VERSION) + _text(2, "minewatch") + _part(7, body) + operators


def _varint(value: int) -> bytes:
    """Seven bits a byte, the low ones first; negative numbers as 64 bits."""
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(place: int, value: int) -> bytes:
    return _varint(place << 3 | VARINT) + _varint(value)


def _part(place: int, content: bytes) -> bytes:
    return _varint(place << 3 | BYTES) + _varint(len(content)) + content


def _text(place: int, content: str) -> bytes:
    return _part(place, content.encode())


def _node(node: Node) -> bytes:
    body = b"".join(_text(1, name) for name in node.inputs)
    body += b"".join(_text(2, name) for name in node.outputs) + _text(4, node.operator)
    return body + b"".join(_part(5, _setting(name, value)) for name, value in node.settings.items())


def _setting(name: str, value: int | float | tuple[int, ...]) -> bytes:
    if isinstance(value, tuple):
        content, kind = b"".join(_number(8, each) for each in value), 7
    elif isinstance(value, float):
        content, kind = _varint(2 << 3 | FIXED32) + struct.pack("<f", value), 1
    else:
        content, kind = _number(3, value), 2
    return _text(1, name) + content + _number(20, kind)


def _tensor(name: str, values: npt.NDArray[Any]) -> bytes:
    kinds = {"float32": FLOAT, "int64": INT64}
    if str(values.dtype) not in kinds:
        message = f"constant {name!r} is {values.dtype}; give it as float32, or int64"
        raise TypeError(message)
    body = b"".join(_number(1, size) for size in values.shape)
    raw = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    return body + _number(2, kinds[str(values.dtype)]) + _text(8, name) + _part(9, raw)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    sizes = b"".join(
        _part(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    tensor = _number(1, FLOAT) + _part(2, sizes)
    return _text(1, name) + _part(2, _part(1, tensor))
