"""A graph holds numbers and known operators, or it is refused before it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from oracles_networks import random_network

from minewatch.learn.networks import session
from minewatch.learn.networks.graph_checks import require_plain_graph
from minewatch.learn.networks.weights_in_graphs import OPERATORS

if TYPE_CHECKING:
    from pathlib import Path


def varint(value: int) -> bytes:
    low = value & 127
    return bytes([low | 128]) + varint(value >> 7) if value > 127 else bytes([low])


def part(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


VALUES = part(1, 4) + part(2, 1)  # four numbers, float32
STORED = VALUES + part(8, b"w") + part(9, np.arange(4, dtype="<f4").tobytes())


def elsewhere(place: bytes) -> bytes:
    told = (("location", place), ("offset", b"0"), ("length", b"16"))
    entries = b"".join(part(13, part(1, key.encode()) + part(2, value)) for key, value in told)
    return VALUES + part(8, b"w") + entries + part(14, 1)


def described(name: bytes) -> bytes:
    return part(1, name) + part(2, part(1, part(1, 1) + part(2, part(1, part(1, 4)))))


def model(
    tensor: bytes = STORED, *, node: bytes = b"", operators: bytes = b"", more: bytes = b""
) -> bytes:
    """x + w, with something added."""
    body = part(1, b"x") + part(1, b"w") + part(2, b"y") + part(4, b"Add") + node
    graph = part(1, body) + part(2, b"g") + part(5, tensor)
    graph += part(11, described(b"x")) + part(12, described(b"y"))
    known = part(8, part(1, b"") + part(2, 17) + operators)
    return part(1, 8) + known + part(7, graph) + more


def attribute(*fields: bytes) -> bytes:
    return part(5, part(1, b"name") + b"".join(fields))


def test_a_plain_graph_passes() -> None:
    require_plain_graph(model())
    require_plain_graph(model(), {"Add", "Mul"})
    require_plain_graph(model(operators=part(1, b"ai.onnx")))
    require_plain_graph(model(STORED + part(14, 0)))  # said to lie here, which it does


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_graphs_of_patch_networks_pass(padding: str) -> None:
    for graph in random_network(padding).graphs.values():
        require_plain_graph(graph, OPERATORS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (model(elsewhere(b"secret.bin")), "other files"),
        (model(VALUES + part(14, 1)), "other files"),
        (model(node=attribute(part(5, elsewhere(b"x")))), "other files"),
        (model(node=attribute(part(10, elsewhere(b"x")))), "other files"),
        (model(node=attribute(part(22, part(1, elsewhere(b"x"))))), "other files"),
        (model(more=part(7, part(15, part(2, elsewhere(b"x"))))), "other files"),
        (model(node=attribute(part(6, b""))), "branches or loops"),
        (model(node=attribute(part(11, b""))), "branches or loops"),
        (model(node=part(7, b"com.microsoft")), "operators of b'com.microsoft'"),
        (model(operators=part(1, b"mine.custom")), "operators of b'mine.custom'"),
        (model(more=part(25, b"")), "functions"),
        (model(more=part(20, b"")), "training"),
        (part(1, 8), "no graph"),
        (b"", "no graph"),
        (part(7, 1), "no protocol buffer"),
        (model()[:-1], "no protocol buffer"),
        (b"\xff" * 40, "no protocol buffer"),
        (b"\x3b", "no protocol buffer"),
    ],
)
def test_what_is_more_than_a_plain_graph_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=f"this is no ONNX graph that minewatch runs: .*{reason}"):
        require_plain_graph(content)


def test_operators_that_were_not_named_are_refused() -> None:
    with pytest.raises(ValueError, match=r"operator 'Add' is none of \['Conv', 'Relu'\]"):
        require_plain_graph(model(), {"Relu", "Conv"})


def test_random_bytes_never_do_more_than_be_refused(rng: np.random.Generator) -> None:
    whole = model()
    for _ in range(500):
        content = bytearray(whole)
        for at in rng.integers(len(whole), size=3):
            content[at] = rng.integers(256)
        try:
            require_plain_graph(bytes(content))
        except ValueError as error:
            assert "no ONNX graph that minewatch runs" in str(error)  # noqa: PT017


@pytest.mark.cnn
def test_the_hand_made_graph_is_one_that_onnxruntime_runs() -> None:
    x = np.ones(4, "f4")
    assert session(model()).run(None, {"x": x})[0].tolist() == [1, 2, 3, 4]


@pytest.mark.cnn
def test_a_session_reads_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.arange(4, dtype="<f4").tofile(tmp_path / "secret.bin")
    monkeypatch.chdir(tmp_path)
    for place in (b"secret.bin", bytes(tmp_path / "secret.bin"), b"../secret.bin"):
        with pytest.raises(ValueError, match="names other files"):
            session(model(elsewhere(place)))
