"""Files from strangers stay data: they are read, or refused with what to do, and nothing else."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import pytest
from productfiles import write_bands
from rasterfiles import write_tif

from minewatch.sources.coherence import _snap as snap
from minewatch.sources.coherence import open_stack

if TYPE_CHECKING:
    from pathlib import Path

VALUES = np.array([[0.1, 0.5, 0.9], [0.2, 0.3, 1.0]], "float32")
NAME = "20200101_20200113_coh.tif"


def test_a_list_of_other_files_is_no_image(tmp_path: Path) -> None:
    write_tif(tmp_path / "elsewhere.tif", VALUES)
    (tmp_path / NAME).write_text(
        '<VRTDataset rasterXSize="3" rasterYSize="2"><VRTRasterBand dataType="Float32" band="1">'
        f"<SimpleSource><SourceFilename>{tmp_path}/elsewhere.tif</SourceFilename>"
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(ValueError, match="give the images, or name it"):
        open_stack(tmp_path / NAME)


def test_complex_numbers_are_no_coherence(tmp_path: Path) -> None:
    write_tif(tmp_path / NAME, VALUES.astype("complex64"))
    with pytest.raises(ValueError, match="is complex, not coherence"):
        open_stack(tmp_path)


def test_names_that_gdal_would_read_are_refused_where_they_matter(tmp_path: Path) -> None:
    odd = tmp_path / "a?bands=2&b 20200101_20200113_coh.tif"
    write_tif(odd, VALUES)
    npt.assert_array_equal(open_stack(tmp_path).values[0], VALUES)
    odd.unlink()
    write_bands(odd, {"coh": VALUES, "other": VALUES})
    with pytest.raises(ValueError, match="rename it"):
        open_stack(tmp_path)


def test_a_zip_is_read_in_place_and_its_text_to_a_limit(tmp_path: Path) -> None:
    write_tif(tmp_path / "one.tif", VALUES)
    name = "S1AA_20200101T000000_20200113T000000_VVP012_INT80_G_ueF_1234"
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "one.tif", f"{name}/{name}_corr.tif")
        archive.writestr(f"{name}/{name}.txt", "Baseline: 10\n" + " " * 50_000_000)
    (tmp_path / "one.tif").unlink()
    cube = open_stack(tmp_path)
    npt.assert_array_equal(cube.values[0], VALUES)
    assert float(cube.perpendicular_baseline[0]) == 10
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match="is no zip that can be opened"):
        open_stack(tmp_path)


def test_a_tag_that_says_more_than_there_is_is_passed_over(tmp_path: Path) -> None:
    write_tif(tmp_path / NAME, VALUES)
    content = bytearray((tmp_path / NAME).read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    entries = content[start + 2 : start + 2 + 12 * count]
    struct.pack_into("<I", content, 4, len(content))
    liar = struct.pack("<HHII", snap.TAG, 2, 0xFFFFFFFF, 8)
    content += struct.pack("<H", count + 1) + entries + liar + struct.pack("<I", 0)
    (tmp_path / NAME).write_bytes(content)
    assert snap.embedded(tmp_path / NAME) is None
    npt.assert_array_equal(open_stack(tmp_path).values[0], VALUES)


@pytest.mark.parametrize(
    "xml",
    [
        "<D><Spectral_Band_Info><BAND_INDEX>x</BAND_INDEX></Spectral_Band_Info></D>",
        '<D><MDElem name="Baselines"><MDElem name="Reference: 01Jan2020"><MDElem '
        'name="Secondary: 13Jan2020"><MDATTR name="Perp Baseline">far</MDATTR></MDElem></MDElem>'
        "</MDElem></D>",
    ],
)
def test_a_header_with_odd_numbers_tells_less(xml: str) -> None:
    assert snap.header(xml).baselines == {}


def test_a_header_cannot_grow_or_read_other_files() -> None:
    inside = "".join(f'<!ENTITY b{i + 1} "{f"&b{i};" * 10}">' for i in range(9))
    bomb = f'<!DOCTYPE l [<!ENTITY b0 "{"x" * 1000}">{inside}]><l>&b9;</l>'
    for xml in (bomb, '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/hosts">]><D>&a;</D>'):
        with pytest.raises(ValueError, match="export the product anew"):
            snap.header(xml)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"links": null}', "two dates in each name"),
        ('{"links": ["x", {"rel": "derived_from"}]}', "two dates in each name"),
        ('{"providers": [{"InSAR_pairs": [7, null]}]}', "two dates in each name"),
    ],
)
def test_a_job_record_that_is_none_says_so(tmp_path: Path, job: str, said: str) -> None:
    write_tif(tmp_path / "openEO_2020-01-01Z.tif", VALUES)
    (tmp_path / "job-results.json").write_text(job)
    with pytest.raises(ValueError, match=said):
        open_stack(tmp_path)


@pytest.mark.parametrize("text", [b"Baseline: junk\n", b"Baseline: 1e400\n", b"\xff\xfe"])
def test_a_text_beside_a_raster_that_tells_no_baseline_leaves_it_unknown(
    tmp_path: Path, text: bytes
) -> None:
    write_tif(tmp_path / "S1_20200101_20200113_corr.tif", VALUES)
    (tmp_path / "S1_20200101_20200113.txt").write_bytes(text)
    assert np.isnan(open_stack(tmp_path).perpendicular_baseline.values).all()


def test_a_template_that_is_none_says_how_one_is_written(tmp_path: Path) -> None:
    write_tif(tmp_path / NAME, VALUES)
    with pytest.raises(ValueError, match="is no template"):
        open_stack(tmp_path, names="{reference}_{")


def test_the_longer_ending_is_found_too(tmp_path: Path) -> None:
    write_tif(tmp_path / "20200101_20200113_coh.tiff", VALUES)
    assert open_stack(tmp_path).sizes["pair"] == 1
