"""Real servers on loopback: two STAC APIs, and a file server that knows byte ranges and faults.

Nothing here reaches beyond 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import http.server
import importlib.util
import json
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from RangeHTTPServer import RangeRequestHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = [
    "Reply",
    "Times",
    "Tokens",
    "json_server",
    "pgstac_api",
    "range_server",
    "stac_api",
    "what_pgstac_lacks",
]

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


def _postgres(name: str) -> str | None:
    """A program of the newest PostgreSQL; Debian keeps them off the path."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(kept[-1]) if kept else shutil.which(name)


def what_pgstac_lacks() -> str | None:
    """What this machine lacks for :func:`pgstac_api`; None if nothing."""
    program = _postgres("pg_config")
    if program is None or _postgres("initdb") is None:
        return "PostgreSQL is not installed"
    shared = subprocess.run([program, "--sharedir"], capture_output=True, text=True, check=True)
    if not (Path(shared.stdout.strip()) / "extension" / "postgis.control").is_file():
        return "PostgreSQL has no PostGIS"
    for module in ("pypgstac", "stac_fastapi.pgstac", "uvicorn"):
        with contextlib.suppress(ImportError):
            if importlib.util.find_spec(module):
                continue
        return f"{module} is not installed; pip install '.[test-pgstac]'"
    return None


@contextlib.contextmanager
def pgstac_api(collections: Sequence[dict], items: Sequence[dict]) -> Iterator[str]:
    """Serve items through pgstac on a PostgreSQL of its own; yields the address of the API.

    It answers everything of STAC API 1.0 with CQL2 filters, ten items a page unless asked. The
    database lives in a temporary folder and dies with the server.
    """
    with tempfile.TemporaryDirectory() as name, _database(Path(name)) as variables:
        lines = {"collections": collections, "items": items}
        _run(["pypgstac", "migrate"], variables)
        for table, rows in lines.items():
            path = Path(name) / f"{table}.ndjson"
            path.write_text("\n".join(map(json.dumps, rows)))
            _run(["pypgstac", "load", table, str(path)], variables)
        address = f"127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "uvicorn", "stac_fastapi.pgstac.app:create_app"]
        command += ["--factory", "--host", "127.0.0.1", "--port", str(port)]
        with (
            tempfile.TemporaryFile() as log,
            _running(command, log, env=os.environ | variables, cwd=name) as process,
        ):
            _wait_for(f"http://{address}", process, log)
            yield f"http://{address}"


@contextlib.contextmanager
def _database(folder: Path) -> Iterator[dict[str, str]]:
    """A PostgreSQL on loopback; yields the variables by which clients find it.

    PostgreSQL refuses to run as root, and then runs as nobody.
    """
    data, word = folder / "data", folder / "password"
    data.mkdir()
    variables = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(free_port()),
        "PGUSER": "postgres",
        "PGPASSWORD": secrets.token_hex(16),
        "PGDATABASE": "postgres",
    }
    word.write_text(variables["PGPASSWORD"])
    person: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        person |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        for path in (folder, data, word):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    settings = ["--auth=scram-sha-256", "--username=postgres", f"--pwfile={word}"]
    settings += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    _run([str(_postgres("initdb")), f"--pgdata={data}", *settings], {}, **person)
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
    command = [str(_postgres("postgres")), "-D", str(data), "-p", variables["PGPORT"]]
    command += [word for pair in options.items() for word in ("-c", "=".join(pair))]
    with tempfile.TemporaryFile() as log, _running(command, log, **person) as process:
        ready = [str(_postgres("pg_isready")), "--quiet"]
        _wait(
            lambda: subprocess.run(ready, env=os.environ | variables).returncode == 0,
            "PostgreSQL",
            process,
            log,
        )
        yield variables


def _run(command: list[str], variables: dict[str, str], **person: Any) -> None:
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    done = subprocess.run(
        [program, *command[1:]],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE,
        **person,
    )
    if done.returncode:
        message = f"{' '.join(command)} failed: {(done.stdout + done.stderr)[-2000:]}"
        raise RuntimeError(message)


@contextlib.contextmanager
def _running(command: list[str], log: Any, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=log, stderr=log, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL then throws its clients out
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Any) -> None:
    def answers() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return True
        return False

    _wait(answers, url, process, log)


def _wait(
    answers: Callable[[], bool], name: str, process: subprocess.Popen[bytes], log: Any
) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        if process.poll() is not None:
            break
        if answers():
            return
        time.sleep(0.05)
    log.seek(0)
    message = f"{name} does not answer: {log.read().decode(errors='replace')[-2000:]}"
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


@dataclass(frozen=True)
class Reply:
    """What a server says instead of what it was asked for.

    Parameters
    ----------
    status : int
        Of HTTP.
    body : bytes
        What comes with it.
    headers : mapping
        More of them, as ``{"Retry-After": "0"}``.
    missing : int
        Bytes that are promised beyond the body: the connection breaks before they came.
    hangs : bool
        Whether nothing comes for ever, after the body if there is one, and the connection stays
        open.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    missing: int = 0
    hangs: bool = False


class Times:
    """A fault that goes away: the same answer so many times, then what was asked for.

    Parameters
    ----------
    answer : int or Reply
        The fault.
    times : int
        How often.
    where : str
        Part of the paths that are struck.
    """

    def __init__(self, answer: int | Reply, times: int, where: str = "") -> None:
        self.answer, self.left, self.where = answer, times, where
        self._lock = threading.Lock()

    def __call__(self, path: str) -> int | Reply | None:
        with self._lock:
            if self.where not in path or self.left <= 0:
                return None
            self.left -= 1
            return self.answer


class Tokens:
    """Addresses that are good for a while: 403 when the time that was signed with them is over.

    The clock is the server's own, and real. A machine that stands still for longer than a token
    lives would never read anything, so a token is good for a few answers in any case.

    Parameters
    ----------
    life : float
        Seconds from signing to expiry.
    delay : float
        Seconds that each answer takes.
    least : int
        Answers that a token has even after its expiry.

    Attributes
    ----------
    answers : collections.Counter
        How many each token was given, of those that came.
    refused : int
        Requests that came too late.
    """

    def __init__(self, *, life: float, delay: float, least: int) -> None:
        self.life, self.delay, self.least = life, delay, least
        self.answers, self.refused = Counter[str](), 0
        self._key, self._lock = secrets.token_bytes(16), threading.Lock()

    def sign(self, href: str) -> str:
        """The address with its expiry, and with what proves that it was given here."""
        # Signed twice within a tick of the clock it is signed differently.
        expiry = f"{time.monotonic() + self.life!r}-{secrets.token_hex(4)}"
        path = urllib.parse.urlsplit(href).path
        return f"{href}?se={expiry}&sig={self._signature(path, expiry)}"

    def _signature(self, path: str, expiry: str) -> str:
        return hmac.new(self._key, f"{path} {expiry}".encode(), hashlib.sha256).hexdigest()

    def __call__(self, path: str) -> int | None:
        address = urllib.parse.urlsplit(path)
        asked = dict(urllib.parse.parse_qsl(address.query))
        expiry, signature = asked.get("se", ""), asked.get("sig", "")
        if not hmac.compare_digest(signature, self._signature(address.path, expiry)):
            return 401
        time.sleep(self.delay)
        with self._lock:
            late = time.monotonic() > float(expiry.partition("-")[0])
            if late and self.answers[signature] >= self.least:
                self.refused += 1
                return 403
            self.answers[signature] += 1
        return None


@contextlib.contextmanager
def range_server(
    folder: Path,
    *,
    before: Callable[[str], int | Reply | None] | None = None,
    within: Callable[[str, int, int], int | Reply | None] | None = None,
) -> Iterator[str]:
    """Serve a folder with byte ranges; yields its address.

    `before` sees each path (with its query) and may answer instead: with a status, e.g. 503, or
    with a :class:`Reply`. So may `within`, which sees the path, the first byte that is asked for
    and the last, of requests for a part of a file.
    """
    ended = threading.Event()

    class Handler(_Quiet):
        def _struck(self) -> bool:
            reply = None if before is None else before(self.path)
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if reply is None and within is not None and asked is not None:
                reply = within(self.path, int(asked[1]), int(asked[2]))
            if reply is None:
                return False
            reply = Reply(reply) if isinstance(reply, int) else reply
            if reply.hangs and not reply.body:
                ended.wait()
                return True
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            promised = len(reply.body) + reply.missing + reply.hangs
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(reply.body)
            if reply.hangs:
                self.wfile.flush()
                ended.wait()
            return True

        def do_GET(self) -> None:
            if not self._struck():
                super().do_GET()

        def do_HEAD(self) -> None:
            if not self._struck():
                super().do_HEAD()

    with _served(functools.partial(Handler, directory=str(folder))) as url:
        try:
            yield url
        finally:
            ended.set()


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
