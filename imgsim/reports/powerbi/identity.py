"""Names that Power BI wants to be unique, and that must be the same in the next run."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "imgsim")
_NAME_LENGTH = 20  # what Power BI Desktop itself gives to pages and visuals


def tag(*parts: str) -> str:
    """The UUID of a thing that is called by these words."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def short_name(*parts: str) -> str:
    """The name of a page or visual: 20 hexadecimal digits."""
    return uuid.uuid5(_NAMESPACE, "/".join(parts)).hex[:_NAME_LENGTH]
