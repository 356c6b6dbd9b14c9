"""What goes wrong between a file and a cube is said, never filled with nodata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import planetary_computer
import planetary_computer.sas
import planetary_computer.settings
import pytest
import rasterio
import servers
from rasterfiles import stac_item, write_tif

import minewatch as mw
from minewatch.sources import load
from minewatch.sources.stac._readers import gdal_environment

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from odc.geo.geobox import GeoBox

NAMED = r"cannot read asset 'vv' of item 'one' \(.*{}.*drop the item, or pass"


@pytest.fixture
def grid() -> GeoBox:
    box = (300000, 2470000, 300200, 2470100)
    return mw.grids.geobox(box, crs="EPSG:32645", resolution=10)


@pytest.fixture
def power(rng: np.random.Generator) -> np.ndarray:
    return rng.random((10, 20)).astype("float32")


def cube(href: str, grid: GeoBox, **more: object) -> xr.DataArray:
    return load([stac_item("one", {"vv": href})], like=grid, **more).vv  # type: ignore[arg-type]


def garbled(tmp_path: Path, power: np.ndarray) -> str:
    """A tiled, compressed file whose header is whole and whose tiles are not."""
    path = tmp_path / "garbled.tif"
    grid = {"crs": "EPSG:32645", "transform": rasterio.Affine(10, 0, 300000, 0, -10, 2470100)}
    size = {"height": 10, "width": 20, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", compress="deflate", **size, **grid) as file:
        file.write(power, 1)
    content = bytearray(path.read_bytes())
    content[-700:] = b"\xff" * 700
    path.write_bytes(content)
    return str(path)


def test_a_missing_file_is_an_error_that_names_it(grid: GeoBox) -> None:
    with pytest.raises(RuntimeError, match=NAMED.format("No such file")):
        cube("/no/such/vv.tif", grid).compute()


def test_404_is_an_error_and_not_nodata(grid: GeoBox, tmp_path: Path) -> None:
    with (
        servers.range_server(tmp_path) as url,
        pytest.raises(RuntimeError, match=NAMED.format("404")),
    ):
        cube(f"{url}/vv.tif", grid, max_retries=0).compute()


def test_garbled_tiles_are_an_error(grid: GeoBox, power: np.ndarray, tmp_path: Path) -> None:
    href = garbled(tmp_path, power)
    with pytest.raises(RuntimeError, match=NAMED.format("")):
        cube(href, grid).compute()
    shifted = mw.grids.geobox((300030, 2470030, 300130, 2470090), crs="EPSG:32645", resolution=7)
    with pytest.raises(RuntimeError, match=NAMED.format("")):  # warped as well
        cube(href, shifted).compute()


def test_a_page_instead_of_an_image_is_an_error(grid: GeoBox, tmp_path: Path) -> None:
    (tmp_path / "vv.tif").write_text("<html>please log in</html>")
    with (
        servers.range_server(tmp_path) as url,
        pytest.raises(RuntimeError, match=NAMED.format("not recognized")),
    ):
        cube(f"{url}/vv.tif", grid).compute()


def test_several_bands_are_an_error(grid: GeoBox, tmp_path: Path) -> None:
    path = tmp_path / "rgb.tif"
    place = {"crs": "EPSG:32645", "transform": rasterio.Affine(10, 0, 300000, 0, -10, 2470100)}
    size = {"height": 10, "width": 20, "count": 3, "dtype": "float32"}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
        file.write(np.ones((3, 10, 20), "float32"))
    with pytest.raises(RuntimeError, match=NAMED.format("it has 3 bands")):
        cube(str(path), grid).compute()


def test_a_file_without_a_place_is_an_error(
    grid: GeoBox, power: np.ndarray, tmp_path: Path
) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        href = write_tif(tmp_path / "vv.tif", power, crs=None)
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        pytest.raises(RuntimeError, match=NAMED.format("it has no CRS")),
    ):
        cube(href, grid).compute()


def test_missing_nan_counts_what_was_lost(grid: GeoBox) -> None:
    lazy = cube("/no/such/vv.tif", grid, missing="nan", chunks={"y": 5, "x": 20})
    with pytest.warns(UserWarning, match="is NaN in") as caught:
        values = lazy.compute(scheduler="synchronous")
    assert bool(values.isnull().all())
    counts = [int(re.findall(r"NaN in (\d+) window", str(w.message))[0]) for w in caught]
    assert sorted(counts) == [1, 2]
    assert "item 'one' (/no/such/vv.tif)" in str(caught[0].message)


def test_a_remote_address_may_not_open_as_vrt(
    grid: GeoBox, power: np.ndarray, tmp_path: Path
) -> None:
    secret = write_tif(tmp_path / "secret" / "secret.tif", power)
    served = tmp_path / "served"
    served.mkdir()
    (served / "vv.tif").write_text(
        '<VRTDataset rasterXSize="20" rasterYSize="10"><SRS>EPSG:32645</SRS>'
        "<GeoTransform>300000, 10, 0, 2470100, 0, -10</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="0">{secret}</SourceFilename><SourceBand>1</SourceBand>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with (
        servers.range_server(served) as url,
        pytest.raises(RuntimeError, match=NAMED.format("not recognized")),
    ):
        cube(f"{url}/vv.tif", grid).compute()
    npt.assert_array_equal(cube(str(served / "vv.tif"), grid)[0], power)  # one's own may


def test_an_item_from_elsewhere_may_not_name_a_local_file(grid: GeoBox) -> None:
    item = stac_item("one", {"vv": "/etc/passwd"})
    item.set_self_href("https://example.com/one.json")
    item.assets["vv"].href = "file:///etc/passwd"
    with pytest.raises(ValueError, match="may not name files of this machine"):
        load([item], like=grid)


def test_a_busy_server_is_asked_again(grid: GeoBox, power: np.ndarray, tmp_path: Path) -> None:
    write_tif(tmp_path / "vv.tif", power)
    left = [2]

    def busy(_: str) -> int | None:
        left[0] -= 1
        return 503 if left[0] >= 0 else None

    with servers.range_server(tmp_path, before=busy) as url:
        npt.assert_array_equal(cube(f"{url}/vv.tif", grid, max_retries=3)[0], power)
    assert left[0] < 0


def test_a_signature_is_made_at_reading_and_again_when_it_has_run_out(
    grid: GeoBox, power: np.ndarray, tmp_path: Path
) -> None:
    write_tif(tmp_path / "vv.tif", power)
    signed: list[str] = []

    def sign(href: str) -> str:
        signed.append(f"{href}?token={len(signed)}")
        return signed[-1]

    def only_the_second(path: str) -> int | None:
        return None if "token=1" in path else 403

    with servers.range_server(tmp_path, before=only_the_second) as url:
        lazy = cube(f"{url}/vv.tif", grid, sign=sign, max_retries=0)
        assert signed == []
        npt.assert_array_equal(lazy[0].compute(scheduler="synchronous"), power)
    assert signed == [f"{url}/vv.tif?token=0", f"{url}/vv.tif?token=1"]


def test_a_stalled_server_ends_in_an_error(grid: GeoBox, tmp_path: Path) -> None:
    with (
        servers.range_server(tmp_path, before=lambda _: servers.Reply(hangs=True)) as url,
        pytest.raises(RuntimeError, match=NAMED.format("")),
    ):
        cube(f"{url}/vv.tif", grid, timeout=0.4, max_retries=0).compute()


def test_an_unsigned_address_of_the_planetary_computer_is_explained(
    grid: GeoBox, tmp_path: Path
) -> None:
    # The same path on this machine: nothing here reaches the network.
    with servers.range_server(tmp_path, before=lambda _: 403) as url:
        lazy = cube(f"{url}/account.blob.core.windows.net/vv.tif", grid, max_retries=0)
        with pytest.raises(RuntimeError, match=r"403.*sign='planetary-computer'"):
            lazy.compute()


def test_planetary_computer_signing_is_a_choice(
    grid: GeoBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def tokens(path: str, _: object) -> dict[str, str]:
        asked.append(path)
        return {"msft:expiry": "2999-01-01T00:00:00Z", "token": "sig=good"}

    blob = "https://account.blob.core.windows.net/container/vv.tif"
    opened: list[str] = []

    def no_network(href: str, **_: object) -> None:
        opened.append(href)
        raise rasterio.errors.RasterioIOError(href)

    monkeypatch.setattr(rasterio, "DatasetReader", no_network)
    monkeypatch.setattr(planetary_computer.sas, "TOKEN_CACHE", {})
    with servers.json_server(tokens) as url:
        settings = planetary_computer.settings.Settings(subscription_key=None, sas_url=url)
        monkeypatch.setattr(planetary_computer.settings.Settings, "get", lambda: settings)
        lazy = cube(blob, grid, sign="planetary-computer")
        assert asked == []
        with pytest.raises(RuntimeError, match="cannot read asset 'vv'"):
            lazy.compute(scheduler="synchronous")
    assert asked == ["/account/container"]  # once; the token serves until its hour is over
    assert opened == [f"{blob}?sig=good"] * 2
    assert cube("https://example.com/vv.tif", grid, sign="planetary-computer").chunks is not None


def test_the_cache_of_decoded_tiles_is_bounded_and_large_enough_to_be_one() -> None:
    """rasterio takes bytes where GDAL's own setting has MB: 256 of them would hold no tile."""
    from rasterio._env import get_gdal_config

    with gdal_environment(timeout=60, max_retries=5).read:
        assert get_gdal_config("GDAL_CACHEMAX") == 256 * 2**20


def test_garbled_tiles_of_a_shifted_file_are_an_error(power: np.ndarray, tmp_path: Path) -> None:
    href = garbled(tmp_path, power)
    shifted = mw.grids.geobox((300030, 2470030, 300330, 2470190), crs="EPSG:32645", resolution=10)
    with pytest.raises(RuntimeError, match=NAMED.format("")):
        cube(href, shifted).compute()
    with pytest.warns(UserWarning, match=r"is NaN in 1 window"):
        lost = cube(href, shifted, missing="nan").compute(scheduler="synchronous")
    assert bool(lost.isnull().all())


def test_a_shifted_file_is_signed_again(power: np.ndarray, tmp_path: Path) -> None:
    write_tif(tmp_path / "vv.tif", power)
    shifted = mw.grids.geobox((299980, 2470000, 300200, 2470100), crs="EPSG:32645", resolution=10)
    signed: list[str] = []

    def sign(href: str) -> str:
        signed.append(f"{href}?token={len(signed)}")
        return signed[-1]

    def only_the_second(path: str) -> int | None:
        return None if "token=1" in path else 403

    with servers.range_server(tmp_path, before=only_the_second) as url:
        lazy = cube(f"{url}/vv.tif", shifted, sign=sign, max_retries=0)
        values = lazy[0].compute(scheduler="synchronous")
    npt.assert_array_equal(values[:, 2:], power)
    assert bool(values[:, :2].isnull().all())
    assert len(signed) == 2
