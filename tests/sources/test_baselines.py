from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from minewatch.sources import _baselines as baselines

if TYPE_CHECKING:
    from pathlib import Path


def test_gamma_tables_are_read_at_their_centre(tmp_path: Path) -> None:
    path = tmp_path / "20180106-20180130_VV_bperp.par"
    rows = "\n".join(
        f"{line:6d} {sample:6d} 0.0 39.4 4.4 27.5 22.1 {line / 100 + sample / 10:.4f} 39.7"
        for line in (0, 500, 1000)
        for sample in (0, 200, 400)
    )
    path.write_text(f"interferogram lines: 4541   range samples/line: 8514\n line range\n{rows}\n")
    assert baselines.gamma_baseline(path) == 25  # line 500, sample 200
    known = baselines.by_pair(None, [path])
    assert known == {(np.datetime64("2018-01-06"), np.datetime64("2018-01-30")): 25}
    assert baselines.by_pair(tmp_path) == known
    path.write_text("nothing\n")
    with pytest.raises(ValueError, match="pass the output of GAMMA's base_perp"):
        baselines.gamma_baseline(path)


@pytest.mark.data
def test_a_real_gamma_table(real_data: Path) -> None:
    folder = real_data / "s1-coherence-stack-mexico" / "geometry"
    path = folder / "20180106-20180130_VV_8rlks_bperp.par"
    table = [line.split() for line in path.read_text().splitlines()]
    numbers = np.array([row for row in table if len(row) == 9 and row[0].isdigit()], float)
    lines, samples = np.unique(numbers[:, 0]), np.unique(numbers[:, 1])
    middle = (numbers[:, 0] == lines[len(lines) // 2]) | (
        numbers[:, 0] == lines[(len(lines) - 1) // 2]
    )
    around = numbers[middle & (np.abs(numbers[:, 1] - samples.mean()) <= 200), 7]
    found = baselines.gamma_baseline(path)
    assert around.min() <= found <= around.max()


def test_hyp3_sidecars(tmp_path: Path) -> None:
    path = tmp_path / "product.txt"
    path.write_text("Baseline: -58.3\nHeading: -12.9 deg\nSpeckle filter: no\nRange looks: 20\n")
    facts = baselines.hyp3_sidecar(path)
    assert facts == {"baseline": -58.3, "heading": -12.9, "range looks": 20}


def test_tables_by_date(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text("time,perpendicular_baseline,note\n2022-01-01T05:00:00,0,x\n2022-01-13,-4.5,\n")
    assert baselines.by_date(path) == {
        np.datetime64("2022-01-01"): 0,
        np.datetime64("2022-01-13"): -4.5,
    }
    path.write_text("time,perpendicular_baseline\nyesterday,3\n")
    with pytest.raises(ValueError, match="yesterday"):
        baselines.by_date(path)
