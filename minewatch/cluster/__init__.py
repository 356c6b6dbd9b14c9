"""Where the work runs: this machine's threads, its processes, or a Dask cluster already up."""

from __future__ import annotations

from minewatch.cluster.joining import WORKER_ENVIRONMENT, connect
from minewatch.cluster.progress import watch

__all__ = ["WORKER_ENVIRONMENT", "connect", "watch"]
