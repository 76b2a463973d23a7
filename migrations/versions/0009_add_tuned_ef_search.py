"""Add the ef_search that an index was tuned to, and have the functions search at it.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from imgsim.store.engine import raw

revision = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None

# Every function that sets the width, and how it did before. `similar` and `duplicates_of` call
# `nearest`. The width is looked up in a statement of its own: once the search is planned, it is too
# late. On a table of some tens of MB the planner may compare all rows at a large ef_search; that
# finds no less.
_WIDTHS = {
    "nearest(halfvec, text, integer)": "greatest(100, k)",
    "ann_recall(text, integer, integer)": "greatest(100, k + 1)",
}
_TUNED = (
    "coalesce((SELECT h.ef_search FROM imgsim.hnsw_index h\n"
    "            WHERE h.backbone_id = revision.backbone_id), 100)"
)
_COLUMNS: tuple[tuple[str, sa.types.TypeEngine[Any], str], ...] = (
    ("ef_search", sa.Integer(), "Of searches, by `imgsim index tune`; null: 100"),
    (
        "tuned_recall",
        sa.Double(),
        "Share of the exact neighbours that the index finds at ef_search; null: not measured on "
        "this index",
    ),
    ("tuned_k", sa.Integer(), "How many neighbours were asked for then"),
)


def upgrade() -> None:
    for name, kind, comment in _COLUMNS:
        column = sa.Column(name, kind, nullable=True, comment=comment)
        op.add_column("hnsw_index", column, schema="imgsim")
    op.create_check_constraint(
        op.f("hnsw_index_ef_search_check"),
        "hnsw_index",
        "ef_search BETWEEN 1 AND 1000",
        schema="imgsim",
    )
    for function, before in _WIDTHS.items():
        _rewrite(function, before, before.replace("100", _TUNED))


def downgrade() -> None:
    for function, before in _WIDTHS.items():
        _rewrite(function, before.replace("100", _TUNED), before)
    op.drop_constraint(op.f("hnsw_index_ef_search_check"), "hnsw_index", schema="imgsim")
    for name, _, _ in reversed(_COLUMNS):
        op.drop_column("hnsw_index", name, schema="imgsim")


def _rewrite(function: str, before: str, now: str) -> None:
    """Replace a part of a function; who may call it, and its comment, stay."""
    connection = op.get_bind()
    # Only once pgvector is loaded may others than superusers use its settings in a function.
    connection.execute(sa.text("SELECT '[1]'::vector"))
    definition: str = connection.execute(
        sa.text("SELECT pg_get_functiondef(CAST(:function AS regprocedure))"),
        {"function": f"imgsim.{function}"},
    ).scalar_one()
    if definition.count(before) != 1:
        raise RuntimeError(f"imgsim.{function} is not as imgsim made it: no '{before}' in it")
    raw(connection).execute(definition.replace(before, now))  # as it is: % is no placeholder
