"""What the gallery shows to readers: the views of schema bi, as the database describes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewColumn:
    """A column of a view."""

    name: str
    type: str  # as PostgreSQL names it: text, bigint, double precision ...
    description: str  # its comment; may be empty


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A view of schema bi."""

    name: str
    description: str  # its comment; may be empty
    columns: tuple[ViewColumn, ...]  # in the view's order
