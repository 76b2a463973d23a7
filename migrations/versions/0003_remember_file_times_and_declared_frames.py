"""Remember the size and time of files, and how many frames a container declares.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


_INDEX = "0-based, counts all decodable frames in presentation order"
_DECODE = "Frames that decode, whatever the sampling"
_DECLARED = "Seconds as the container declares them; may be wrong"
# Table, column, its type, the comment before, the comment now.
_COMMENTS: tuple[tuple[str, str, sa.types.TypeEngine[Any], str, str], ...] = (
    (
        *("coverage", "sampling", sa.Text(), "all, every=N or fps=F"),
        "all, every=N, fps=F, keyframes or scenes; +distinct leaves out similar frames",
    ),
    (
        *("media", "duration_s", sa.Double(), _DECLARED),
        f"{_DECLARED}. By its packets where it declares none",
    ),
    (
        *("media", "decoded_frames", sa.Integer(), f"{_DECODE}; 1 for an image"),
        f"{_DECODE}; pages of a document",
    ),
    (
        *("frame", "frame_index", sa.Integer(), f"{_INDEX}; 0 for an image"),
        f"{_INDEX}; pages of a document",
    ),
)
_FRAME = "One row per kept frame; an image has one"
_FRAME_OR_PAGE = f"{_FRAME}, a document one a page"


def upgrade() -> None:
    for table, column, kind, before, now in _COMMENTS:
        _comment(table, column, kind, before, now)
    op.create_table_comment("frame", _FRAME_OR_PAGE, existing_comment=_FRAME, schema="imgsim")
    op.add_column(
        "media",
        sa.Column(
            "declared_frames",
            sa.Integer(),
            nullable=True,
            comment="Frames as the container declares them; may be wrong",
        ),
        schema="imgsim",
    )
    op.add_column(
        "media_path",
        sa.Column(
            "size_bytes",
            sa.BigInteger(),
            nullable=True,
            comment="Size when the content was last read from there",
        ),
        schema="imgsim",
    )
    op.add_column(
        "media_path",
        sa.Column(
            "mtime_ns",
            sa.BigInteger(),
            nullable=True,
            comment="Modification time then, nanoseconds since 1970; null, as the size, "
            "where unknown",
        ),
        schema="imgsim",
    )


def downgrade() -> None:
    op.drop_column("media_path", "mtime_ns", schema="imgsim")
    op.drop_column("media_path", "size_bytes", schema="imgsim")
    op.drop_column("media", "declared_frames", schema="imgsim")
    op.create_table_comment("frame", _FRAME, existing_comment=_FRAME_OR_PAGE, schema="imgsim")
    for table, column, kind, before, now in _COMMENTS:
        _comment(table, column, kind, now, before)


def _comment(
    table: str, column: str, kind: sa.types.TypeEngine[Any], before: str, now: str
) -> None:
    op.alter_column(
        table,
        column,
        existing_type=kind,
        existing_comment=before,
        comment=now,
        schema="imgsim",
    )
