"""Real servers on loopback: a STAC API and a file server that knows byte ranges.

Nothing here reaches beyond 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from RangeHTTPServer import RangeRequestHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["json_server", "range_server", "stac_api"]

PATIENCE = 30.0  # seconds until a server that does not answer is given up


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def stac_api(*files: Path) -> Iterator[str]:
    """Serve items and collections through rustac; yields the address of the API.

    It searches by ids, collections, bbox, intersects and datetime and pages; it cannot filter.
    """
    program = shutil.which("rustac", path=str(Path(sys.executable).parent)) or "rustac"
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryFile() as log:
        command = [program, "serve", "-a", address, *map(str, files)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_for(f"http://{address}", process, log)
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Any) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.05)
    log.seek(0)
    message = f"{url} does not answer: {log.read().decode(errors='replace')[-2000:]}"
    raise RuntimeError(message)


class _Quiet(RangeRequestHandler):
    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@contextlib.contextmanager
def _served(handler: Callable[..., Any]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def range_server(
    folder: Path, *, before: Callable[[str], int | None] | None = None
) -> Iterator[str]:
    """Serve a folder with byte ranges; yields its address.

    `before` sees each path (with its query) and may answer with a status instead, e.g. 503.
    """

    class Handler(_Quiet):
        def do_GET(self) -> None:
            status = None if before is None else before(self.path)
            if status is None:
                super().do_GET()
            else:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def do_HEAD(self) -> None:
            status = None if before is None else before(self.path)
            if status is None:
                super().do_HEAD()
            else:
                self.send_response(status)
                self.end_headers()

    with _served(functools.partial(Handler, directory=str(folder))) as url:
        yield url


@contextlib.contextmanager
def json_server(answer: Callable[[str, dict[str, Any] | None], Any]) -> Iterator[str]:
    """A server that answers ``answer(path, body)`` as JSON (or as it is, if it is bytes)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _reply(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            content = answer(self.path, body)
            if isinstance(content, int):
                self.send_error(content)
                return
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _reply

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    with _served(Handler) as url:
        yield url
