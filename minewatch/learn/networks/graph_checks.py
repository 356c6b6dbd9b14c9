"""What an ONNX graph may hold, read from its bytes without running it.

ONNX is written as protocol buffers: fields of a number and a value, messages within messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["require_plain_graph"]

MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "operators"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "operators": {},
    "tensor": {},
}
"""Which fields of a message are messages in which something may hide."""
REFUSED = {
    ("model", 20): "it holds a plan of training",
    ("model", 25): "it holds functions of its own",
    ("attribute", 6): "it holds branches or loops",
    ("attribute", 11): "it holds branches or loops",
    ("tensor", 13): "it names other files to read numbers from",
    ("tensor", 14): "it names other files to read numbers from",
}
DOMAIN = {("node", 7), ("operators", 1)}
PLAIN_DOMAINS = (b"", b"ai.onnx")
OPERATOR = ("node", 4)
NO_GRAPH, NO_BUFFER = "it has no graph", "its bytes are no protocol buffer"


def require_plain_graph(content: bytes, operators: Collection[str] | None = None) -> None:
    """Refuse a graph that is more than numbers and ONNX's own operators in a row.

    Parameters
    ----------
    content : bytes
        An ONNX model.
    operators : collection of str, optional
        The only ones that it may hold, as ``{"Conv", "Relu"}``.

    Raises
    ------
    ValueError
        If the content is no ONNX model, reads from other files, holds loops, branches or functions,
        or operators that are not ONNX's own or not among those named.

    Notes
    -----
    onnxruntime looks for the files that a graph names in the working directory when the graph comes
    as bytes: a graph from a stranger could read what lies there.

    Examples
    --------
    >>> require_plain_graph(b"no graph")
    Traceback (most recent call last):
    ...
    ValueError: this is no ONNX graph that minewatch runs: its bytes are no protocol buffer
    """
    found_graph = False
    waiting = [("model", memoryview(content))]
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            field = (kind, number)
            if field in REFUSED and value != 0:
                raise _refusal(REFUSED[field])
            if field in DOMAIN and _bytes(value) not in PLAIN_DOMAINS:
                reason = f"it needs operators of {_bytes(value)!r}"
                raise _refusal(reason)
            if field == OPERATOR and operators is not None:
                name = _bytes(value).decode(errors="replace")
                if name not in operators:
                    reason = f"its operator {name!r} is none of {sorted(operators)}"
                    raise _refusal(reason)
            if number in MESSAGES[kind]:
                if isinstance(value, int):
                    raise _broken()
                found_graph |= field == ("model", 7)
                waiting.append((MESSAGES[kind][number], value))
    if not found_graph:
        raise _refusal(NO_GRAPH)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Each field of a message: its number, and a whole number or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise _broken()
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == 2:
            length, at = _varint(message, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise _broken()
        if at + length > len(message):
            raise _broken()
        yield number, message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at
    raise _broken()


def _bytes(value: int | memoryview) -> bytes:
    if isinstance(value, int):
        raise _broken()
    return value.tobytes()


def _broken() -> ValueError:
    return _refusal(NO_BUFFER)


def _refusal(reason: str) -> ValueError:
    return ValueError(f"this is no ONNX graph that minewatch runs: {reason}")
