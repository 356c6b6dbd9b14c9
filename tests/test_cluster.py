"""One word chooses where the work runs, and progress is told in both cases."""

from __future__ import annotations

import dask.array as da
import pytest
from distributed import Client, LocalCluster

from minewatch.cluster import connect, watch


def work() -> int:
    return int(da.arange(4000, chunks=10).map_blocks(lambda block: block % 7).sum().compute())


EXPECTED = sum(i % 7 for i in range(4000))


def test_threads_need_no_cluster() -> None:
    seen: list[tuple[int, int]] = []
    with connect("threads") as client, watch(client, lambda *now: seen.append(now)):
        assert client is None
        assert work() == EXPECTED
        assert work() == EXPECTED
    done = [one for one, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1] >= 800  # 400 blocks a run, whatever dask fuses


@pytest.mark.slow
def test_local_processes_tell_their_progress_and_are_gone_afterwards() -> None:
    seen: list[tuple[int, int]] = []
    with connect("local:2") as client:
        assert client is not None
        assert len(client.scheduler_info()["workers"]) == 2
        with watch(client, lambda *now: seen.append(now), interval=0.05):
            assert work() == EXPECTED
        with connect(client) as again:
            assert again is client
    assert client.status == "closed"
    assert seen[-1][0] == seen[-1][1] >= 400


@pytest.mark.slow
def test_a_scheduler_that_is_up_is_joined_by_its_address() -> None:
    with (
        LocalCluster(
            n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as cluster,
        connect(cluster.scheduler_address) as client,
    ):
        assert isinstance(client, Client)
        assert work() == EXPECTED


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        ("somewhere", "use 'threads', 'local', 'local:8' or 'tcp://host:8786'"),
        ("local:many", "use e.g. 'local:4'"),
        ("local:0", "use e.g. 'local:4'"),
    ],
)
def test_an_unknown_cluster_is_refused(target: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix), connect(target):
        pass
