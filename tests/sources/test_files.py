from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from minewatch.sources._files import dates_by_template, dates_in, found

if TYPE_CHECKING:
    from pathlib import Path


def days(name: str) -> list[str]:
    return [str(date)[:10] for date in dates_in(name)]


def test_dates_in_all_their_forms() -> None:
    assert days("S1AA_20180106T001559_20180130T001558_VVP024_INT80_G_ueF_5A3B_corr.tif") == [
        "2018-01-06",
        "2018-01-30",
    ]
    assert days("coh_IW1_VV_10Jul2018_22Jul2018_S") == ["2018-07-10", "2018-07-22"]
    assert days("openEO_2024-08-09Z.tif") == ["2024-08-09"]
    assert days("S1_123_111111s1n02-111111s2n01_IW_20240101_20240115_VV_INT80_AEB4") == [
        "2024-01-01",
        "2024-01-15",
    ]
    assert days("burst_372326_99999999_31Feb2020_120Mar2023_12Mai2023.tif") == []
    assert str(dates_in("x_2020-06-04T02:23:12_")[0]) == "2020-06-04T02:23:12.000000000"


def test_templates_say_where_dates_are() -> None:
    told = dates_by_template("a_20230324-12Mar2023.tif", "*_{secondary}-{reference}.tif")
    assert told["reference"] == np.datetime64("2023-03-12")
    assert told["secondary"] == np.datetime64("2023-03-24")
    assert dates_by_template("b_20230324.tif", "*_{secondary}-{reference}.tif") == {}
    assert dates_by_template("20239924.tif", "{reference}.tif") == {}
    assert dates_by_template("239924.tif", "{reference:%y%m%d}.tif") == {}
    assert dates_by_template("(1)+.tif_20230324", "(1)+.tif_{reference}") != {}


def test_folders_may_be_several(tmp_path: Path) -> None:
    for name in ("one/a.tif", "two/deep/b.tif", "two/c.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    both = found([tmp_path / "one", str(tmp_path / "two")], ("*.tif",), by="f")
    assert [path.name for path in both] == ["a.tif", "b.tif"]
    assert len(found([tmp_path / "one", tmp_path / "two/c.txt"], ("*.tif",), by="f")) == 2
    assert len(found(str(tmp_path / "t*"), ("*.tif",), by="f")) == 1  # a glob may name folders
    with pytest.raises(FileNotFoundError, match="give a glob or the paths"):
        found([tmp_path / "one"], ("*.h5",), by="f")
    with pytest.raises(FileNotFoundError, match="check the paths"):
        found([tmp_path / "three"], ("*.tif",), by="f")
