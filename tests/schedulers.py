"""A Dask scheduler and its workers as processes of their own, that may be killed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# Without a nanny: a worker that is killed with its process leaves nobody behind.
WORKER = (
    *("--nthreads", "1", "--no-nanny", "--no-dashboard"),
    *("--host", "127.0.0.1", "--local-directory"),
)


@dataclass(frozen=True)
class Scheduler:
    """One that is up."""

    address: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Kill it, as the system does: nobody is told."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def scheduler(folder: Path, *, workers: int) -> Iterator[Scheduler]:
    """Start both; on any free port, which the scheduler tells in a file."""
    folder.mkdir()
    file = folder / "scheduler.json"
    of = [sys.executable, "-m"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    call = [*of, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    with contextlib.ExitStack() as stack:

        def start(command: list[str]) -> subprocess.Popen[bytes]:
            process = stack.enter_context(subprocess.Popen(command, **quiet))  # type: ignore[call-overload]
            stack.callback(process.kill)
            return process

        process = start([*call, "--no-dashboard", "--scheduler-file", str(file)])
        address = _told(file)
        for _ in range(workers):
            start([*of, "distributed.cli.dask_worker", address, *WORKER, str(folder)])
        yield Scheduler(address, process)


def _told(file: Path) -> str:
    """What a scheduler wrote into its file, as soon as all of it is there."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.05)
    message = "the scheduler did not come up within two minutes"
    raise TimeoutError(message)
