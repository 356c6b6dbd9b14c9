"""Archives come back as they were, and nothing else does; sessions are opened once."""

from __future__ import annotations

import io
import json
import multiprocessing
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from oracles_networks import answer, doubling

from minewatch.learn.networks import load_archive, onnx_archives, save_archive, session
from minewatch.learn.networks.onnx_graphs import Node, onnx_graph

PARTS = {"a.onnx": b"\x00\x01" * 500, "b.npy": b""}
HEADER = {"format": "test-1", "size": 104, "mean": [0.1, -2e-9], "more": {"é": None}}


def rewritten(path: Path, **changes: bytes) -> None:
    """The archive with some members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | changes).items():
            archive.writestr(name, content)


def test_an_archive_comes_back_as_it_was(tmp_path: Path) -> None:
    save_archive(tmp_path / "net", PARTS, HEADER)
    assert load_archive(tmp_path / "net") == (PARTS, HEADER)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_the_same_network_gives_the_same_file(tmp_path: Path) -> None:
    save_archive(tmp_path / "one", PARTS, HEADER)
    save_archive(tmp_path / "two", dict(reversed(PARTS.items())), dict(reversed(HEADER.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"a.onnx": b"other"},
        {"b.npy": b"more"},
        {"c.onnx": b"one too many"},
        {"minewatch.json": json.dumps(HEADER | {"digest": "00"}).encode()},
    ],
    ids=["a part", "an empty part", "a new part", "the header"],
)
def test_what_was_altered_is_refused(tmp_path: Path, changes: dict[str, bytes]) -> None:
    save_archive(tmp_path / "net", PARTS, HEADER)
    rewritten(tmp_path / "net", **changes)
    with pytest.raises(ValueError, match="altered or damaged"):
        load_archive(tmp_path / "net")


@pytest.mark.parametrize(
    "header", [b"[]", b"{}", b"not json", b"[" * 100_000, b'{"digest": 1, "format": []}']
)
def test_a_header_that_is_none_is_refused(tmp_path: Path, header: bytes) -> None:
    save_archive(tmp_path / "net", {}, HEADER)
    rewritten(tmp_path / "net", **{"minewatch.json": header})
    with pytest.raises(ValueError, match=r"no archive of a network|altered or damaged"):
        load_archive(tmp_path / "net")


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="no archive of a network"):
        load_archive(tmp_path / "text")
    np.savez(tmp_path / "arrays.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="no archive of a network"):
        load_archive(tmp_path / "arrays.npz")


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    save_archive(tmp_path / "net", PARTS, HEADER)
    whole = (tmp_path / "net").read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="no archive of a network"):
            load_archive(tmp_path / "cut")


def test_an_archive_that_bursts_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("minewatch.json", json.dumps(HEADER))
        archive.writestr("zeros.onnx", bytes(2**26))
    (tmp_path / "bomb").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="would grow"):
        load_archive(tmp_path / "bomb")


@pytest.mark.parametrize("name", ["", "../up.onnx", "a/b.onnx", "a\\b.onnx", "minewatch.json"])
def test_parts_have_plain_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain name"):
        save_archive(tmp_path / "net", {name: b""}, HEADER)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("header", [{}, {"format": 1}, {"format": "x", "digest": "mine"}])
def test_a_header_needs_a_format(tmp_path: Path, header: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needs a format"):
        save_archive(tmp_path / "net", {}, header)


@pytest.mark.parametrize("value", [np.nan, {1, 2}, object(), np.float32(1)])
def test_a_header_is_plain(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="text, numbers, lists and mappings"):
        save_archive(tmp_path / "net", {}, {"format": "x", "value": value})


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="check the path"):
        load_archive(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="is no folder"):
        save_archive(tmp_path / "no" / "net", PARTS, HEADER)


@pytest.mark.cnn
def test_a_session_is_opened_once_a_graph_and_number_of_threads() -> None:
    first = session(doubling())
    assert session(bytes(doubling())) is first
    assert session(doubling(), 2) is not first
    assert session(doubling(3)) is not first
    assert first.run(None, {"x": np.ones(2, "f4")})[0].tolist() == [2, 2]
    assert first.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.cnn
def test_a_process_keeps_a_few_sessions() -> None:
    first = session(doubling(0.5))
    for factor in range(10, 10 + onnx_archives.KEPT):
        session(doubling(factor))
    assert len(onnx_archives._SESSIONS.known) == onnx_archives.KEPT
    assert session(doubling(0.5)) is not first


@pytest.mark.cnn
def test_threads_that_ask_at_once_share_one_session() -> None:
    graph = doubling(7.5)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: session(graph), range(32)))
    assert len(set(map(id, found))) == 1


@pytest.mark.cnn
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods()[:2])
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_workers_of_any_kind_open_their_own(method: str) -> None:
    assert answer(4) == 4
    session(doubling(4), 2)  # with threads, which a fork has not
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.map_async(answer, [4, 5]).get(timeout=100) == [4, 5]


@pytest.mark.cnn
def test_what_is_no_graph_is_told() -> None:
    with pytest.raises(ValueError, match="no protocol buffer"):
        session(b"no graph")
    with pytest.raises(ValueError, match="no ONNX graph"):
        session(b"")
    wrong = onnx_graph(
        [Node("Mul", ("x", "nothing"), ("y",))], {}, inputs={"x": ("n",)}, outputs={"y": ("n",)}
    )
    with pytest.raises(ValueError, match="no graph that onnxruntime"):
        session(wrong)
    unheard = onnx_graph(
        [Node("Conjure", ("x",), ("y",))], {}, inputs={"x": ("n",)}, outputs={"y": ("n",)}
    )
    with pytest.raises(ValueError, match="no graph that onnxruntime"):
        session(unheard)


@pytest.mark.cnn
def test_a_session_of_one_thread_starts_none() -> None:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("this system does not list threads")
    before = len(list(tasks.iterdir()))
    opened = session(doubling(99))
    opened.run(None, {"x": np.ones(1, "f4")})
    assert len(list(tasks.iterdir())) == before
