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
_DECLARED = "Seconds as the container declares them; may be wrong"
_DECLARED_OR_REACHED = f"{_DECLARED}. By its packets where it declares none"


def upgrade() -> None:
    _comment("coverage", "sampling", sa.Text(), _MORE_RULES, _RULE)
    _comment("media", "duration_s", sa.Double(), _DECLARED_OR_REACHED, _DECLARED)
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
