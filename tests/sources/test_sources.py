from __future__ import annotations

import subprocess
import sys

import pytest

import minewatch as mw


def test_names_lead_where_they_say() -> None:
    assert mw.sources.search is mw.sources.stac.search
    assert mw.sources.load is mw.sources.stac.load
    assert mw.sources.collections.SENTINEL_2_L2A.id == "sentinel-2-l2a"
    assert callable(mw.sources.slc.open_stack)
    assert callable(mw.sources.coherence.open_stack)
    assert callable(mw.sources.landsat.open_scene)
    assert dir(mw.sources) == sorted(mw.sources.__all__)
    with pytest.raises(AttributeError, match="it has search, load, collections"):
        _ = mw.sources.sentinel2


def test_readers_are_imported_when_they_read() -> None:
    heavy = ("stackstac", "pystac_client", "pystac", "rasterio", "zarr", "h5py", "scipy")
    code = (
        "import sys\nfrom minewatch.sources import stac, slc, landsat, collections\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
