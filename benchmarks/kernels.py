"""Time and memory of the kernels, of their floor and of what people use today, on one thread.

The floor is of ``floors.py``. What counts is the ratio of two times from one run, not the time:
``ratios.py`` has those. ``setup`` calls once, so that compilation is never timed.
"""

from __future__ import annotations

import numpy as np

from benchmarks.floors import jit, read_one, read_pair, read_series
from minewatch import kernels

PIXELS = [512, 2048]


def complex_pair(pixels: int) -> list[np.ndarray]:
    """Two independent images of speckle."""
    parts = np.random.default_rng(0).normal(size=(2, pixels, 2 * pixels)).astype(np.float32)
    return [part.view(np.complex64) for part in parts]


def cube_with_gaps(dates: int, pixels: int, share: float) -> np.ndarray:
    """A coherence cube of which a share is unknown."""
    rng = np.random.default_rng(0)
    cube = rng.random(size=(dates, pixels, pixels), dtype=np.float32)
    cube[rng.random(size=cube.shape, dtype=np.float32) < share] = np.nan
    return cube


class _Route:
    """One way of doing it: subclasses name their routes; each route is a method that runs once."""

    param_names = ("pixels", "route")

    def setup(self, pixels: int, route: str) -> None:
        self.prepare(pixels)
        self.run = getattr(self, route)
        self.run()

    def prepare(self, pixels: int) -> None:
        raise TypeError(pixels)


class Coherence(_Route):
    """Sliding window of 3 by 10 over two complex64 images."""

    params = (
        PIXELS,
        [
            "floor",
            "minewatch",
            "minewatch_complex",
            "minewatch_demodulated",
            "scipy_uniform_filter",
        ],
    )

    def prepare(self, pixels):
        self.pair = complex_pair(pixels)
        self.out = np.empty((pixels, pixels), np.float32)

    def floor(self):
        jit(read_pair)(*(image.view(np.float32) for image in self.pair), self.out)

    def minewatch(self):
        kernels.coherence(*self.pair, 3, 10, 0.5)

    def minewatch_complex(self):
        kernels.complex_coherence(*self.pair, 3, 10, 0.5)

    def minewatch_demodulated(self):
        kernels.demodulated_coherence(*self.pair, 3, 10, 0.5, 0.125)

    def scipy_uniform_filter(self):
        from scipy.ndimage import uniform_filter

        s1, s2 = self.pair
        cross = s1 * s2.conj()
        re, im, p, q = (
            uniform_filter(plane, (3, 10), mode="constant")
            for plane in (cross.real, cross.imag, np.abs(s1) ** 2, np.abs(s2) ** 2)
        )
        np.hypot(re, im) / np.sqrt(p * q)

    def time_coherence(self, pixels, route):
        self.run()

    def peakmem_coherence(self, pixels, route):
        self.run()


class CoherenceWindow:
    """How little the cost grows with the window."""

    params = ([1024], [(2, 7), (3, 10), (9, 9), (15, 33), (31, 63)])
    param_names = ("pixels", "window")

    def setup(self, pixels, window):
        self.pair = complex_pair(pixels)
        self.time_coherence(pixels, window)

    def time_coherence(self, pixels, window):
        kernels.coherence(*self.pair, *window, 0.5)


class Lee(_Route):
    """Window of 7 by 7, four looks."""

    params = (PIXELS, ["floor", "minewatch", "scipy_uniform_filter"])

    def prepare(self, pixels):
        rng = np.random.default_rng(0)
        self.power = rng.standard_gamma(4, size=(pixels, pixels), dtype=np.float32) / 4
        self.out = np.empty_like(self.power)

    def floor(self):
        jit(read_one)(self.power, self.out)

    def minewatch(self):
        kernels.lee(self.power, 7, 7, 4.0, 0)

    def scipy_uniform_filter(self):
        from scipy.ndimage import uniform_filter

        z = self.power
        mean, square = uniform_filter(z, 7), uniform_filter(z * z, 7)
        variance = square - mean * mean
        weight = (variance - mean * mean / 4) / (variance * 1.25)
        mean + np.clip(weight, 0, 1) * (z - mean)

    def time_lee(self, pixels, route):
        self.run()

    def peakmem_lee(self, pixels, route):
        self.run()


class SpeckleAtEdges(_Route):
    """Refined Lee and the three loops of the Lee sigma filter over fields of four looks.

    An edge every 64 pixels, so that half windows are measured too.
    """

    params = (
        PIXELS,
        ["floor", "minewatch_refined", "minewatch_sigma_9", "minewatch_sigma_7", "numpy_sigma_7"],
    )
    limits = (0.3772, 2.0888, 0.399)

    def prepare(self, pixels):
        rng = np.random.default_rng(0)
        self.power = rng.standard_gamma(4, size=(pixels, pixels), dtype=np.float32) / 4
        self.power *= np.float32(1) + 7 * (np.arange(pixels) // 64 % 2).astype(np.float32)
        self.out = np.empty_like(self.power)

    def floor(self):
        jit(read_one)(self.power, self.out)

    def minewatch_refined(self):
        kernels.refined_lee(self.power, 4.0, 0.419)

    def sigma(self, window):
        prior = kernels.lee(self.power, 3, 3, 4.0, 0)
        filtered = kernels.sigma_filter(self.power, prior, window, *self.limits)
        np.where(kernels.strong_targets(self.power, 18.0, 3, 7) == 1, self.power, filtered)

    def minewatch_sigma_9(self):
        self.sigma(9)

    def minewatch_sigma_7(self):
        self.sigma(7)

    def numpy_sigma_7(self):
        """A guess, the range about it and a weight, one neighbour of all pixels at a time."""
        low, high, spread = self.limits
        z, noise = self.power, spread**2
        guess = sum(np.roll(z, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
        count, total, square = (np.zeros_like(z) for _ in range(3))
        for i in range(-3, 4):
            for j in range(-3, 4):
                near = np.roll(z, (i, j), (0, 1))
                near = np.where((near >= low * guess) & (near <= high * guess), near, 0)
                count += near > 0
                total += near
                square += near * near
        count = np.maximum(count, 2)
        mean = total / count
        variance = np.maximum(square / count - mean * mean, 1e-12)
        weight = (variance - noise * mean * mean) / (variance * (1 + noise))
        mean + np.clip(weight, 0, 1) * (z - mean)

    def time_speckle_at_edges(self, pixels, route):
        self.run()

    def peakmem_speckle_at_edges(self, pixels, route):
        self.run()


class Ndai(_Route):
    """One date against the mean of its stable pixels."""

    params = (PIXELS, ["floor", "minewatch", "numpy"])

    def prepare(self, pixels):
        self.coherence = cube_with_gaps(1, pixels, 0.1)[0]
        self.out = np.empty_like(self.coherence)

    def floor(self):
        jit(read_one)(self.coherence, self.out)

    def minewatch(self):
        kernels.ndai(self.coherence, 0.9)

    def numpy(self):
        total = np.float32(0.9) + self.coherence
        index = (np.float32(0.9) - self.coherence) / total
        np.where(np.isfinite(total) & (total != 0), index, np.nan)

    def time_ndai(self, pixels, route):
        self.run()

    def peakmem_ndai(self, pixels, route):
        self.run()


class CountExceedances(_Route):
    """A hundred dates, a tenth unknown."""

    params = ([256, 512], ["floor", "minewatch", "numpy"])

    def prepare(self, pixels):
        self.cube = cube_with_gaps(100, pixels, 0.1)
        self.limits = np.full(100, 0.6)
        self.out = np.empty(pixels * pixels, np.float32)

    def floor(self):
        jit(read_series)(self.cube.reshape(100, -1), self.out)

    def minewatch(self):
        kernels.count_exceedances(self.cube, self.limits)

    def numpy(self):
        finite = np.isfinite(self.cube)
        ((self.cube < self.limits[:, None, None]) & finite).sum(axis=0)
        finite.sum(axis=0)

    def time_count_exceedances(self, pixels, route):
        self.run()

    def peakmem_count_exceedances(self, pixels, route):
        self.run()


class NanMedian(_Route):
    """Forty dates, two fifths unknown, time outermost in memory as it is read."""

    params = ([128, 256], ["floor", "minewatch", "numpy"])

    def prepare(self, pixels):
        self.cube = cube_with_gaps(40, pixels, 0.4)
        self.out = np.empty(pixels * pixels, np.float32)

    def floor(self):
        jit(read_series)(self.cube.reshape(40, -1), self.out)

    def minewatch(self):
        kernels.nanmedian(np.moveaxis(self.cube, 0, -1))

    def numpy(self):
        np.nanmedian(self.cube, axis=0)

    def time_nanmedian(self, pixels, route):
        self.run()

    def peakmem_nanmedian(self, pixels, route):
        self.run()


class GeometricMedian(_Route):
    """Sixty dates of six layers, two fifths of the dates unknown, time outermost in memory."""

    params = ([32, 64], ["floor", "minewatch", "numpy"])

    def prepare(self, pixels):
        rng = np.random.default_rng(0)
        spectra = rng.normal(0.3, 0.05, (6, 60, pixels * pixels))
        spectra[:, rng.random(spectra.shape[1:]) < 0.4] = np.nan
        self.spectra = spectra.astype(np.float32)
        self.out = np.empty(pixels * pixels, np.float32)

    def floor(self):
        jit(read_series)(self.spectra.reshape(360, -1), self.out)

    def minewatch(self):
        kernels.geometric_median(self.spectra, 1)

    def numpy(self):
        """Ten steps from the mean: about as many, but no search for a date to start at."""
        seen = np.isfinite(self.spectra).all(axis=0)
        points = np.where(seen, self.spectra, 0).astype(float)
        centre = points.sum(axis=1) / seen.sum(axis=0)
        for _ in range(10):
            offset = points - centre[:, None]
            weight = seen / np.sqrt((offset**2).sum(axis=0))
            centre += (offset * weight).sum(axis=1) / weight.sum(axis=0)

    def time_geometric_median(self, pixels, route):
        self.run()

    def peakmem_geometric_median(self, pixels, route):
        self.run()


class Relief(_Route):
    """Shadow and layover of hills of 250 m, looking along the rows; numpy can look no other way."""

    params = (PIXELS, ["floor", "minewatch", "numpy"])

    def prepare(self, pixels):
        i, j = np.indices((pixels, pixels), dtype=np.float32)
        self.elevation = 125 * np.sin(i / 9) * np.cos(j / 11)
        self.incidence = np.full_like(self.elevation, 39)
        self.out = np.empty_like(self.elevation)

    def floor(self):
        jit(read_one)(self.elevation, self.out)

    def minewatch(self):
        kernels.relief_codes(self.elevation, self.incidence, 90.0, 10.0, 10.0, 3000.0)

    def numpy(self):
        theta = np.radians(self.incidence)
        ground = np.arange(self.elevation.shape[1]) * 10
        front = ground * np.cos(theta) + self.elevation * np.sin(theta)
        slant = ground * np.sin(theta) - self.elevation * np.cos(theta)
        nearest = np.minimum.accumulate(slant[:, ::-1], axis=1)[:, ::-1]
        shadow = np.maximum.accumulate(front, axis=1) > front
        layover = (np.maximum.accumulate(slant, axis=1) > slant) | (nearest < slant)
        shadow + 2 * layover.astype(np.uint8)

    def time_relief(self, pixels, route):
        self.run()

    def peakmem_relief(self, pixels, route):
        self.run()


class Texture(_Route):
    """Mean, spread and entropy of 32 levels in a window of 7 by 7."""

    params = (PIXELS, ["floor", "minewatch", "scipy_generic_filter"])

    def prepare(self, pixels):
        rng = np.random.default_rng(0)
        self.image = rng.random(size=(pixels, pixels), dtype=np.float32)
        self.out = np.empty_like(self.image)

    def floor(self):
        jit(read_one)(self.image, self.out)

    def minewatch(self):
        kernels.local_texture(self.image, 7, 32, 0.0, 1.0, 0.5)

    def scipy_generic_filter(self):
        """The entropy alone, of a strip: what its callback costs a pixel does not change."""
        from scipy.ndimage import generic_filter

        def entropy(values):
            share = np.bincount((values * 31.999).astype(int)) / values.size
            share = share[share > 0]
            return -(share * np.log2(share)).sum()

        generic_filter(self.image[:16], entropy, 7)

    def time_texture(self, pixels, route):
        self.run()

    def peakmem_texture(self, pixels, route):
        self.run()


class Cooccurrence:
    """One patch of three channels, three distances: what a detector of textures asks for most."""

    params = ("minewatch", "numpy_bincount")
    param_names = ("route",)

    def setup(self, route):
        rng = np.random.default_rng(0)
        self.patch = rng.normal(size=(3, 104, 104)).astype("f4")
        self.distances = np.array([1, 2, 4])
        getattr(self, route)()

    def minewatch(self):
        kernels.cooccurrence(self.patch, self.distances, 16, -2.5, 2.5)

    def numpy_bincount(self):
        """The tables alone, without what is read from them."""
        level = np.clip((self.patch + 2.5) / 5 * 16, 0, 15).astype(np.int64)
        for d in self.distances:
            for first, second in (
                (level[:, :, :-d], level[:, :, d:]),
                (level[:, :-d], level[:, d:]),
                (level[:, :-d, :-d], level[:, d:, d:]),
                (level[:, :-d, d:], level[:, d:, :-d]),
            ):
                for one, other in zip(first, second, strict=True):
                    np.bincount((one * 16 + other).ravel(), minlength=256)

    def time_cooccurrence(self, route):
        getattr(self, route)()

    def peakmem_cooccurrence(self, route):
        getattr(self, route)()


class Forest:
    """100 trees grown to the end on 12,000 samples of 45 features: about 3,500 nodes each."""

    params = ([16_384], ["minewatch", "scikit_learn"])
    param_names = ("pixels", "route")

    def setup_cache(self):
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng(0)
        table = rng.normal(size=(20_000, 45)).astype(np.float32)
        label = table[:, :5].sum(axis=1) + 2 * rng.normal(size=len(table)) > 0
        model = RandomForestClassifier(100, max_samples=0.6, random_state=0)
        return model.fit(table, label.astype(int))

    def setup(self, model, pixels, route):
        from minewatch.learn import Forest as Stored

        self.table = np.random.default_rng(1).normal(size=(pixels, 45)).astype(np.float32)
        names = [f"f{number}" for number in range(45)]
        self.model = Stored.of(model, features=names) if route == "minewatch" else model
        # Lays the trees out and compiles.
        self.model.predict_proba(self.table)

    def time_forest(self, model, pixels, route):
        self.model.predict_proba(self.table)

    def peakmem_forest(self, model, pixels, route):
        self.model.predict_proba(self.table)


class Import:
    """What a user waits for before anything happens."""

    def timeraw_import(self):
        return "import minewatch"

    def timeraw_import_kernels(self):
        return "import minewatch.kernels"
