"""Create the tables of saved searches, and one result table for each backbone.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from imgsim.store.result_tables import create_result_table

revision = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "search",
        sa.Column(
            "search_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key",
        ),
        sa.Column("command", sa.Text(), nullable=False, comment="search or compare"),
        sa.Column(
            "k", sa.Integer(), nullable=False, comment="Hits asked for, by query and backbone"
        ),
        sa.Column(
            "started_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it began",
        ),
        sa.Column(
            "duration_s", sa.Double(), nullable=False, comment="Seconds until the last answer"
        ),
        sa.CheckConstraint("command IN ('search', 'compare')", name="search_command_check"),
        sa.CheckConstraint("k > 0", name="search_k_check"),
        sa.PrimaryKeyConstraint("search_id", name="search_pkey"),
        schema="imgsim",
        comment="One row per saved run; a run asks one or more queries of one or more backbones",
    )
    op.create_table(
        "search_backbone",
        sa.Column("search_id", sa.BigInteger(), nullable=False, comment="Which run"),
        sa.Column(
            "backbone_id", sa.BigInteger(), nullable=False, comment="Which backbone revision"
        ),
        sa.Column(
            "exact",
            sa.Boolean(),
            nullable=False,
            comment="Every embedding compared, no index followed",
        ),
        sa.Column(
            "ef_search",
            sa.Integer(),
            nullable=True,
            comment="As pgvector says it; null for an exact search",
        ),
        sa.Column(
            "gallery_rows", sa.BigInteger(), nullable=False, comment="Embeddings there were to find"
        ),
        sa.Column(
            "embed_s",
            sa.Double(),
            nullable=False,
            comment="Seconds to embed all queries of the run",
        ),
        sa.Column(
            "search_s",
            sa.Double(),
            nullable=False,
            comment="Seconds to answer all queries of the run",
        ),
        sa.ForeignKeyConstraint(
            ["backbone_id"],
            ["imgsim.backbone.backbone_id"],
            name="search_backbone_backbone_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["search_id"],
            ["imgsim.search.search_id"],
            name="search_backbone_search_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("search_id", "backbone_id", name="search_backbone_pkey"),
        schema="imgsim",
        comment="How each backbone of a run was asked, and how long it took",
    )
    op.create_index(
        "search_backbone_backbone_id_idx",
        "search_backbone",
        ["backbone_id"],
        unique=False,
        schema="imgsim",
    )
    op.create_table(
        "query_image",
        sa.Column(
            "query_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key",
        ),
        sa.Column("search_id", sa.BigInteger(), nullable=False, comment="The run that asked it"),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=False,
            comment="Place among the run's queries, from 1",
        ),
        sa.Column("path", sa.Text(), nullable=False, comment="As it was given"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="Digest of the file's bytes, hex"),
        sa.Column(
            "thumbnail",
            sa.LargeBinary(),
            nullable=False,
            comment="JPEG, long side about 160 pixels",
        ),
        sa.Column(
            "truth_source",
            sa.Text(),
            nullable=True,
            comment="given, or content: the gallery holds the same picture; null: not known",
        ),
        sa.Column(
            "truth_frame_id",
            sa.BigInteger(),
            nullable=True,
            comment="The frame it is known to be; null also once forgotten",
        ),
        sa.Column("truth_path", sa.Text(), nullable=True, comment="That frame's file, at the time"),
        sa.Column("truth_frame_index", sa.Integer(), nullable=True, comment="That frame's index"),
        sa.Column(
            "truth_timestamp_s",
            sa.Double(),
            nullable=True,
            comment="That frame's time, seconds; null for an image",
        ),
        sa.CheckConstraint(
            "truth_source IN ('given', 'content')", name="query_image_truth_source_check"
        ),
        sa.ForeignKeyConstraint(
            ["search_id"],
            ["imgsim.search.search_id"],
            name="query_image_search_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["truth_frame_id"],
            ["imgsim.frame.frame_id"],
            name="query_image_truth_frame_id_fkey",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("query_id", name="query_image_pkey"),
        sa.UniqueConstraint("query_id", "search_id", name="query_image_query_id_search_id_key"),
        sa.UniqueConstraint("search_id", "position", name="query_image_search_id_position_key"),
        schema="imgsim",
        comment="Pictures that were asked for; the same picture in another run is another row",
    )
    op.create_index(
        "query_image_truth_frame_id_idx",
        "query_image",
        ["truth_frame_id"],
        unique=False,
        schema="imgsim",
    )
    op.create_table(
        "result",
        sa.Column(
            "backbone",
            sa.Text(),
            nullable=False,
            comment="Name, which picks the table result_<name>",
        ),
        sa.Column("query_id", sa.BigInteger(), nullable=False, comment="Whose hit it is"),
        sa.Column("rank", sa.Integer(), nullable=False, comment="1 is the nearest"),
        sa.Column(
            "search_id", sa.BigInteger(), nullable=False, comment="The run; as query_image says"
        ),
        sa.Column(
            "backbone_id", sa.BigInteger(), nullable=False, comment="The revision that found it"
        ),
        sa.Column(
            "frame_id",
            sa.BigInteger(),
            nullable=True,
            comment="The hit; null once its media is forgotten",
        ),
        sa.Column(
            "distance", sa.Double(), nullable=False, comment="Cosine distance: 0 the same direction"
        ),
        sa.Column(
            "truth_offset",
            sa.Integer(),
            nullable=True,
            comment="Place of the hit less that of the query's true frame, among the frames of "
            "their media that this backbone has embedded; null: other media, or no true frame",
        ),
        sa.Column("path", sa.Text(), nullable=False, comment="The hit's file, at the time"),
        sa.Column(
            "frame_index", sa.Integer(), nullable=False, comment="The hit's index in its media"
        ),
        sa.Column(
            "timestamp_s",
            sa.Double(),
            nullable=True,
            comment="The hit's time, seconds; null for an image",
        ),
        sa.ForeignKeyConstraint(
            ["backbone_id"],
            ["imgsim.backbone.backbone_id"],
            name="result_backbone_id_fkey",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["frame_id"],
            ["imgsim.frame.frame_id"],
            name="result_frame_id_fkey",
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["query_id", "search_id"],
            ["imgsim.query_image.query_id", "imgsim.query_image.search_id"],
            name="result_query_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("query_id", "rank", "backbone", name="result_pkey"),
        schema="imgsim",
        comment="Hits of saved runs; one partition per backbone name, result_<name>",
        postgresql_partition_by="LIST (backbone)",
    )
    op.create_index("result_frame_id_idx", "result", ["frame_id"], unique=False, schema="imgsim")
    op.create_index("result_search_id_idx", "result", ["search_id"], unique=False, schema="imgsim")
    connection = op.get_bind()
    names = connection.execute(sa.text("SELECT DISTINCT name FROM imgsim.backbone")).scalars().all()
    for name in names:
        create_result_table(connection, name)


def downgrade() -> None:
    for table in ("result", "query_image", "search_backbone", "search"):
        op.drop_table(table, schema="imgsim")
