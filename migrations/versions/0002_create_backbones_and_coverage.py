"""Create the backbone registry, what each has embedded, and how its index was built.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "backbone",
        sa.Column(
            "backbone_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="As in `imgsim backbones`"),
        sa.Column(
            "revision",
            sa.Text(),
            nullable=False,
            comment="All that changes the vector, weights included",
        ),
        sa.Column("slug", sa.Text(), nullable=False, comment="Suffix of embedding_<slug>"),
        sa.Column("dim", sa.Integer(), nullable=False, comment="Length of the embedding"),
        sa.Column("measure", sa.Text(), nullable=False, comment="Distance measure: cosine"),
        sa.Column(
            "weights_sha256", sa.Text(), nullable=False, comment="Digest of the weights file, hex"
        ),
        sa.Column(
            "weights_path",
            sa.Text(),
            nullable=True,
            comment="File given with --weights; null for the standard weights",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the revision was first used",
        ),
        sa.CheckConstraint("measure = 'cosine'", name="backbone_measure_check"),
        sa.CheckConstraint("slug ~ '^[a-z][a-z0-9_]{0,47}$'", name="backbone_slug_check"),
        sa.PrimaryKeyConstraint("backbone_id", name="backbone_pkey"),
        sa.UniqueConstraint("name", "revision", name="backbone_name_revision_key"),
        sa.UniqueConstraint("slug", name="backbone_slug_key"),
        schema="imgsim",
        comment="One row per backbone revision; two revisions are never mixed in one search",
    )
    op.create_table(
        "coverage",
        sa.Column("media_id", sa.BigInteger(), nullable=False, comment="Which media"),
        sa.Column(
            "backbone_id", sa.BigInteger(), nullable=False, comment="By which backbone revision"
        ),
        sa.Column("sampling", sa.Text(), nullable=False, comment="all, every=N or fps=F"),
        sa.Column("status", sa.Text(), nullable=False, comment="complete or partial"),
        sa.Column(
            "embedded",
            sa.Integer(),
            nullable=False,
            comment="Frames of this sampling with an embedding",
        ),
        sa.Column("detail", sa.Text(), nullable=True, comment="Why the status is not complete"),
        sa.Column(
            "completed_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was last published",
        ),
        sa.CheckConstraint("status IN ('complete', 'partial')", name="coverage_status_check"),
        sa.ForeignKeyConstraint(
            ["backbone_id"],
            ["imgsim.backbone.backbone_id"],
            name="coverage_backbone_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["media_id"],
            ["imgsim.media.media_id"],
            name="coverage_media_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("media_id", "backbone_id", "sampling", name="coverage_pkey"),
        schema="imgsim",
        comment="What was embedded: the same media, backbone and sampling again is not done again",
    )
    op.create_index(
        "coverage_backbone_id_idx", "coverage", ["backbone_id"], unique=False, schema="imgsim"
    )
    op.create_table(
        "hnsw_index",
        sa.Column(
            "backbone_id",
            sa.BigInteger(),
            nullable=False,
            comment="Whose embedding table is indexed",
        ),
        sa.Column(
            "m", sa.Integer(), nullable=False, comment="Links per node, as given to pgvector"
        ),
        sa.Column("ef_construction", sa.Integer(), nullable=False, comment="As given to pgvector"),
        sa.Column(
            "rows", sa.BigInteger(), nullable=False, comment="Rows in the table when it was built"
        ),
        sa.Column("build_s", sa.Double(), nullable=False, comment="Seconds the build took"),
        sa.Column(
            "pgvector_version", sa.Text(), nullable=False, comment="Extension version that built it"
        ),
        sa.Column(
            "built_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the build ended",
        ),
        sa.ForeignKeyConstraint(
            ["backbone_id"],
            ["imgsim.backbone.backbone_id"],
            name="hnsw_index_backbone_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("backbone_id", name="hnsw_index_pkey"),
        schema="imgsim",
        comment="How each HNSW index was built; never read from the index's name",
    )


def downgrade() -> None:
    # Embedding tables are made at run time, one for each registered backbone revision.
    for slug in op.get_bind().execute(sa.text("SELECT slug FROM imgsim.backbone")).scalars().all():
        op.drop_table(f"embedding_{slug}", schema="imgsim", if_exists=True)
    for table in ("hnsw_index", "coverage", "backbone"):
        op.drop_table(table, schema="imgsim")
