"""What inputs and results are known by: the same for a copy, another for anything else."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pystac
import pytest

from minewatch.workflows import identities
from minewatch.workflows.identities import bytes_of, identity, item_identity, items_told
from minewatch.workflows.resuming import contents_of


def test_a_file_is_known_by_what_sha256sum_says_of_it(tmp_path: Path) -> None:
    file = tmp_path / "pit.tif"
    file.write_bytes(b"radar" * 1000)
    assert identity(file) == f"sha256:{hashlib.sha256(b'radar' * 1000).hexdigest()}"
    assert bytes_of(file) == 5000


def test_a_large_file_is_known_by_its_size_and_pieces_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identities, "WHOLE", 1000)
    monkeypatch.setattr(identities, "PIECE", 16)
    content = np.random.default_rng(0).bytes(4001)
    file = tmp_path / "slc.h5"
    file.write_bytes(content)
    first = identity(file)
    assert first.startswith("pieces-sha256:")
    # the obvious way: sixteen pieces, the first at the first byte, the last up to the last
    starts = [3985 * piece // 15 for piece in range(16)]
    assert (starts[0], starts[-1]) == (0, 3985)
    pieces = b"4001" + b"".join(content[start : start + 16] for start in starts)
    assert first == f"pieces-sha256:{hashlib.sha256(pieces).hexdigest()}"
    for at in (0, 4000, starts[7] + 3):
        altered = bytearray(content)
        altered[at] ^= 1
        file.write_bytes(altered)
        assert identity(file) != first
    file.write_bytes(content + b"0")
    assert identity(file) != first


def test_a_copy_of_a_store_is_the_same_and_one_that_was_altered_is_not(tmp_path: Path) -> None:
    store = tmp_path / "tai.zarr"
    (store / "tai" / "c").mkdir(parents=True)
    (store / "zarr.json").write_text("{}")
    (store / "tai" / "c" / "0").write_bytes(b"12345678")
    first = identity(store)
    assert bytes_of(store) == 10
    copy = tmp_path / "copy.zarr"
    shutil.copytree(store, copy)
    os.utime(copy / "zarr.json", (0, 0))  # an older date means nothing
    (copy / ".lock").write_text("")  # nor does what is hidden
    assert identity(copy) == first
    (copy / "tai" / "c" / "0").write_bytes(b"12345679")
    assert identity(copy) != first
    (copy / "tai" / "c" / "0").rename(copy / "tai" / "c" / "1")
    (copy / "tai" / "c" / "1").write_bytes(b"12345678")
    assert identity(copy) != first
    assert identity(tmp_path / "nowhere") == ""


def _dimap(folder: Path) -> list[Path]:
    (folder / "slc.dim").write_text("<Dimap_Document/>")
    (folder / "slc.data").mkdir()
    parts = [folder / "slc.data" / name for name in ("i_VV.img", "i_VV.hdr")]
    for part in parts:
        part.write_bytes(b"pixels")
    return [folder / "slc.dim", *parts]


def _pair(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_bytes(b"before")
    return [folder / name for name in names]


@pytest.mark.parametrize(
    "make",
    [
        _dimap,
        lambda folder: _pair(folder, "pits.shp", "pits.dbf", "pits.shx", "pits.prj", "pits.cpg"),
        lambda folder: _pair(folder, "pits.shp", "pits.DBF"),
        lambda folder: _pair(folder, "coherence.img", "coherence.hdr"),
        lambda folder: _pair(folder, "coherence.slc", "coherence.slc.hdr"),
    ],
)
def test_what_belongs_to_a_file_is_part_of_what_it_is_known_by(tmp_path: Path, make) -> None:
    file, *others = make(tmp_path)
    first, key = identity(file), contents_of(str(file))
    told = item_identity(item(str(file)))
    assert first.startswith("with-sha256:")
    assert bytes_of(file) == sum(part.stat().st_size for part in (file, *others))
    for part in others:
        before = part.read_bytes()
        part.write_bytes(b"after")
        assert identity(file) != first, f"{part.name} was altered"
        assert contents_of(str(file)) != key, f"{part.name} was altered, and a run would go on"
        assert item_identity(item(str(file))) != told
        part.write_bytes(before)
    assert identity(file) == first
    # What only lies beside it is none of it.
    (tmp_path / "notes.txt").write_text("mine")
    assert identity(file) == first
    copies = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-copy"))
    assert identity(copies / file.name) == first


def item(href: str, **facts: object) -> pystac.Item:
    return pystac.Item.from_dict(
        {
            "type": "Feature", "stac_version": "1.0.0", "id": "S1A_1", "geometry": None,
            "properties": {"datetime": "2022-05-01T00:00:00Z"}, "links": [],
            "assets": {"vv": {"href": href, **facts}}, "collection": "sentinel-1-rtc",
        }
    )  # fmt: skip


def test_a_signature_does_not_make_another_image(tmp_path: Path) -> None:
    address = "https://blob.test/vv.tif"
    first = item_identity(item(address))
    assert first == item_identity(item(f"{address}?sig=secret&se=2026"))
    assert first != item_identity(item("https://blob.test/vv2.tif"))
    assert first != item_identity(item(address, **{"file:checksum": "1220ab"}))
    assert first != item_identity(item(address, **{"file:size": 12}))
    (row,) = items_told([item(f"{address}?sig=secret")], "sentinel1")
    assert row["name"] == "sentinel-1-rtc/S1A_1"
    assert "secret" not in str(row)


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_local_image_that_was_replaced_is_another_one(tmp_path: Path, scheme: str) -> None:
    image = tmp_path / "v v.tif"
    image.write_bytes(b"before")
    href = f"{scheme}{image}".replace(" ", "%20") if scheme else str(image)
    first = item_identity(item(href))
    assert first == item_identity(item(href))
    image.write_bytes(b"after!")
    assert first != item_identity(item(href))
