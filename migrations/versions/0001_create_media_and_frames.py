"""Create the gallery: media, the paths they were seen at, their frames.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    # Made before by imgsim itself. A downgrade leaves it: other schemas of the database may use it.
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.create_table(
        "media",
        sa.Column(
            "media_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key",
        ),
        sa.Column("content_id", sa.Text(), nullable=False, comment="sha256:<hex> of the bytes"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=True,
            comment="image or video; null when the file could not be opened",
        ),
        sa.Column(
            "width",
            sa.Integer(),
            nullable=True,
            comment="Pixels, as displayed (rotation and aspect ratio applied)",
        ),
        sa.Column(
            "height",
            sa.Integer(),
            nullable=True,
            comment="Pixels, as displayed (rotation and aspect ratio applied)",
        ),
        sa.Column(
            "duration_s",
            sa.Double(),
            nullable=True,
            comment="Seconds as the container declares them; may be wrong",
        ),
        sa.Column(
            "frame_rate",
            sa.Double(),
            nullable=True,
            comment="Average frames per second as declared; may be wrong",
        ),
        sa.Column(
            "codec",
            sa.Text(),
            nullable=True,
            comment="Name of the decoder's format, for example h264 or jpeg",
        ),
        sa.Column(
            "stream_index",
            sa.Integer(),
            nullable=True,
            comment="Which stream of the container was decoded",
        ),
        sa.Column(
            "time_base_num",
            sa.Integer(),
            nullable=True,
            comment="Numerator of the unit of frame.pts, in seconds",
        ),
        sa.Column(
            "time_base_den",
            sa.Integer(),
            nullable=True,
            comment="Denominator of the unit of frame.pts, in seconds",
        ),
        sa.Column(
            "status", sa.Text(), nullable=False, comment="pending, complete, partial or failed"
        ),
        sa.Column("detail", sa.Text(), nullable=True, comment="Why the status is not complete"),
        sa.Column(
            "decoded_frames",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Frames that decode, whatever the sampling; 1 for an image",
        ),
        sa.Column(
            "ingested_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When this content was last published",
        ),
        sa.CheckConstraint("kind IN ('image', 'video')", name="media_kind_check"),
        sa.CheckConstraint(
            "status IN ('pending', 'complete', 'partial', 'failed')", name="media_status_check"
        ),
        sa.PrimaryKeyConstraint("media_id", name="media_pkey"),
        sa.UniqueConstraint("content_id", name="media_content_id_key"),
        schema="imgsim",
        comment="One row per content: the same bytes at two paths are one media",
    )
    op.create_table(
        "media_path",
        sa.Column(
            "media_path_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key; the lowest whose file exists is used first",
        ),
        sa.Column("media_id", sa.BigInteger(), nullable=False, comment="What lies at this path"),
        sa.Column(
            "host", sa.Text(), nullable=False, comment="Name of the machine that saw the path"
        ),
        sa.Column(
            "path_raw",
            sa.LargeBinary(),
            nullable=False,
            comment="The path's bytes; need not be UTF-8",
        ),
        sa.Column(
            "path",
            sa.Text(),
            nullable=False,
            comment="Absolute path, readable; bytes that are not UTF-8 replaced",
        ),
        sa.Column(
            "seen_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the content was last seen there",
        ),
        sa.ForeignKeyConstraint(
            ["media_id"],
            ["imgsim.media.media_id"],
            name="media_path_media_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("media_path_id", name="media_path_pkey"),
        sa.UniqueConstraint(
            "host", "path_raw", "media_id", name="media_path_host_path_raw_media_id_key"
        ),
        schema="imgsim",
        comment="Every path at which a media was seen; a later row of the same path took it over",
    )
    op.create_index(
        "media_path_media_id_idx", "media_path", ["media_id"], unique=False, schema="imgsim"
    )

    op.create_table(
        "frame",
        sa.Column(
            "frame_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Surrogate key; embedding tables point here",
        ),
        sa.Column(
            "media_id",
            sa.BigInteger(),
            nullable=False,
            comment="The media this frame was decoded from",
        ),
        sa.Column(
            "frame_index",
            sa.Integer(),
            nullable=False,
            comment="0-based, counts all decodable frames in presentation order; 0 for an image",
        ),
        sa.Column(
            "pts",
            sa.BigInteger(),
            nullable=True,
            comment="Presentation time in units of the media's time base",
        ),
        sa.Column(
            "timestamp_s",
            sa.Double(),
            nullable=True,
            comment="Presentation time in seconds; null for an image",
        ),
        sa.Column(
            "is_blank",
            sa.Boolean(),
            nullable=False,
            comment="Nearly one colour: kept, not embedded",
        ),
        sa.Column(
            "thumbnail",
            sa.LargeBinary(),
            nullable=False,
            comment="JPEG, long side about 160 pixels",
        ),
        sa.ForeignKeyConstraint(
            ["media_id"], ["imgsim.media.media_id"], name="frame_media_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("frame_id", name="frame_pkey"),
        sa.UniqueConstraint("media_id", "frame_index", name="frame_media_id_frame_index_key"),
        schema="imgsim",
        comment="One row per kept frame; an image has one",
    )


def downgrade() -> None:
    for table in ("frame", "media_path", "media"):
        op.drop_table(table, schema="imgsim")
