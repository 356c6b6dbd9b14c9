"""Points add up, keep to their bounds, and suffice for the error that is wanted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy import testing as npt

from minewatch.estimates import sample_size
from minewatch.estimates.sample_allocation import allocated


def test_the_example_of_olofsson() -> None:
    """Olofsson et al. (2014), section 5.1: 641 points for a standard error of 0.01."""
    areas = pd.DataFrame({"area_ha": [18_000, 13_500, 288_000, 580_500]}, index=[1, 2, 3, 4])
    guess = {1: 0.7, 2: 0.6, 3: 0.9, 4: 0.95}
    assert sample_size(areas, users_accuracy=guess) == 641
    # Half the error takes four times the points.
    assert sample_size(areas, users_accuracy=guess, standard_error=0.005) == pytest.approx(
        4 * 640.5, abs=1
    )


def test_one_stratum_is_the_binomial() -> None:
    assert sample_size({0: 7.0}, users_accuracy={0: 0.5}, standard_error=0.05) == 100


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="a guess will do"):
        sample_size({0: 1.0, 1: 2.0}, users_accuracy={0: 0.5})
    for accuracy, error in ((1.2, 0.01), (0.5, 0.0), (float("nan"), 0.01)):
        with pytest.raises(ValueError, match=r"0\.01 is usual"):
            sample_size({0: 1.0}, users_accuracy={0: accuracy}, standard_error=error)


def test_points_add_up_within_bounds(rng: np.random.Generator) -> None:
    for _ in range(300):
        pixels = pd.Series(rng.integers(1, 10 ** rng.integers(1, 7), rng.integers(1, 8)))
        minimum = int(rng.integers(0, 60))
        least = np.minimum(max(minimum, 2), pixels)
        size = int(rng.integers(least.sum(), min(pixels.sum(), 5000 + least.sum()) + 1))
        for rule in ("proportional", "equal"):
            found = allocated(pixels, size, rule, minimum)
            assert found.sum() == size
            assert (found >= least).all()
            assert (found <= pixels).all()


def test_rules() -> None:
    pixels = pd.Series([6000, 3000, 1000])
    npt.assert_array_equal(allocated(pixels, 100, "proportional", 0), [60, 30, 10])
    npt.assert_array_equal(allocated(pixels, 99, "equal", 0), [33, 33, 33])
    # A rare class keeps its minimum, the rest is shared out as it was.
    npt.assert_array_equal(allocated(pixels, 230, "proportional", 50), [120, 60, 50])
    # A stratum of few pixels is drawn whole, its points go to the others.
    npt.assert_array_equal(allocated(pd.Series([500, 10, 500]), 300, "equal", 50), [145, 10, 145])
    npt.assert_array_equal(allocated(pixels, None, {2: 9, 0: 5, 1: 7}, 50), [5, 7, 9])
