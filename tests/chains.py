"""The two whole chains as functions of lazy input, for the tests that run over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minewatch import activity, composites, features, insar, learn, masks, speckle

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.simulate import World


def chunked(data: Any, chunks: dict[str, int] | None) -> Any:
    """Chunk what has these dims; None leaves numpy."""
    if chunks is None:
        return data
    return data.chunk({dim: size for dim, size in chunks.items() if dim in data.dims})


def coherence_of(slc: xr.DataArray) -> xr.DataArray:
    return insar.coherence(slc, insar.select_pairs(slc), window=(3, 10))


def activity_maps(
    slc: xr.DataArray, ledger: xr.Dataset, threshold: float
) -> tuple[xr.DataArray, xr.DataArray, xr.Dataset]:
    """Coherence to TAI, given the two small barriers of the chain (ledger and threshold)."""
    coherence = coherence_of(slc)
    stable = activity.stable_pixels(coherence)
    mean = activity.mean_ndai(coherence, ledger)
    return stable, mean, activity.tai(coherence, ledger, threshold=threshold)


def covariates(world: World, chunks: dict[str, int] | None) -> xr.Dataset:
    """Masks, Lee, composites, indices: what the mapping run does, on the world's own arrays."""
    sentinel2 = chunked(world.sentinel2, chunks)
    landsat8 = chunked(world.landsat8, chunks)
    sentinel1 = chunked(world.sentinel1, chunks)
    return features.feature_stack(
        sentinel2=composites.composite(
            sentinel2.where(masks.sentinel2_clear(sentinel2.quality)).drop_vars("quality")
        ),
        landsat8=composites.composite(
            landsat8.where(masks.landsat_clear(landsat8.quality)).drop_vars("quality")
        ),
        sentinel1=composites.composite(speckle.lee(sentinel1, looks=4.4, window=7), reducer="mean"),
        palsar=composites.composite(chunked(world.palsar, chunks), reducer="mean"),
    )


def probability_map(world: World, model: Any, chunks: dict[str, int] | None) -> xr.DataArray:
    return learn.predict_proba(model, covariates(world, chunks))
