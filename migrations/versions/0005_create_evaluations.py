"""Create the tables of evaluations.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "evaluation",
        sa.Column(
            "evaluation_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="folders, groups, pairs or copies"),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="The folders or file, or how copies were made",
        ),
        sa.Column(
            "seed",
            sa.BigInteger(),
            nullable=False,
            comment="Of the sample, the copies, the bootstrap",
        ),
        sa.Column(
            "started_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it began",
        ),
        sa.Column("duration_s", sa.Double(), nullable=False, comment="Seconds it took"),
        sa.CheckConstraint(
            "kind IN ('folders', 'groups', 'pairs', 'copies')", name="evaluation_kind_check"
        ),
        sa.PrimaryKeyConstraint("evaluation_id", name="evaluation_pkey"),
        schema="imgsim",
        comment="One row per run of imgsim evaluate",
    )
    op.create_table(
        "evaluation_metric",
        sa.Column("evaluation_id", sa.BigInteger(), nullable=False, comment="Which evaluation"),
        sa.Column(
            "backbone_id", sa.BigInteger(), nullable=False, comment="Which backbone revision"
        ),
        sa.Column(
            "part", sa.Text(), nullable=False, comment="all, or the kind of copy the queries were"
        ),
        sa.Column(
            "metric", sa.Text(), nullable=False, comment="recall, hit_rate, map or ann_recall"
        ),
        sa.Column(
            "k", sa.Integer(), nullable=False, comment="Hits that count; 0: the whole ranking"
        ),
        sa.Column("value", sa.Double(), nullable=False, comment="Mean over the queries, 0 to 1"),
        sa.Column(
            "low", sa.Double(), nullable=False, comment="Lower end of the 95 % bootstrap interval"
        ),
        sa.Column(
            "high", sa.Double(), nullable=False, comment="Upper end of the 95 % bootstrap interval"
        ),
        sa.Column("queries", sa.Integer(), nullable=False, comment="How many queries were asked"),
        sa.Column(
            "gallery_rows", sa.BigInteger(), nullable=False, comment="Frames there were to rank"
        ),
        sa.CheckConstraint(
            "metric IN ('recall', 'hit_rate', 'map', 'ann_recall')",
            name="evaluation_metric_metric_check",
        ),
        sa.CheckConstraint(
            "value BETWEEN 0 AND 1 AND low <= high", name="evaluation_metric_value_check"
        ),
        sa.ForeignKeyConstraint(
            ["backbone_id"],
            ["imgsim.backbone.backbone_id"],
            name="evaluation_metric_backbone_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"],
            ["imgsim.evaluation.evaluation_id"],
            name="evaluation_metric_evaluation_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "evaluation_id", "backbone_id", "part", "metric", "k", name="evaluation_metric_pkey"
        ),
        schema="imgsim",
        comment="How well a backbone found what is labelled as belonging together",
    )
    op.create_index(
        "evaluation_metric_backbone_id_idx",
        "evaluation_metric",
        ["backbone_id"],
        unique=False,
        schema="imgsim",
    )


def downgrade() -> None:
    for table in ("evaluation_metric", "evaluation"):
        op.drop_table(table, schema="imgsim")
