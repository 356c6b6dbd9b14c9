"""The metadata that come with a Sentinel-2 granule: where they lie, and what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.sources._documents import document

if TYPE_CHECKING:
    from collections.abc import Callable

    import pystac

__all__ = ["metadata_address", "read_metadata"]

ASSETS = ("granule-metadata", "granule_metadata")
"""Where items keep the metadata: Planetary Computer, Earth Search."""


def metadata_address(item: pystac.Item) -> str | None:
    """Where the metadata of an item's granule lie.

    Parameters
    ----------
    item : pystac.Item
        Of Sentinel-2.

    Returns
    -------
    str or None
        Address or path of ``MTD_TL.xml``; None where the item names none.

    Examples
    --------
    >>> import datetime
    >>> import pystac
    >>> item = pystac.Item("S2A_one", None, None, datetime.datetime(2023, 1, 10), {})
    >>> item.add_asset("granule-metadata", pystac.Asset("https://example.com/MTD_TL.xml"))
    >>> metadata_address(item)
    'https://example.com/MTD_TL.xml'
    """
    for name in ASSETS:
        if name in item.assets:
            return str(item.assets[name].get_absolute_href() or item.assets[name].href)
    return None


def read_metadata(
    href: str,
    *,
    sign: str | Callable[[str], str] | None = None,
    timeout: float = 60,
    max_retries: int = 5,
) -> bytes:
    """What the metadata of a granule say, from a file or a web server.

    Parameters
    ----------
    href : str
        Path, or address with http or https, from :func:`metadata_address`.
    sign, timeout, max_retries
        As in :func:`minewatch.sources.load`.

    Returns
    -------
    bytes
        For :func:`granule_angles`.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If the address is of another kind, or the file too large.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "MTD_TL.xml"
    ...     _ = path.write_text("<Tile/>")
    ...     text = read_metadata(str(path))
    >>> text
    b'<Tile/>'
    """
    # The readers of assets are loaded where something is read.
    from minewatch.sources.stac._choices import signer_of

    signer = signer_of(sign)
    signed = href if signer is None else signer(href)
    return document(signed, timeout=timeout, max_retries=max_retries, what="granule metadata")
