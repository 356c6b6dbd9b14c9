"""Texts that come with images: read from disk and web, and refused where they are traps."""

from __future__ import annotations

import socketserver
import threading
from typing import TYPE_CHECKING

import pytest
import servers

from minewatch.sources._documents import document, parsed_xml

if TYPE_CHECKING:
    from pathlib import Path


def test_documents_are_read_from_disk_and_web(tmp_path: Path) -> None:
    path = tmp_path / "a b.xml"
    path.write_bytes(b"<a/>")
    assert document(str(path), timeout=5, max_retries=0, what="table") == b"<a/>"
    assert document(path.as_uri(), timeout=5, max_retries=0, what="table") == b"<a/>"
    left = [1]

    def busy(_: str) -> int | None:
        left[0] -= 1
        return 503 if left[0] >= 0 else None

    with servers.range_server(tmp_path, before=busy) as url:
        assert document(f"{url}/a%20b.xml", timeout=5, max_retries=1, what="table") == b"<a/>"
        with pytest.raises(OSError, match=r"HTTP status 404 for /none\.xml$"):
            document(f"{url}/none.xml?token=secret", timeout=5, max_retries=3, what="table")
    with pytest.raises(ValueError, match=r"with load\(..., sign=function\)"):
        document("s3://bucket/a.xml", timeout=5, max_retries=0, what="table")


def test_a_document_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minewatch.sources import _documents

    monkeypatch.setattr(_documents, "MAX_BYTES", 3)
    (tmp_path / "a.xml").write_bytes(b"<a/>")
    with pytest.raises(ValueError, match="more than 3 bytes"):
        document(str(tmp_path / "a.xml"), timeout=5, max_retries=0, what="table")


def test_a_connection_that_breaks_is_tried_again() -> None:
    """Closed without a word, then in the middle of an answer, then answered."""
    whole = b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n<a/>"
    answers = [b"", whole[:-2], whole, whole[:-2]]

    class Fragile(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(answers.pop(0))

    with socketserver.TCPServer(("127.0.0.1", 0), Fragile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        href = f"http://127.0.0.1:{server.server_address[1]}/a.xml?token=secret"
        assert document(href, timeout=5, max_retries=2, what="table") == b"<a/>"
        with pytest.raises(OSError, match=r"^/a\.xml cannot be read: IncompleteRead") as caught:
            document(href, timeout=5, max_retries=0, what="table")
        server.shutdown()
    assert "secret" not in str(caught.value)
    assert not answers


@pytest.mark.parametrize("code", ["utf-8", "utf-16"])
def test_entities_are_refused_in_any_encoding(code: str) -> None:
    text = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'
    with pytest.raises(ValueError, match="declares a document type"):
        parsed_xml(text.encode(code))
    assert parsed_xml("<a>é</a>".encode(code)).text == "é"
    with pytest.raises(ValueError, match="it is no XML"):
        parsed_xml("<html>please log in".encode(code))
