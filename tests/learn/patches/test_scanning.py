"""A scan is what the obvious loop over windows gives, however the scene is cut."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from distributed import Client, LocalCluster
from laziness import nothing_computes
from numpy import testing as npt

from minewatch.conventions import crs_of
from minewatch.detections import cells, merge_cells, window_squares
from minewatch.learn.patches import channels, fit_network, scan

UTM = "EPSG:32721"
NAMES = ("vv", "vh", "pa")
SIZE = 104
SHAPE = (517, 731)
CHUNKS = [
    {"channel": 3, "y": 100, "x": 100},  # thinner than a window
    {"channel": 1, "y": -1, "x": 200},
    {"channel": 2, "y": 37, "x": 61},
    {"channel": 3, "y": (256, 256, 5), "x": (300, 2, 429)},
    {"channel": 3, "y": (415, 102), "x": (52, 500, 179)},
]


class Logistic:
    """Logistic function of a patch's mean VV and of two corners of its VH.

    The corners make it matter where exactly a window lies, and which way it is turned.
    """

    channels: Any = NAMES
    padding: str | None = None

    def __init__(self, size: int = SIZE) -> None:
        self.size, self.seen, self.largest = size, 0, 0
        self.provenance_ = {"resolution": 10.0}

    def predict_proba(self, patches: Any) -> Any:
        assert patches.shape[1:] == (len(self.channels), self.size, self.size)
        assert np.isfinite(patches).all()
        self.seen += len(patches)
        self.largest = max(self.largest, len(patches))
        score = patches[:, 0].mean(axis=(1, 2)) + patches[:, 1, 0, 0] - patches[:, 1, -1, -1] / 2
        return (1 / (1 + np.exp(-score))).astype(np.float32)


class Convolving(Logistic):
    """The same for all windows of a block, by sums that windows share."""

    padding, stride = "valid", 4

    def predict_windows(self, block: Any, step: int) -> Any:
        block = np.where(np.isfinite(block), block, 0)
        table = np.zeros((block.shape[1] + 1, block.shape[2] + 1))
        table[1:, 1:] = block[0].cumsum(axis=0, dtype=float).cumsum(axis=1)
        top, left = (np.arange(0, length - self.size + 1, step) for length in block.shape[1:])
        low, right = top + self.size, left + self.size
        total = (
            table[np.ix_(low, right)]
            - table[np.ix_(top, right)]
            - table[np.ix_(low, left)]
            + table[np.ix_(top, left)]
        )
        corners = block[1][np.ix_(top, left)] - block[1][np.ix_(low - 1, right - 1)] / 2
        self.seen += total.size
        return (1 / (1 + np.exp(-total / self.size**2 - corners))).astype(np.float32)


def scene_of(values: np.ndarray, **coords: Any) -> xr.DataArray:
    dims = ("channel", "y", "x") if values.ndim == 3 else ("channel", "time", "y", "x")
    rows, columns = values.shape[-2:]
    grid = {"y": 9e6 - 5 - 10.0 * np.arange(rows), "x": 5e5 + 5 + 10.0 * np.arange(columns)}
    scene = xr.DataArray(values, {"channel": list(NAMES), **grid, **coords}, dims, "channels")
    return scene.rio.write_crs(UTM).assign_attrs(units="dB", looks=4.4)


@pytest.fixture
def scene(rng: np.random.Generator) -> xr.DataArray:
    values = rng.normal(size=(3, *SHAPE)).astype("f4")
    values[2, 300, 400] = np.nan  # in four windows
    values[0, 80:, 700:] = -np.inf
    return scene_of(values)


def by_hand(values: np.ndarray, tops: Any, lefts: Any) -> np.ndarray:
    """One window after the other."""
    detector = Logistic()
    out = np.full((len(tops), len(lefts)), np.nan, "f4")
    for (row, column), _ in np.ndenumerate(out):
        window = values[:, tops[row] : tops[row] + SIZE, lefts[column] : lefts[column] + SIZE]
        if np.isfinite(window).all():
            out[row, column] = detector.predict_proba(window[None])[0]
    return out


def starts(length: int, *, flush: bool = False) -> list[int]:
    every = [52 * k for k in range((length - SIZE) // 52 + 1)]
    return [*every, length - SIZE] if flush else every


@pytest.mark.parametrize("flush", [False, True])
def test_a_scan_is_the_slow_loop(scene: xr.DataArray, flush: bool) -> None:
    tops, lefts = (starts(length, flush=flush) for length in SHAPE)
    assert (len(tops), len(lefts)) == ((9, 14) if flush else (8, 13))
    expected = by_hand(scene.values, tops, lefts)
    assert np.isnan(expected).sum() > 4
    for detector in (Logistic(), Convolving()):
        found = scan(scene, detector, flush=flush)
        # Sums in float64 against means in float32, of numbers around 0 that end up around 0.5.
        npt.assert_allclose(found, expected, atol=0 if detector.padding is None else 1e-6)
    assert found.dims == ("y", "x")
    assert found.dtype == np.float32
    # The middle of 104 pixels is the edge between the 52nd and the 53rd.
    npt.assert_array_equal(found.x, 5e5 + 10.0 * (np.array(lefts) + 52))
    npt.assert_array_equal(found.y, 9e6 - 10.0 * (np.array(tops) + 52))
    assert crs_of(found) == crs_of(scene)
    assert found.name == "probability"
    assert found.attrs == {
        "long_name": "probability of a mine in the window",
        "units": "1",
        "looks": 4.4,
        "window_size": 104,
        "step": 52,
        "cell_size": 520.0,
        "mode": "convolution",
    }


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("flush", [False, True])
def test_chunks_do_not_matter(scene: xr.DataArray, chunks: Any, flush: bool) -> None:
    before = scene.copy(deep=True)
    whole = scan(scene, Logistic(), flush=flush)
    xr.testing.assert_identical(scene, before)
    with nothing_computes():
        windows = scan(scene.chunk(chunks), Logistic(), flush=flush)
        convolved = scan(scene.chunk(chunks), Convolving(), flush=flush)
    assert windows.chunks is not None
    xr.testing.assert_identical(windows.compute(), whole)
    npt.assert_allclose(convolved.compute(), whole, atol=1e-6)
    part = {"y": slice(2, 5), "x": slice(3, 4)}
    xr.testing.assert_identical(windows.isel(part).compute(), whole.isel(part))


@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
@pytest.mark.parametrize("kind", [Logistic, Convolving])
def test_each_window_is_seen_once(chunks: Any, kind: Any, rng: np.random.Generator) -> None:
    detector = kind()
    scene = scene_of(rng.normal(size=(3, *SHAPE)).astype("f4"))
    # One thread, so that the detector counts right.
    scan(scene.chunk(chunks), detector).compute(scheduler="synchronous")
    assert detector.seen == 8 * 13
    assert detector.largest <= 64


def test_windows_with_gaps_never_reach_the_detector(scene: xr.DataArray) -> None:
    detector = Logistic()
    found = scan(scene, detector)
    assert detector.seen == int(found.notnull().sum())
    assert scan(scene * np.nan, Convolving()).isnull().all()


def test_dates_are_scanned_one_by_one(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 4, 230, 300)).astype("f4")
    times = np.datetime64("2022-05-01", "ns") + np.arange(4) * np.timedelta64(12, "D")
    scene = scene_of(values, time=times, orbit=("time", [1, 2, 1, 2]))
    for chunks in ({"time": 1, "y": 150, "x": 150}, {"time": 3, "channel": 1, "x": 60}):
        found = scan(scene.chunk(chunks), Logistic())
        assert found.dims == ("time", "y", "x")
        assert found.orbit.values.tolist() == [1, 2, 1, 2]
        for date in range(4):
            expected = scan(scene.isel(time=date), Logistic())
            npt.assert_array_equal(found[date], expected)
    assert scan(scene.transpose("time", "y", "x", "channel"), Logistic()).equals(found.compute())


def test_windows_run_from_north_to_south_and_west_to_east(scene: xr.DataArray) -> None:
    expected = scan(scene, Logistic())
    for turn in ({"y": slice(None, None, -1)}, {"x": slice(None, None, -1)}):
        turned = scan(scene.isel(turn).chunk(y=100), Logistic())
        xr.testing.assert_identical(turned.compute(), expected)


def test_channels_go_by_name(scene: xr.DataArray) -> None:
    expected = scan(scene, Logistic())
    more = scene.sel(channel=["pa", "vh", "vv", "vh"]).assign_coords(
        channel=["pa", "vh", "vv", "angle"]
    )
    xr.testing.assert_identical(scan(more.chunk(x=99), Logistic()).compute(), expected)


def test_cells_lie_on_the_lattice_of_the_scene(scene: xr.DataArray) -> None:
    found = cells(scan(scene.chunk(y=128, x=128), Logistic()), threshold=0.0)
    assert found.total_bounds[[0, 3]].tolist() == [5e5, 9e6]
    edges = found.bounds.to_numpy() - [5e5, 9e6, 5e5, 9e6]
    npt.assert_array_equal(edges % 520, 0)
    assert (found.geometry.area == 520**2).all()


def test_windows_flush_with_the_edge_are_squares_but_no_cells(rng: np.random.Generator) -> None:
    scene = scene_of(rng.normal(size=(3, 200, 300)).astype("f4"))
    windows = scan(scene, Logistic(), flush=True)
    with pytest.raises(ValueError, match=r"half a window apart, 520, got 440 .*window_squares"):
        cells(windows)
    squares = window_squares(windows, threshold=0.0)
    assert squares.total_bounds.tolist() == [5e5, 9e6 - 2000, 5e5 + 3000, 9e6]
    # Of the two rows and four columns of windows that lie on the lattice, and the rims beside.
    assert len(squares) == 4 * 3 * 5
    npt.assert_allclose(squares.geometry.area, 520**2)
    on_lattice = merge_cells(window_squares(windows[:-1, :-1], threshold=0.0))
    assert len(on_lattice) == 3 * 5
    fitting = scene.isel(y=slice(156), x=slice(104))
    xr.testing.assert_identical(
        scan(fitting, Logistic(), flush=True), scan(fitting, Logistic(), flush=False)
    )


def test_another_step_is_no_lattice_of_cells(scene: xr.DataArray) -> None:
    windows = scan(scene, Logistic(), step=26)
    xr.testing.assert_equal(windows[::2, ::2], scan(scene, Logistic()))
    with pytest.raises(ValueError, match="half a window apart, 520, got 260"):
        cells(windows)


def test_one_window_makes_four_cells(scene: xr.DataArray) -> None:
    windows = scan(scene.isel(y=slice(SIZE), x=slice(SIZE)), Logistic())
    assert windows.shape == (1, 1)
    assert len(cells(windows, threshold=0.0)) == 4


def test_a_window_of_odd_size_has_its_centre_in_a_pixel(scene: xr.DataArray) -> None:
    windows = scan(scene.isel(y=slice(9), x=slice(9)), Logistic(size=5))
    npt.assert_array_equal(windows.x, scene.x[[2, 4, 6]])
    assert windows.attrs["step"] == 2


def test_windows_have_a_transform_of_their_own(scene: xr.DataArray) -> None:
    scene.rio.write_transform(inplace=True)
    assert "GeoTransform" in scene.spatial_ref.attrs
    windows = scan(scene, Logistic())
    assert windows.rio.bounds() == (5e5 + 260, 9e6 - 520 * 8 - 260, 5e5 + 520 * 13 + 260, 9e6 - 260)
    assert "GeoTransform" in scene.spatial_ref.attrs


def test_a_scene_without_a_crs_is_scanned(scene: xr.DataArray) -> None:
    bare = scene.drop_vars("spatial_ref")
    npt.assert_array_equal(scan(bare, Logistic()), scan(scene, Logistic()))


def test_the_graph_holds_the_detector_once_and_two_tasks_a_block(scene: xr.DataArray) -> None:
    detector = Logistic()
    detector.provenance_["weights"] = 2**20 * "x"
    lazy = scene.chunk(channel=-1, y=128, x=128)
    blocks = 5 * 6
    found = scan(lazy, detector)
    graph = found.__dask_graph__()
    assert len(graph) - len(lazy.__dask_graph__()) <= 2 * blocks + 1
    assert found.data.numblocks == (3, 5)  # nothing begins in the last ones
    assert len(pickle.dumps(dict(graph.layers[found.data.name]))) < 1e5


@pytest.mark.slow
def test_a_cluster_gives_the_same(scene: xr.DataArray) -> None:
    expected = scan(scene, Logistic())
    lazy = scene.chunk(channel=-1, y=150, x=150)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        xr.testing.assert_identical(scan(lazy, Logistic()).compute(), expected)
        npt.assert_allclose(scan(lazy, Convolving()).compute(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.isel(y=slice(103)), ValueError, "104 by 104 pixels, got 103 by 731"),
        (lambda s: s.sel(channel=["vv", "vh"]), KeyError, r"'pa'\], .*\['vv', 'vh'\].*lacks"),
        (lambda s: s.drop_vars("channel"), KeyError, "no names"),
        (lambda s: s.drop_vars("x"), ValueError, "coordinates y and x; x is lacking"),
        (lambda s: s.assign_coords(x=s.x * 2), ValueError, "square pixels, got 20 by 10"),
        (lambda s: s.assign_coords(x=s.x**2), ValueError, "evenly along x"),
        (lambda s: s.assign_coords(x=s.x * 2, y=s.y * 2), ValueError, "pixels of 10, .* has 20"),
        (lambda s: s.isel(channel=0), ValueError, r"\('y', 'x'\); use learn.patches.channels"),
        (lambda s: s.to_dataset(dim="channel"), TypeError, "got Dataset"),
    ],
)
def test_scenes_that_do_not_fit_are_refused(
    scene: xr.DataArray, change: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        scan(change(scene), Logistic())


def test_settings_that_do_not_fit_are_refused(scene: xr.DataArray) -> None:
    for step in (0, 105, 52.0, True):
        with pytest.raises(ValueError, match=f"step of 1 to 104 .* got {step}; .* 52"):
            scan(scene, Logistic(), step=step)
    with pytest.raises(ValueError, match="no mode 'fast'"):
        scan(scene, Logistic(), mode="fast")
    with pytest.raises(ValueError, match="padding='valid' alone, got None"):
        scan(scene, Logistic(), mode="convolution")
    with pytest.raises(ValueError, match=r"multiples of 4 .* got 50; use e.g. 48"):
        scan(scene, Convolving(), step=50, mode="convolution")
    assert scan(scene, Convolving(), step=50).attrs["mode"] == "windows"
    with pytest.raises(TypeError, match="dict has no predict_proba, size, channels"):
        scan(scene, {})


def test_channels_made_otherwise_than_the_detector_learnt_are_told(
    rng: np.random.Generator,
) -> None:
    power = scene_of(rng.gamma(4.4, 0.1, (3, 110, 120)).astype("f4")).assign_attrs(units="1")
    backscatter = power.to_dataset(dim="channel")[["vv", "vh"]]
    detector = Logistic()
    made = channels(backscatter)
    detector.provenance_["channels_made"] = dict(made.attrs)
    expected = scan(made, detector)
    # As kept in a file, where None is left out; other attributes do not matter.
    kept = {"averaging": "difference", "looks": 4.4, "window": 3, "orbit": "ascending"}
    detector.provenance_["channels_made"] = kept
    xr.testing.assert_identical(scan(made, detector), expected)
    with pytest.raises(ValueError, match=r"averaging='difference', .* has 'mean'; use channels"):
        scan(channels(backscatter, averaging="mean"), detector)
    for other, told in (
        ({"window": None}, r"window=3, looks=4.4, floor=None, .* window=None, floor=None: "),
        ({"looks": 18.0}, "made with window=3, looks=18.0, floor=None: "),
        ({"floor": -40.0}, "made with window=3, looks=4.4, floor=-40.0: "),
    ):
        with pytest.warns(UserWarning, match=told) as warned:
            scan(channels(backscatter, **other), detector)
        assert warned[0].filename == __file__
    # The third channel is no matter to who does not look at it, and who does not tell is believed.
    detector.channels = ("vv", "vh")
    assert scan(channels(backscatter, averaging="mean"), detector).notnull().any()
    scan(channels(backscatter, window=None).drop_attrs(), detector)
    detector.provenance_ = {}
    scan(channels(backscatter, window=None), detector)


@pytest.fixture(scope="module", params=["same", "valid"])
def network(request: pytest.FixtureRequest) -> Any:
    """Taught to tell bright patches, for seconds only."""
    rng = np.random.default_rng(4)
    label = np.arange(32) % 2
    values = rng.normal(size=(32, 3, SIZE, SIZE)) + label[:, None, None, None]
    patches = xr.Dataset(
        {"patches": (("patch", "channel", "row", "column"), values.astype("f4"))},
        {"channel": list(NAMES), "label": ("patch", label), "point": ("patch", np.arange(32))},
        {"resolution": 10.0},
    )
    return fit_network(patches, padding=request.param, epochs=2, batch=16, threads=1)


@pytest.fixture
def uneven(rng: np.random.Generator) -> xr.DataArray:
    """A scene that grows brighter to the east, with a gap."""
    values = rng.normal(size=(3, 470, 530)).astype("f4") + np.linspace(-1, 2, 530, dtype="f4")
    values[1, 200:210, 300] = np.nan
    return scene_of(values)


@pytest.mark.cnn
def test_a_network_convolves_as_it_looks_at_windows(network: Any, uneven: xr.DataArray) -> None:
    """To the 1e-4 that is asked for; sums in another order differ by a thousandth of that."""
    chunked = uneven.chunk(channel=1, y=150, x=170)
    for flush in (False, True):
        windows = scan(uneven, network, flush=flush, mode="windows")
        assert float(windows.max() - windows.min()) > 0.1  # it tells windows apart
        assert windows.isnull().any()
        # Every window by itself gives the same bits, whatever comes with it.
        lazy = scan(chunked, network, flush=flush, mode="windows")
        xr.testing.assert_identical(lazy.compute(), windows)
        auto = scan(chunked, network, flush=flush)
        assert auto.attrs["mode"] == {"same": "windows", "valid": "convolution"}[network.padding]
        npt.assert_allclose(auto.compute(), windows, atol=1e-4)
        npt.assert_allclose(scan(uneven, network, flush=flush), windows, atol=1e-4)


@pytest.mark.cnn
def test_the_zeros_beside_a_patch_are_no_part_of_a_scene(
    network: Any, uneven: xr.DataArray
) -> None:
    if network.padding == "same":
        with pytest.raises(ValueError, match="padding='valid' alone, got 'same'"):
            scan(uneven, network, mode="convolution")
    else:
        with pytest.raises(ValueError, match="multiples of 4 pixels"):
            scan(uneven, network, mode="convolution", step=26)
        half = scan(uneven, network, step=26)
        assert half.attrs["mode"] == "windows"
        npt.assert_allclose(half[::2, ::2], scan(uneven, network), atol=1e-4)


@pytest.mark.cnn
@pytest.mark.slow
def test_a_network_travels_to_workers(network: Any, uneven: xr.DataArray) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        found = scan(uneven.chunk(channel=-1, y=150, x=170), network).compute()
    npt.assert_allclose(found, scan(uneven, network, mode="windows"), atol=1e-4)


@pytest.mark.cnn
def test_backscatter_becomes_windows_whatever_its_chunks(
    network: Any, rng: np.random.Generator
) -> None:
    """The whole chain: Lee, decibels, windows."""
    power = scene_of(rng.gamma(4.4, 0.1, (3, 300, 330)).astype("f4")).assign_attrs(units="1")
    backscatter = power.to_dataset(dim="channel")[["vv", "vh"]]
    whole = scan(channels(backscatter), network)
    for chunks in ({"y": 110, "x": 120}, {"y": 64, "x": -1}):
        lazy = scan(channels(backscatter.chunk(chunks)), network)
        npt.assert_allclose(lazy.compute(), whole, atol=1e-4)
