"""Files and answers from strangers stay data: nothing in them runs, leads elsewhere or escapes."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numcodecs
import numpy as np
import pytest
import rasterio
import servers
from rasterfiles import stac_item, write_tif

import minewatch as mw
from minewatch import learn, sources, store
from minewatch.learn import patches, segment
from minewatch.sources.coherence import _snap
from minewatch.sources.stac._addresses import require_plain
from minewatch.sources.stac._calibration import parsed_calibration

if TYPE_CHECKING:
    from collections.abc import Callable

GRID = mw.grids.geobox((300000, 2470000, 300200, 2470100), crs="EPSG:32645", resolution=10)


class Trap:
    """What makes a file where it says when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_the_trap_springs_where_a_pickle_is_read(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


# Stores ------------------------------------------------------------------------------------------

PICKLE, TEXT = {"id": "pickle", "protocol": 5}, {"id": "vlen-utf8"}
FLOATS = {"id": "delta", "dtype": "<f4"}


def trapped_store(path: Path, name: str, sprung: Path, **meta: Any) -> None:
    """A store of Zarr 2 with one array whose only chunk is a pickle."""
    held = np.empty(1, object)
    held[0] = Trap(sprung)
    (path / name).mkdir(parents=True)
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    about = {
        "zarr_format": 2, "shape": [1, 1], "chunks": [1, 1], "dtype": "|O", "order": "C",
        "compressor": None, "fill_value": None, "filters": None, **meta,
    }  # fmt: skip
    (path / name / ".zarray").write_text(json.dumps(about))
    (path / name / ".zattrs").write_text('{"_ARRAY_DIMENSIONS": ["a", "b"]}')
    (path / name / "0.0").write_bytes(numcodecs.Pickle().encode(held))


@pytest.mark.parametrize(
    "meta",
    [
        {"filters": [PICKLE]},
        {"filters": [TEXT, PICKLE]},
        {"filters": [TEXT], "compressor": PICKLE},
        {"dtype": "<f4", "fill_value": 0, "compressor": PICKLE},
        {"dtype": "<f4", "fill_value": 0, "filters": [FLOATS, PICKLE]},
    ],
)
def test_a_store_of_python_objects_is_refused_and_never_run(
    tmp_path: Path, meta: dict[str, Any]
) -> None:
    sprung = tmp_path / "sprung"
    trapped_store(tmp_path / "tai.zarr", "tai", sprung, **meta)
    with pytest.raises(ValueError, match=r"tai\.zarr holds Python objects in 'tai'"):
        store.open_cube(tmp_path / "tai.zarr")
    trapped_store(tmp_path / "a.znap", "i_VV_10Mar2023", sprung, **meta)
    with pytest.raises((ValueError, RuntimeError)):
        sources.slc.open_stack(tmp_path / "a.znap").compute()
    assert not sprung.exists()


def test_an_escape_does_not_hide_a_codec(tmp_path: Path) -> None:
    trapped_store(tmp_path / "tai.zarr", "tai", tmp_path / "sprung", filters=[TEXT, PICKLE])
    about = tmp_path / "tai.zarr" / "tai" / ".zarray"
    about.write_text(about.read_text().replace('"pickle"', '"\\u0070ickle"'))
    with pytest.raises(ValueError, match="holds Python objects in 'tai'"):
        store.open_cube(tmp_path / "tai.zarr")
    assert not (tmp_path / "sprung").exists()


def test_arrays_of_objects_beside_others_are_refused_too(tmp_path: Path) -> None:
    """Small coordinates are read when a store is opened: an object among them would run then."""
    import xarray as xr

    layer = xr.DataArray(np.zeros((2, 2), "f4"), dims=("y", "x"), name="tai")
    layer.to_dataset().to_zarr(tmp_path / "tai.zarr", zarr_format=2, consolidated=True)
    trapped_store(tmp_path / "tai.zarr", "site", tmp_path / "sprung", filters=[PICKLE])
    with pytest.raises(ValueError, match="holds Python objects in 'site'"):
        store.open_cube(tmp_path / "tai.zarr", name="tai")
    assert not (tmp_path / "sprung").exists()


# Models ------------------------------------------------------------------------------------------


def of_torch(content: bytes) -> bytes:
    """An archive as ``torch.save`` makes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


@pytest.mark.parametrize(
    "load",
    [learn.load_model, patches.load_detector, segment.load_segmenter],
    ids=lambda load: load.__name__,
)
@pytest.mark.parametrize("name", ["model.npz", "model.zip", "model.skops", "model.pt"])
def test_no_model_is_unpickled(tmp_path: Path, load: Callable[[Path], Any], name: str) -> None:
    sprung, path = tmp_path / "sprung", tmp_path / name
    trap = pickle.dumps(Trap(sprung))
    objects = io.BytesIO()
    np.savez(objects, header=np.array([Trap(sprung)], object), digest=np.zeros(32, "u1"))
    for content in (trap, of_torch(trap), objects.getvalue()):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=name) as got:
            load(path)
        assert "\n" not in str(got.value)
    assert not sprung.exists()


# Addresses ---------------------------------------------------------------------------------------

VRT = (
    '<VRTDataset rasterXSize="20" rasterYSize="10"><VRTRasterBand dataType="Float32" band="1">'
    "<SimpleSource><SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
)

ODD = [
    "vrt://{}?bands=1",
    "/vsicurl/http://example.org/vv.tif",
    "/vsizip/vsicurl/http://example.org/a.zip/vv.tif",
    "file:///vsicurl/http://example.org/vv.tif",
    "file:///vsizip/{}",
    "file:///%76sizip/{}",
    "file://localhost/vsizip/{}",
    'file://NETCDF:"{}":vv',
    "/vsistdin/",
    "zip://{}!vv.tif",
    "zip+https://example.org/a.zip!vv.tif",
    "ftp://example.org/vv.tif",
    "data:image/tiff;base64,AAAA",
    'NETCDF:"{}":vv',
    "HDF5:{}://vv",
    "GTIFF_DIR:1:{}",
    "WMTS:http://example.org/wmts.xml",
    "http:vv.tif",
    "https:///vv.tif",
    VRT,
    "file:///" + VRT,
    '{{"type": "gdal_streamed_alg", "command_line": "gdal raster pipeline read {}"}}',
    "",
]


@pytest.mark.parametrize("pattern", ODD)
def test_an_item_may_name_plain_files_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """Refused by name, before GDAL sees it, whether the item lies here or comes from elsewhere."""
    path = write_tif(tmp_path / "vv.tif", np.ones((10, 20), "float32"))
    monkeypatch.setattr(rasterio, "DatasetReader", None)
    item = stac_item("one", {"vv": pattern.format(path)})
    with pytest.raises(ValueError, match=r"only paths and addresses with file, "):
        sources.load([item], like=GRID)
    item.set_self_href("https://example.org/one.json")
    if pattern not in ("", "http:vv.tif", "https:///vv.tif") and not pattern.startswith("<"):
        item.assets["vv"].href = pattern.format(path)
        with pytest.raises(ValueError, match="may not name files of this machine"):
            sources.load([item], like=GRID)


def test_plain_files_are_read_wherever_they_lie(tmp_path: Path) -> None:
    ones = np.ones((10, 20), "float32")
    path = Path(write_tif(tmp_path / "a: b & {c}.tif", ones))
    odd = Path(write_tif(tmp_path / "50% #1?.tif", ones))
    with servers.range_server(tmp_path) as url:
        for href in (
            *(str(path), f"file://{path}", path.as_uri(), f"file://localhost{path}"),
            *(str(odd), f"file://{odd}", odd.as_uri()),
            f"{url}/a%3A%20b%20&%20%7Bc%7D.tif",
        ):
            cube = sources.load([stac_item("one", {"vv": href})], like=GRID, max_retries=0)
            np.testing.assert_array_equal(cube.vv[0].compute(), ones)


@pytest.mark.parametrize(
    "href",
    [
        "C:\\images\\B04.tif",
        "c:/images/B04.tif",
        "images/B04.tif",
        "../S1A_IW:vv.tif",
        "S2A.SAFE",
        "https://example.org/B04.tif?sig=a%3Cb<c",
        *(f"{scheme}://bucket/B04.tif" for scheme in ("s3", "S3", "gs", "az")),
    ],
)
def test_addresses_of_plain_files_stay_as_they_are(href: str) -> None:
    assert require_plain(href, item="one", asset="vv") == href


def test_an_image_at_an_abfs_address_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By GDAL's own way to Azure, which is told of a server here instead."""
    ones = np.ones((10, 20), "float32")
    (tmp_path / "dev" / "images").mkdir(parents=True)
    write_tif(tmp_path / "dev" / "images" / "vv.tif", ones)
    with servers.range_server(tmp_path) as url:
        monkeypatch.setenv(
            "AZURE_STORAGE_CONNECTION_STRING",
            f"BlobEndpoint={url}/dev;SharedAccessSignature=sig=none",
        )
        item = stac_item("one", {"vv": "abfs://images/vv.tif"})
        cube = sources.load([item], like=GRID, max_retries=0)
        np.testing.assert_array_equal(cube.vv[0].compute(), ones)


@pytest.mark.parametrize("scheme", ["abfs", "abfss"])
def test_an_abfs_address_that_says_its_account_is_a_blob(scheme: str) -> None:
    href = f"{scheme}://images@account.dfs.core.windows.net/a/B04.tif"
    blob = "https://account.blob.core.windows.net/images/a/B04.tif"
    assert require_plain(href, item="one", asset="vv") == blob


def test_a_list_saved_here_may_name_what_was_fetched_since(tmp_path: Path) -> None:
    """Its items keep their links to the server; assets that are not here stay there."""
    path = write_tif(tmp_path / "vv.tif", np.ones((10, 20), "float32"))
    record = stac_item("one", {"vv": path, "vh": path}).to_dict(include_self_link=False)
    record["links"] = [{"rel": "self", "href": "https://example.org/items/one"}]
    for href in (path, Path(path).as_uri()):
        record["assets"]["vv"]["href"], record["assets"]["vh"]["href"] = href, "./vh.tif"
        content = {"type": "FeatureCollection", "features": [record]}
        (tmp_path / "items.json").write_text(json.dumps(content))
        (item,) = sources.search(tmp_path / "items.json")
        assert item.assets["vh"].href == "https://example.org/items/vh.tif"
        assert float(sources.load([item], variables=["vv"], like=GRID).vv.min()) == 1


def test_a_catalogue_from_elsewhere_does_not_lead_to_files_of_this_machine(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    item = stac_item("secret", {}).to_dict(include_self_link=False)
    secret.write_text(json.dumps(item))
    served = tmp_path / "served"
    served.mkdir()
    about = {"type": "Catalog", "id": "a", "description": "a", "stac_version": "1.0.0"}
    for href in (secret.as_uri(), str(secret)):
        link = {"rel": "item", "href": href, "type": "application/json"}
        (served / "catalog.json").write_text(json.dumps({**about, "links": [link]}))
        with (
            servers.range_server(served) as url,
            pytest.raises(ValueError, match="may not name files of this machine"),
        ):
            sources.search(f"{url}/catalog.json")
    (found,) = sources.search(served)  # one's own may
    assert found.id == "secret"


# Texts -------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY b{i + 1} "{f"&b{i};" * 10}">' for i in range(9))
BOMB = f'<!DOCTYPE l [<!ENTITY b0 "{"x" * 1000}">{LAUGHS}]><l>&b9;</l>'
READERS: dict[str, Callable[[bytes], Any]] = {
    "granule angles": lambda xml: sources.angles.granule_angles(xml, GRID),
    "calibration": parsed_calibration,
    "header of SNAP": _snap.header,
}


@pytest.mark.parametrize("reader", READERS)
def test_xml_grows_no_further_and_reads_no_other_file(tmp_path: Path, reader: str) -> None:
    (tmp_path / "secret").write_text("the-secret-itself")
    outside = f'<!DOCTYPE l [<!ENTITY a SYSTEM "{(tmp_path / "secret").as_uri()}">]><l>&a;</l>'
    hidden = f'<!DOCTYPE l [<!ENTITY % a SYSTEM "{(tmp_path / "secret").as_uri()}"> %a;]><l/>'
    for text in (BOMB, outside, hidden, '<!DOCTYPE l SYSTEM "http://example.org/l.dtd"><l/>'):
        for code in ("utf-8", "utf-16"):
            with pytest.raises(ValueError, match="declares a document type") as got:
                READERS[reader](text.encode(code))
            assert "the-secret-itself" not in str(got.value)
