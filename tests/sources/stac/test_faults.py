"""Faults of servers and files: each passes, or is told in one line; none becomes a number."""

from __future__ import annotations

import datetime
import itertools
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.testing as npt
import planetary_computer
import pytest
import rasterio
import servers
from rasterfiles import stac_item, write_tif
from servers import Reply, Times, Tokens, json_server, range_server

import minewatch as mw
from minewatch import store
from minewatch.sources import load, search
from minewatch.sources.stac.catalogs import _patience
from minewatch.store import filling
from minewatch.store.filling import ledger_of, unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr

CORNER, SIZE = (300000.0, 2470100.0), 256
BOX = (CORNER[0], CORNER[1] - 10 * SIZE, CORNER[0] + 10 * SIZE, CORNER[1])
GRID = mw.grids.geobox(BOX, crs="EPSG:32645", resolution=10)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.random.default_rng(7).random((SIZE, SIZE)).astype("float32")


def write_cog(path: Path, values: np.ndarray, box: tuple[float, float, float, float]) -> None:
    height, width = values.shape
    size = {"height": height, "width": width, "count": 1, "dtype": "float32"}
    place = {"crs": "EPSG:32645", "transform": rasterio.Affine(10, 0, box[0], 0, -10, box[3])}
    how = {"driver": "COG", "compress": "deflate", "blocksize": 128, "overviews": "none"}
    with rasterio.open(path, "w", **how, **size, **place) as file:
        file.write(values, 1)


@pytest.fixture(scope="module")
def folder(truth: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One COG, whose four tiles lie far behind its header, and what became of copies of it."""
    path = tmp_path_factory.mktemp("served")
    write_cog(path / "vv.tif", truth, BOX)
    whole = (path / "vv.tif").read_bytes()
    (path / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (path / "stub.tif").write_bytes(whole[:300])
    (path / "empty.tif").write_bytes(b"")
    half = len(whole) // 2
    (path / "garbled.tif").write_bytes(whole[:half] + b"\x5a" * 999 + whole[half + 999 :])
    (path / "page.tif").write_text("<html>please log in</html>")
    (path / "folder.tif").mkdir()
    return path


def cube(href: str, **how: Any) -> xr.DataArray:
    item = stac_item("one", {"vv": href}, bounds=BOX)
    return load([item], like=GRID, **{"timeout": 30, "max_retries": 0, **how}).vv


def values(href: str, **how: Any) -> np.ndarray:
    return cube(href, **how)[0].compute(scheduler="synchronous").to_numpy()


PASSING = {
    "403 once": (Reply(403), 1, 0),
    "429 once": (Reply(429, headers={"Retry-After": "0"}), 1, 1),
    "500 once": (Reply(500), 1, 1),
    "stalls once": (Reply(hangs=True), 1, 0),
    "breaks off once": (Reply(206, b"II*\0", missing=500), 1, 0),
    "a page once": (Reply(200, b"<html>busy</html>"), 2, 0),
}


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=pytest.mark.slow if "stalls" in fault else ()) for fault in PASSING],
)
def test_a_fault_that_passes_is_healed(folder: Path, truth: np.ndarray, fault: str) -> None:
    reply, times, retries = PASSING[fault]
    strike = Times(reply, times)
    # Long enough for any sound answer on a busy machine; a stalled one is waited for.
    patience = 5 if "stalls" in fault else 30
    with range_server(folder, before=strike) as url:
        found = values(f"{url}/vv.tif", max_retries=retries, timeout=patience)
    npt.assert_array_equal(found, truth)
    assert strike.left == 0


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_twice_refused_then_answered(folder: Path, truth: np.ndarray, status: int) -> None:
    with range_server(folder, before=Times(status, 2)) as url:
        npt.assert_array_equal(values(f"{url}/vv.tif", max_retries=2), truth)


LASTING: dict[str, tuple[str, Callable[[str], Any], str]] = {
    "403": ("vv.tif", lambda _: 403, "HTTP response code: 403"),
    "404": ("none.tif", lambda _: None, "HTTP response code: 404"),
    "429": ("vv.tif", lambda _: 429, "HTTP response code: 429"),
    "500": ("vv.tif", lambda _: 500, "HTTP response code: 500"),
    "stalls": ("vv.tif", lambda _: Reply(hangs=True), "timed out|in time"),
    "breaks off": ("vv.tif", lambda _: Reply(206, b"II*\0", missing=500), "HTTP response|no image"),
    "a page": ("page.tif", lambda _: None, "no image was sent, but a page"),
    "leads to a file": (
        "vv.tif", lambda _: Reply(302, headers={"Location": "file:///etc/passwd"}), "302",
    ),
    "nothing in it": ("empty.tif", lambda _: None, "no image was sent"),
    "cut in its header": ("stub.tif", lambda _: None, "TIFFReadDirectory"),
    "cut in its tiles": ("cut.tif", lambda _: None, "Read error|IReadBlock|got 0 bytes|range"),
    "garbled": ("garbled.tif", lambda _: None, "ZIPDecode"),
}  # fmt: skip


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_lasts_is_an_error_that_names_it(folder: Path, fault: str) -> None:
    name, before, said = LASTING[fault]
    with (
        range_server(folder, before=before) as url,
        pytest.raises(RuntimeError, match=rf"asset 'vv' of item 'one' .*({said}).*drop the") as got,
    ):
        values(
            f"{url}/{name}",
            sign=lambda href: f"{href}?sig=secret",
            timeout=0.4 if fault == "stalls" else 30,
        )
    assert "\n" not in str(got.value)
    assert "secret" not in str(got.value)


def test_a_folder_in_place_of_an_image_is_an_error(folder: Path) -> None:
    with pytest.raises(RuntimeError, match=r"folder\.tif.*not recognized"):
        values(str(folder / "folder.tif"))


@pytest.mark.parametrize("lasts", [4])
def test_a_token_that_runs_out_while_images_are_read_is_renewed(
    folder: Path, truth: np.ndarray, lasts: int
) -> None:
    """Each token serves a few requests, then 403: the file is open by then, half of it read."""
    numbers, used = itertools.count(), Counter[str]()

    def expired(path: str) -> int | None:
        used[path] += 1
        return 403 if used[path] > lasts else None

    with range_server(folder, before=expired) as url:
        found = values(
            f"{url}/vv.tif",
            sign=lambda href: f"{href}?token={next(numbers)}",
            chunks={"y": 128, "x": 128},
        )
    npt.assert_array_equal(found, truth)
    assert len(used) > 1


@pytest.mark.slow
def test_a_token_that_runs_out_by_the_clock_of_the_server_is_renewed(tmp_path: Path) -> None:
    """Sixteen blocks are read for longer than a token lives; each is signed with its expiry."""
    side = 512
    wanted = np.random.default_rng(11).random((side, side)).astype("float32")
    box = (BOX[0], BOX[3] - 10 * side, BOX[0] + 10 * side, BOX[3])
    write_cog(tmp_path / "vv.tif", wanted, box)
    grid = mw.grids.geobox(box, crs="EPSG:32645", resolution=10)

    def read(url: str, sign: Callable[[str], str]) -> np.ndarray:
        item = stac_item("one", {"vv": f"{url}/vv.tif"}, bounds=box)
        how: dict[str, Any] = {"timeout": 30, "max_retries": 0, "chunks": {"y": 128, "x": 128}}
        lazy = load([item], like=grid, sign=sign, **how).vv[0]
        return lazy.compute(scheduler="synchronous").to_numpy()

    # It does not matter how fast the machine is. One thread asks for the header and then for each
    # of sixteen tiles. A token has eight answers in any case: enough to open the file and read a
    # block, so the slowest machine gets on. The ninth comes 1.35 s after the signing or later, as
    # each takes 0.15 s or more: too late for a life of 1 s, so the fastest machine signs again.
    tokens = Tokens(life=1.0, delay=0.15, least=8)
    with range_server(tmp_path, before=tokens) as url:
        npt.assert_array_equal(read(url, tokens.sign), wanted)
        assert len(tokens.answers) >= 2
        assert tokens.refused >= 1
        once = tokens.sign(f"{url}/vv.tif")
        with pytest.raises(RuntimeError, match="HTTP response code: 403"):
            read(url, lambda _: once)


def test_the_planetary_computers_own_signer_renews_tokens_that_have_run_out(
    folder: Path, truth: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tokens end as they are handed out; files take each for a few requests, then say 403."""
    given, used = itertools.count(), Counter[str]()

    def tokens(path: str, _: object) -> dict[str, str]:
        assert path == "/account/container"
        now = datetime.datetime.now(datetime.UTC).isoformat()
        return {"msft:expiry": now, "token": f"sig={next(given)}"}

    def expired(path: str) -> int | None:
        used[path] += 1
        return None if "sig=" in path and used[path] <= 4 else 403

    monkeypatch.setattr(planetary_computer.sas, "TOKEN_CACHE", {})
    blob = "https://account.blob.core.windows.net/container"
    with json_server(tokens) as tokens_url, range_server(folder, before=expired) as url:
        settings = planetary_computer.settings.Settings(subscription_key=None, sas_url=tokens_url)
        monkeypatch.setattr(planetary_computer.settings.Settings, "get", lambda: settings)

        def sign(href: str) -> str:
            # It signs addresses of Azure alone; the files are served here.
            return str(planetary_computer.sign_url(href.replace(url, blob)).replace(blob, url))

        found = values(f"{url}/vv.tif", sign=sign, chunks={"y": 128, "x": 128})
    npt.assert_array_equal(found, truth)
    assert len(used) > 1
    assert next(given) >= len(used)


# Blocks of a store ------------------------------------------------------------------------------

ROWS = 2048


@pytest.fixture
def tall(tmp_path: Path) -> Path:
    """Two images: one of both blocks, one of the lower block alone."""
    chance = np.random.default_rng(3)
    served = tmp_path / "served"
    write_tif(served / "whole.tif", chance.random((ROWS, 8)).astype("float32"), corner=CORNER)
    low = (CORNER[0], CORNER[1] - 10 * ROWS / 2)
    write_tif(served / "low.tif", chance.random((ROWS // 2, 8)).astype("float32"), corner=low)
    return served


def two(url: str, **how: Any) -> xr.Dataset:
    west, top = CORNER
    east, middle, bottom = west + 80, top - 5 * ROWS, top - 10 * ROWS
    items = [
        stac_item("whole", {"vv": f"{url}/whole.tif"}, bounds=(west, bottom, east, top)),
        # a little short of the block above, of which it has no pixel
        stac_item("low", {"vv": f"{url}/low.tif"}, bounds=(west, bottom, east, middle - 200)),
    ]
    grid = mw.grids.geobox((west, bottom, east, top), crs="EPSG:32645", resolution=10)
    return load(items, like=grid, **{"timeout": 30, "max_retries": 0, **how})


def digests(path: Path) -> dict[str, int]:
    return {
        str(file.relative_to(path)): hash(file.read_bytes())
        for file in path.rglob("*")
        if file.is_file()
    }


def differing(one: dict[str, int], other: dict[str, int]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def test_a_block_that_cannot_be_read_is_told_and_healed_and_harms_nothing(
    tall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    target = tmp_path / "vv.zarr"
    store.to_zarr(two(str(tall)), tmp_path / "plain.zarr")
    store.to_zarr(two(str(tall)) * 2, target)
    before = digests(target)
    asked: list[str] = []
    refused = [True]

    def refuse(path: str) -> int | None:
        asked.append(path.partition("?")[0])
        return 403 if refused[0] and "low" in path else None

    def sign(href: str) -> str:
        return f"{href}?sig=secret"

    with range_server(tall, before=refuse) as url:
        lazy = two(url, sign=sign)
        with pytest.raises(RuntimeError, match=r"1 of 2 blocks of vv\.zarr are missing .*403"):
            store.to_zarr(lazy, target, resume="a", overwrite=True)
        assert differing(digests(target), before) == []
        assert unfinished(target).is_dir()
        _, first, second = map(json.loads, ledger_of(target).read_text().splitlines())
        assert (first["name"], first["status"]) == ("y 0:1024", "done")
        assert (second["name"], second["status"]) == ("y 1024:2048", "failed")
        assert second["attempts"] == filling.ATTEMPTS
        assert "HTTP response code: 403" in second["reason"]
        assert "secret" not in ledger_of(target).read_text()
        refused[0] = False
        asked.clear()
        stored = store.to_zarr(two(url, sign=sign), target, resume="a", overwrite=True)
    assert "/low.tif" in asked
    assert differing(digests(target), digests(tmp_path / "plain.zarr")) == []
    unknown = stored.vv.isnull().sum(("y", "x")).values.tolist()
    assert dict(zip(stored.attrs["items"], unknown, strict=True)) == {"low": 8 * 1024, "whole": 0}


def test_a_block_that_fails_for_a_while_is_made_in_the_same_run(
    tall: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    store.to_zarr(two(str(tall)), tmp_path / "plain.zarr")
    # A read is tried twice with two requests or one each: the first attempt fails in any case.
    with range_server(tall, before=Times(403, 4, "low")) as url:
        store.to_zarr(two(url), tmp_path / "vv.zarr", resume="a")
    assert differing(digests(tmp_path / "vv.zarr"), digests(tmp_path / "plain.zarr")) == []
    last = json.loads(ledger_of(tmp_path / "vv.zarr").read_text().splitlines()[-1])
    assert last["attempts"] > 1


# Searches ---------------------------------------------------------------------------------------

ITEM = stac_item("one", {"vv": "https://example.org/vv.tif"}).to_dict(include_self_link=False)


def api(features: list[Any] | bytes, fault: Times | None = None) -> Callable[..., Any]:
    """What a STAC API answers: a landing page, then `features`."""

    def answer(path: str, _: object) -> Any:
        if fault is not None and (struck := fault(path)) is not None:
            return struck
        if path == "/":
            kind = {"type": "application/geo+json", "method": "POST"}
            links = [{"rel": "search", "href": f"{where[0]}/search", **kind}]
            core = [f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "item-search")]
            about = {"type": "Catalog", "id": "api", "description": "api", "stac_version": "1.0.0"}
            return {**about, "conformsTo": core, "links": links}
        if isinstance(features, bytes):
            return features
        return {"type": "FeatureCollection", "features": features, "links": []}

    where = [""]
    answer.where = where  # type: ignore[attr-defined]
    return answer


def found(answer: Callable[..., Any], **asked: Any) -> list[str]:
    with servers.json_server(answer) as url:
        answer.where[0] = url  # type: ignore[attr-defined]
        return [item.id for item in search(url, **{"timeout": 30, "max_retries": 1, **asked})]


@pytest.mark.parametrize("status", [429, 500])
def test_a_catalogue_that_refuses_once_is_asked_again(status: int) -> None:
    fault = Times(status, 1)
    assert found(api([ITEM], fault)) == ["one"]
    assert fault.left == 0


def test_a_server_may_not_ask_for_an_hour_of_patience() -> None:
    from urllib3 import HTTPResponse

    for asked, waits in (("0", 0), ("7", 7), ("86400", 120)):
        reply = HTTPResponse(status=429, headers={"Retry-After": asked})
        assert _patience(3).get_retry_after(reply) == waits


def changed(**fields: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(ITEM)), **fields}


BROKEN = {
    "without a datetime": (changed(properties={"datetime": None}), "no datetime and no start_"),
    "with a datetime that is none": (changed(properties={"datetime": "soon"}), "'soon'"),
    "without properties": (changed(properties=None), "no datetime"),
    "without an id": (changed(id=None), "it has no id"),
    "with half a bbox": (changed(bbox=[1, 2]), r"its bbox is \[1, 2\]"),
    "with words for a bbox": (changed(bbox=["a", 0, 1, 1]), "real number"),
    "with an outline that is none": (
        changed(geometry={"type": "Polygon", "coordinates": "x"}), "ValueError",
    ),
    "with assets that are none": (changed(assets={"vv": {}}), "href"),
    "that is something else": ({"hello": 1}, "no STAC item"),
    "that is a word": ("item", "no STAC item"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_an_item_that_cannot_be_placed_is_named(kind: str) -> None:
    record, said = BROKEN[kind]
    for look in (lambda: found(api([ITEM, record])), lambda: search([ITEM, record])):
        with pytest.raises(ValueError, match=f"{said}.*leave it out") as got:
            look()
        assert "\n" not in str(got.value)


def test_an_item_in_a_folder_that_cannot_be_placed_is_named(tmp_path: Path) -> None:
    child = {"rel": "item", "href": "./one.json", "type": "application/json"}
    about = {"type": "Catalog", "id": "a", "description": "a", "stac_version": "1.0.0"}
    (tmp_path / "catalog.json").write_text(json.dumps({**about, "links": [child]}))
    for content, said in (
        (json.dumps(changed(properties={"datetime": None})), "datetime"),
        ("<html>", "JSONDecodeError"),
        ("[" * 100_000, "Error"),
    ):
        (tmp_path / "one.json").write_text(content)
        with pytest.raises(ValueError, match=rf"one\.json, to which .* leads, is no STAC .*{said}"):
            search(tmp_path)


def test_links_that_go_round_come_to_an_end(tmp_path: Path) -> None:
    about = {"type": "Catalog", "description": "a", "stac_version": "1.0.0"}
    for name, other in (("catalog", "b"), ("b", "catalog")):
        child = {"rel": "child", "href": f"./{other}.json", "type": "application/json"}
        (tmp_path / f"{name}.json").write_text(json.dumps({**about, "id": name, "links": [child]}))
    with pytest.raises(ValueError, match="lead round in a circle"):
        search(tmp_path)


@pytest.mark.parametrize("page", [b"<html>busy</html>", b"[" * 100_000, b"[1]", b"\xff\xfe\0"])
def test_a_search_answered_with_a_page_is_told(page: bytes) -> None:
    with pytest.raises((ValueError, ConnectionError), match="http://127") as got:
        found(api(page))
    assert "\n" not in str(got.value)


def test_nothing_found_names_options_and_days() -> None:
    when = {"datetime": "2021-02/2021-03", "max_cloud_cover": 20}
    with pytest.raises(ValueError, match="no item") as got:
        search([ITEM], bbox=(80, 20, 90, 25), **when)
    assert str(got.value) == (
        "search found no item in the list for bbox=(80, 20, 90, 25); "
        "datetime=2021-02-01/2021-03-31; max_cloud_cover=20 (1 items read, bbox left 1, datetime "
        "left 0, max_cloud_cover left 0); relax datetime"
    )
    with pytest.raises(ValueError, match=r"datetime=2024-02-01T05:30:00/\.\..*relax datetime$"):
        search([ITEM], datetime=("2024-02-01T05:30", None))
    with pytest.raises(ValueError, match=r"for bbox=\(170, -90, -170, 90\) .*relax bbox$"):
        search([ITEM], bbox=(170, -90, -170, 90))


# Places where longitudes jump -------------------------------------------------------------------


def test_images_on_both_sides_of_the_antimeridian_meet(tmp_path: Path) -> None:
    """Zone 60 ends where zone 1 begins; the search box has its west in the east."""
    chance = np.random.default_rng(5)
    west, east = (chance.random((40, 40)).astype("float32") for _ in range(2))
    # 180° lies at x = 819,400 m of zone 60 at 17° S, and at 180,600 m of zone 1.
    box = (813000, 8116000, 817000, 8120000)
    write_tif(tmp_path / "w.tif", west, corner=(813000, 8120000), pixel=100, crs="EPSG:32760")
    write_tif(tmp_path / "e.tif", east, corner=(183000, 8120000), pixel=100, crs="EPSG:32701")
    items = [
        stac_item("w", {"vv": str(tmp_path / "w.tif")}, bounds=box, crs="EPSG:32760"),
        stac_item(
            "e", {"vv": str(tmp_path / "e.tif")}, bounds=(183000, 8116000, 187000, 8120000),
            crs="EPSG:32701", day="2023-01-11T05:00:00Z",
        ),
    ]  # fmt: skip
    asked = search(items, bbox=(179.9, -17.1, -179.9, -16.8))
    assert [item.id for item in asked] == ["w", "e"]
    grid = mw.grids.geobox((810000, 8100000, 830000, 8130000), crs="EPSG:32760", resolution=100)
    assert [item.id for item in search(items, bbox=grid)] == ["w", "e"]
    both = load(asked, like=grid).vv.compute()
    npt.assert_array_equal(both[0].sel(x=slice(813000, 817000), y=slice(8120000, 8116000)), west)
    # Warped, an image keeps nearly all of its 16 km² (the zones' scales differ by less than 1 %).
    assert float(both[1].notnull().sum()) == pytest.approx(1600, rel=0.05)
    assert float(both[1].mean()) == pytest.approx(float(east.mean()), abs=0.02)


def test_images_on_the_pole_are_read(tmp_path: Path) -> None:
    ice = np.random.default_rng(6).random((20, 20)).astype("float32")
    box = (-1000, -1000, 1000, 1000)
    path = write_tif(tmp_path / "n.tif", ice, corner=(-1000, 1000), pixel=100, crs="EPSG:3413")
    item = stac_item("n", {"vv": path}, bounds=box, crs="EPSG:3413")
    assert item.bbox is not None
    assert item.bbox[3] == pytest.approx(90)
    grid = mw.grids.geobox(box, crs="EPSG:3413", resolution=100)
    (found,) = search([item], bbox=grid)
    npt.assert_array_equal(load([found], like=grid).vv[0], ice)
    with pytest.raises(ValueError, match=r"no UTM; use a polar CRS"):
        mw.grids.utm_crs(tuple(item.bbox))  # type: ignore[arg-type]
