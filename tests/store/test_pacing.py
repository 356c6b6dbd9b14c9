"""Blocks at work at a time: enough for the workers there are, and never the whole job."""

from __future__ import annotations

import threading

import dask.base
import pytest

from minewatch.store.pacing import AHEAD, MOST, as_they_come, room


class Client:
    """As much of a distributed client as is asked for."""

    def __init__(self, *threads):
        self.threads = threads

    def nthreads(self):
        return dict(enumerate(self.threads))

    def get(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("threads", "blocks", "expected"),
    [
        ((1, 1), 16, 1),  # two workers: a strip of sixteen blocks is plenty
        ((4,) * 10, 10, AHEAD * 40 // 10),
        ((4,) * 10, 3, -(-AHEAD * 40 // 3)),
        ((), 10, 1),  # workers that have not joined yet
        ((64,) * 64, 1, MOST),
    ],
)
def test_every_thread_of_a_cluster_finds_blocks(monkeypatch, threads, blocks, expected):
    monkeypatch.setattr(dask.base, "get_scheduler", lambda: Client(*threads).get)
    assert room(blocks) == expected


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_this_process_takes_one_strip_after_the_other(scheduler):
    with dask.config.set(scheduler=scheduler):
        assert room(1) == 1
    assert room(1) == 1


def test_one_at_a_time_stays_in_this_thread_and_in_order():
    here = threading.get_ident()
    found = as_they_come(lambda item: (item, threading.get_ident()), range(5), lambda: 1)
    assert list(found) == [(item, here) for item in range(5)]


def test_as_many_as_there_is_room_for_are_at_work_and_no_more():
    """Each waits until three are at work together: fewer would hang, more would break it."""
    together = threading.Barrier(3, timeout=30)
    at_work, most, lock = set(), [], threading.Lock()

    def work(item):
        with lock:
            at_work.add(item)
            most.append(len(at_work))
        together.wait()
        with lock:
            at_work.discard(item)
        return item

    asked = []

    def items():
        for item in range(9):
            asked.append(item)
            yield item

    found = list(as_they_come(work, items(), lambda: 3))
    assert sorted(found) == list(range(9))
    assert max(most) == 3
    assert asked == list(range(9))


def test_workers_that_join_later_are_given_work():
    room_now = iter([1, 1, 2])
    together = threading.Barrier(2, timeout=30)

    def work(item):
        if item >= 2:
            together.wait()
        return item

    assert sorted(as_they_come(work, range(6), lambda: next(room_now, 2))) == list(range(6))


def test_what_is_at_work_when_one_fails_is_finished_and_nothing_more_is_begun():
    failed = threading.Event()
    begun = []

    def work(item):
        begun.append(item)
        if item == 1:
            failed.set()
            message = "bands differ"
            raise ValueError(message)
        assert failed.wait(30)
        return item

    found = []
    with pytest.raises(ValueError, match="bands differ"):
        found.extend(iter_into(as_they_come(work, range(100), lambda: 3), found))
    # 0 and 2 were at work; each that ended before the failure was seen let one more begin.
    assert {0, 2} <= set(found)
    assert len(begun) <= 5
    assert sorted([*found, 1]) == sorted(begun)


def iter_into(results, found):
    for each in results:
        found.append(each)
    return []


def test_whoever_stops_asking_ends_it():
    def items():
        yield from (1, 2)
        pytest.fail("a third was asked for")

    results = as_they_come(abs, items(), lambda: 2)
    assert next(results) in (1, 2)
    results.close()
