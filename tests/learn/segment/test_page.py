"""What the page about segmentation types, and what it tells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minewatch.learn.segment import architecture

PAGE = (Path(__file__).parents[3] / "docs" / "segmentation.md").read_text()


@pytest.mark.cnn
@pytest.mark.filterwarnings("error")
def test_the_page_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    space: dict[str, Any] = {}
    exec(compile(code, "segmentation.md", "exec"), space)
    assert space["mine"].chunks is not None
    assert 0 < float(space["mine"].mean()) < 1
    assert np.isclose(space["probability"].sum("class"), 1, atol=1e-5).all()


def test_the_page_tells_the_size_of_the_network() -> None:
    assert f"{architecture.parameter_count(2, 4):,} numbers" in PAGE
    assert f"farther than {architecture.reach(4)} pixels" in PAGE
