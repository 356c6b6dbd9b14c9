"""New dates join a finished run: as if all had been there at once, and what changed is told."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from carrying import as_recorded

from minewatch import activity, insar, simulate, store
from minewatch.conventions import crs_of
from minewatch.sources import slc as slc_source
from minewatch.workflows import (
    ActivitySettings,
    UpdateSettings,
    activity_run,
    read_settings,
    update_run,
)

LAYERS = ("exceeded", "observed", "activity")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> list[Path]:
    world = simulate.mine_world(seed=42, size=160)
    folder = simulate.write_slc(world, tmp_path_factory.mktemp("slc"))
    return sorted(folder.glob("*.tif"))


def given(images: list[Path], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for image in images:
        shutil.copy2(image, folder)
    shutil.copy2(images[0].parent / "perpendicular_baselines.csv", folder)
    return folder


def ran(images: list[Path], folder: Path, **settings) -> tuple[Path, Path]:
    """Input and output of a run over some of the images."""
    source = given(images, folder / "slc")
    activity_run(
        ActivitySettings(input=str(source), output=str(folder / "pit"), choices=False, **settings)
    )
    return source, folder / "pit"


def at_once(images: list[Path], pit: Path, scratch: Path, *, following: int = 1) -> xr.Dataset:
    """The index of all images, with the stable ground and threshold of a run."""
    known = store.open_cube(pit / "tai.zarr")
    slc = slc_source.open_stack(str(given(images, scratch / "all")))
    coherence = insar.coherence(slc, insar.select_pairs(slc, n_next=following)).compute()
    ledger = activity.screen_pairs(coherence, known.stable.compute())
    return activity.tai(coherence, ledger, threshold=known.attrs["threshold"])


def assert_same(updated: xr.Dataset, whole: xr.Dataset) -> None:
    for name in LAYERS:
        np.testing.assert_array_equal(updated[name].values, whole[name].values)
    for name in ("tai", "lower", "upper"):
        np.testing.assert_allclose(updated[name].values, whole[name].values, rtol=1e-6)
    assert updated.attrs["counted_pairs"] == whole.attrs["counted_pairs"]


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def updated(images, tmp_path_factory):
    """Ten dates, then all fourteen; the first image is spoilt before, so nobody may read it."""
    folder = tmp_path_factory.mktemp("updated")
    source, pit = ran(images[:10], folder, by="year")
    before = store.open_cube(pit / "tai.zarr").load()
    given(images[10:], source)
    with rasterio.open(source / images[0].name, "r+") as file:
        file.write(np.full((1, *file.shape), np.nan, "c8"))
    result = update_run(UpdateSettings(folder=str(pit)))
    return before, result, pit


@pytest.mark.slow
def test_the_index_is_that_of_all_dates_at_once(images, updated, tmp_path):
    _, result, pit = updated
    whole = at_once(images, pit, tmp_path)
    assert_same(store.open_cube(pit / "tai.zarr"), whole)
    assert result.summary["new pairs"] == "4"
    assert store.open_cube(pit / "coherence.zarr").sizes["pair"] == 13
    ledger = store.open_cube(pit / "ledger.zarr")
    assert ledger.sizes["pair"] == 13


@pytest.mark.slow
def test_each_file_carries_what_the_record_tells(updated):
    _, _, pit = updated
    assert {"coherence.zarr", "tai.zarr", "alerts.geojson", "tai.tif"} <= as_recorded(pit)


@pytest.mark.slow
def test_years_are_updated_too(updated):
    _, _, pit = updated
    years, whole = store.open_cube(pit / "tai_by_year.zarr"), store.open_cube(pit / "tai.zarr")
    np.testing.assert_array_equal(years.exceeded.sum("year"), whole.exceeded)


@pytest.mark.slow
def test_alerts_are_new_active_ground_with_the_dates_that_bracket_it(updated):
    before, result, pit = updated
    found = gpd.read_file(pit / "alerts.geojson")
    assert result.summary["alerts"].startswith(f"{len(found)}: ")
    metric = found.to_crs(crs_of(before))
    # The pit was active before: nothing of it is news.
    was_active = before.activity.values == 2
    assert was_active.any()
    from minewatch import vectors

    drawn = vectors.rasterize(metric, like=before.activity).values
    assert not (drawn & was_active).any()
    known = set(
        store.open_cube(pit / "ledger.zarr").secondary_time.values.astype("M8[D]").astype(str)
    )
    assert set(found.first_seen.astype(str).str[:10]) <= known


@pytest.mark.slow
def test_twice_is_once(updated):
    _, _, pit = updated
    before = content(pit)
    again = update_run(UpdateSettings(folder=str(pit)))
    assert again.summary == {"new pairs": "0: nothing was changed"}
    assert content(pit) == before


@pytest.mark.slow
@pytest.mark.parametrize("late", [6, 8])
def test_a_late_date_splits_the_pair_that_bridged_it(images, tmp_path, late):
    """Whether that pair was counted, or dropped with the weather of one of its days."""
    source, pit = ran([*images[:late], *images[late + 1 :]], tmp_path)
    given([images[late]], source)
    update_run(UpdateSettings(folder=str(pit)))
    tai = store.open_cube(pit / "tai.zarr")
    assert_same(tai, at_once(images, pit, tmp_path))
    assert len(np.atleast_1d(tai.attrs["superseded_pairs"])) == 1
    assert store.open_cube(pit / "ledger.zarr").sizes["pair"] == 13
    update_run(UpdateSettings(folder=str(pit), refresh=True))  # what was taken out stays out
    assert store.open_cube(pit / "ledger.zarr").sizes["pair"] == 13


@pytest.mark.slow
def test_refresh_is_a_run_over_all_dates_and_tells_the_drift(images, tmp_path):
    source, pit = ran(images[:9], tmp_path)
    given(images[9:], source)
    result = update_run(UpdateSettings(folder=str(pit), refresh=True))
    assert "drift of threshold" in result.summary
    _, whole = ran(images, tmp_path / "whole") if (tmp_path / "whole").mkdir() is None else None
    one, other = (store.open_cube(each / "tai.zarr") for each in (pit, whole))
    np.testing.assert_array_equal(one.stable.values, other.stable.values)
    assert one.attrs["threshold"] == pytest.approx(other.attrs["threshold"], abs=1e-6)
    for name in LAYERS:
        np.testing.assert_array_equal(one[name].values, other[name].values)


@pytest.mark.slow
def test_an_update_that_was_stopped_goes_on(images, tmp_path, monkeypatch):
    """Stopped at each of its steps in turn: the next one ends as if nothing had happened."""
    from minewatch.workflows import updating_parts

    source, pit = ran(images[:12], tmp_path)
    whole = at_once(images, pit, tmp_path)
    given(images[12:], source)

    def stopped(*_, **__):
        raise KeyboardInterrupt

    for module, name in (
        (updating_parts, "_judged"),
        (updating_parts, "write_alerts"),
        (updating_parts.activity, "update_tai"),
        (updating_parts.activity, "mean_ndai"),
        (updating_parts, "write_results"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, stopped)
            with pytest.raises(KeyboardInterrupt):
                update_run(UpdateSettings(folder=str(pit)))
    result = update_run(UpdateSettings(folder=str(pit)))
    assert_same(store.open_cube(pit / "tai.zarr"), whole)
    assert store.open_cube(pit / "ledger.zarr").sizes["pair"] == 13
    # Its alerts were written before it was stopped: they are told, not "0".
    held = len(gpd.read_file(pit / "alerts.geojson"))
    assert result.summary["alerts"].startswith(f"{held}: ")
    page = (pit / "report.html").read_text(encoding="utf-8")
    assert "that of the run that new dates were added to" in page
    assert "lies in the valley" not in page


@pytest.mark.slow
def test_the_record_still_says_what_the_run_can_be_made_of(images, tmp_path):
    source, pit = ran(images[:10], tmp_path)
    later = given(images[9:11], tmp_path / "later")
    result = update_run(UpdateSettings(folder=str(pit), input=str(later)))
    assert result.summary["new pairs"] == "1"
    kept = read_settings(ActivitySettings, pit / "run.toml")
    assert kept.input == str(source)
    # Nobody said that the folder may be replaced.
    assert not kept.overwrite
    moved = given(images[:12], tmp_path / "moved")
    update_run(UpdateSettings(folder=str(pit), input=str(moved)))
    again = read_settings(ActivitySettings, pit / "run.toml")
    assert again.input == str(moved)
    # A run in its place has no alerts, so none of before may lie beside it.
    assert (pit / "alerts.geojson").is_file()
    activity_run(dataclasses.replace(again, overwrite=True))
    assert not (pit / "alerts.geojson").exists()


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no finished run of activity"):
        update_run(UpdateSettings(folder=str(tmp_path)))


@pytest.mark.slow
def test_the_choices_of_an_update_begin_with_the_threshold_that_was_kept(images, tmp_path):
    source = given(images[:8], tmp_path / "slc")
    pit = tmp_path / "pit"
    activity_run(ActivitySettings(input=str(source), output=str(pit)))
    kept = store.open_cube(pit / "tai.zarr").attrs["threshold"]
    given(images[8:], source)
    update_run(UpdateSettings(folder=str(pit)))
    choices = pd.read_csv(pit / "choices.csv")
    assert choices.loc[0, "choice"] == "default"
    assert choices.loc[0, "threshold"] == pytest.approx(kept, rel=1e-6)
    # Found anew it is another one.
    found = choices.loc[choices.method == "kde_valley", "threshold"].iloc[0]
    assert found != pytest.approx(kept, rel=1e-6)


@pytest.mark.slow
def test_a_folder_of_new_images_alone_takes_out_no_pair_of_those_before(images, tmp_path):
    """Each image with its next two: 6-8 is not in the new folder, and 7-8 lies within it."""
    _, pit = ran(images[:9], tmp_path, next_images=2)
    later = given(images[7:11], tmp_path / "later")
    update_run(UpdateSettings(folder=str(pit), input=str(later)))
    tai = store.open_cube(pit / "tai.zarr")
    assert_same(tai, at_once(images[:11], pit, tmp_path, following=2))
    assert "superseded_pairs" not in tai.attrs
