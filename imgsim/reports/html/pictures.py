"""The pictures of a page, each embedded once however often it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator

_JPEG = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/]+=*")


class PicturePool:
    """Gives each picture an id, which an SVG <use> refers to."""

    def __init__(self) -> None:
        """Begin without pictures."""
        self._ids: dict[str, str] = {}

    def add(self, uri: str | None) -> str | None:
        """The id of a picture, the same for the same picture; None for none.

        Raises:
            ValueError: it is no JPEG as a data URI.
        """
        if uri is None:
            return None
        if not _JPEG.fullmatch(uri):
            raise ValueError(f"not a JPEG as a data URI: {uri[:40]}")
        return self._ids.setdefault(uri, f"picture-{len(self._ids) + 1}")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Ids and data URIs."""
        return iter((name, uri) for uri, name in self._ids.items())

    def __len__(self) -> int:
        """How many different pictures there are."""
        return len(self._ids)
