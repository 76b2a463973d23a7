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


_RULE = "all, every=N or fps=F"
_MORE_RULES = "all, every=N, fps=F, keyframes or scenes; +distinct leaves out similar frames"
_FRAMES = "Frames that decode, whatever the sampling; "
_INDEX = "0-based, counts all decodable frames in presentation order; "
_KEPT = "One row per kept frame; an image has one"
_DECLARED = "Seconds as the container declares them; may be wrong"
_DECLARED_OR_REACHED = f"{_DECLARED}. By its packets where it declares none"


def upgrade() -> None:
    _comment("coverage", "sampling", sa.Text(), _MORE_RULES, _RULE)
    _comment("media", "duration_s", sa.Double(), _DECLARED_OR_REACHED, _DECLARED)
    _comment(
        "media",
        "decoded_frames",
        sa.Integer(),
        f"{_FRAMES}pages of a document",
        f"{_FRAMES}1 for an image",
    )
    _comment(
        "frame",
        "frame_index",
        sa.Integer(),
        f"{_INDEX}pages of a document",
        f"{_INDEX}0 for an image",
    )
    op.create_table_comment(
        "frame", f"{_KEPT}, a document one a page", existing_comment=_KEPT, schema="imgsim"
    )
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
    op.create_table_comment(
        "frame", _KEPT, existing_comment=f"{_KEPT}, a document one a page", schema="imgsim"
    )
    _comment(
        "frame",
        "frame_index",
        sa.Integer(),
        f"{_INDEX}0 for an image",
        f"{_INDEX}pages of a document",
    )
    _comment(
        "media",
        "decoded_frames",
        sa.Integer(),
        f"{_FRAMES}1 for an image",
        f"{_FRAMES}pages of a document",
    )
    _comment("media", "duration_s", sa.Double(), _DECLARED, _DECLARED_OR_REACHED)
    _comment("coverage", "sampling", sa.Text(), _RULE, _MORE_RULES)


def _comment(
    table: str, column: str, kind: sa.types.TypeEngine[Any], text: str, before: str
) -> None:
    op.alter_column(
        table,
        column,
        existing_type=kind,
        existing_comment=before,
        comment=text,
        schema="imgsim",
    )
