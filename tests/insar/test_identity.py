"""Pairs are known by their dates."""

from __future__ import annotations

import numpy as np
import oracles_insar as oracles
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from laziness import nothing_computes

from minewatch import insar
from minewatch.insar.identity import label_values, match_pairs, slc_positions


@pytest.fixture
def table() -> xr.Dataset:
    return insar.select_pairs(oracles.stack(np.ones((5, 2, 2))))


def test_pairs_are_matched_by_date_not_by_number(table):
    shuffled = table.isel(pair=[2, 0, 3]).assign_coords(pair=[7, 8, 9])
    np.testing.assert_array_equal(match_pairs(shuffled, table, by="ndai"), [2, 0, 3])


def test_labels_are_read_even_if_lazy(table):
    lazy = table.chunk(pair=2)
    with nothing_computes():
        np.testing.assert_array_equal(match_pairs(lazy, table, by="ndai"), np.arange(4))
        np.testing.assert_array_equal(label_values(lazy.temporal_baseline), 12)


@pytest.mark.slow
def test_labels_that_lie_on_a_cluster_are_fetched(table):
    with (
        LocalCluster(
            n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster),
    ):
        there = table.temporal_baseline.chunk(pair=2).persist()
        np.testing.assert_array_equal(label_values(there), 12)


def test_a_lacking_pair_is_named(table):
    with pytest.raises(KeyError, match=r"1 of 4 pairs.*2022-06-13/2022-06-25.*select the common"):
        match_pairs(table, table.isel(pair=[0, 2, 3]), by="ndai")


def test_pairs_without_dates_or_twice_are_errors(table):
    with pytest.raises(ValueError, match=r"reference_time.*assign_coords"):
        match_pairs(table.drop_vars("reference_time"), table, by="ndai")
    with pytest.raises(ValueError, match=r"2022-06-01/2022-06-13 twice; keep one"):
        match_pairs(table, table.isel(pair=[0, 0]), by="ndai")


def test_positions_of_the_two_acquisitions(table):
    slc = oracles.stack(np.ones((5, 2, 2)))
    reference, secondary = slc_positions(slc.isel(time=[1, 0, 2, 3, 4]), table, by="coherence")
    np.testing.assert_array_equal(reference, [1, 0, 2, 3])
    np.testing.assert_array_equal(secondary, [0, 2, 3, 4])
    with pytest.raises(KeyError, match=r"2022-06-25.*select_pairs from this slc"):
        slc_positions(slc.isel(time=[0, 1, 3, 4]), table, by="coherence")
    with pytest.raises(KeyError, match=r"reference_time; make one with insar.select_pairs"):
        slc_positions(slc, table.drop_vars("reference_time"), by="coherence")
