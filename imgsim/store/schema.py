"""The declared tables. Migrations must equal them (`alembic check`); comments reach `\\d+`.

Embedding tables are not here: there is one per backbone revision, made at run time by
`store.embedding_tables`. Nor are the partitions of `result`, by `store.result_tables`.
`store.result_schema` declares the tables of searches and evaluations.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

SCHEMA = "imgsim"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)


def key_column(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, Identity(always=True), primary_key=True, comment=comment)


def reference_column(
    column: str, comment: str, *, primary_key: bool = False, index: bool = False
) -> Column[int]:
    return Column(
        column.rpartition(".")[2],
        BigInteger,
        ForeignKey(f"{SCHEMA}.{column}", ondelete="CASCADE"),
        nullable=False,
        primary_key=primary_key,
        index=index,
        comment=comment,
    )


def moment_column(name: str, comment: str) -> Column[datetime]:
    return Column(
        name, TIMESTAMP(timezone=True), nullable=False, server_default=func.now(), comment=comment
    )


media = Table(
    "media",
    metadata,
    key_column("media_id", "Surrogate key"),
    Column("content_id", Text, nullable=False, unique=True, comment="sha256:<hex> of the bytes"),
    Column("kind", Text, comment="image or video; null when the file could not be opened"),
    Column("width", Integer, comment="Pixels, as displayed (rotation and aspect ratio applied)"),
    Column("height", Integer, comment="Pixels, as displayed (rotation and aspect ratio applied)"),
    Column(
        "duration_s",
        Double,
        comment="Seconds as the container declares them; may be wrong. By its packets where it "
        "declares none",
    ),
    Column("frame_rate", Double, comment="Average frames per second as declared; may be wrong"),
    Column("codec", Text, comment="Name of the decoder's format, for example h264 or jpeg"),
    Column("stream_index", Integer, comment="Which stream of the container was decoded"),
    Column("time_base_num", Integer, comment="Numerator of the unit of frame.pts, in seconds"),
    Column("time_base_den", Integer, comment="Denominator of the unit of frame.pts, in seconds"),
    Column("status", Text, nullable=False, comment="pending, complete, partial or failed"),
    Column("detail", Text, comment="Why the status is not complete"),
    Column(
        "decoded_frames",
        Integer,
        nullable=False,
        server_default="0",
        comment="Frames that decode, whatever the sampling; pages of a document",
    ),
    Column(
        "declared_frames", Integer, comment="Frames as the container declares them; may be wrong"
    ),
    moment_column("ingested_at", "When this content was last published"),
    CheckConstraint("kind IN ('image', 'video')", name="kind"),
    CheckConstraint("status IN ('pending', 'complete', 'partial', 'failed')", name="status"),
    comment="One row per content: the same bytes at two paths are one media",
)

media_path = Table(
    "media_path",
    metadata,
    key_column("media_path_id", "Surrogate key; the lowest whose file exists is used first"),
    reference_column("media.media_id", "What lies at this path", index=True),
    Column("host", Text, nullable=False, comment="Name of the machine that saw the path"),
    Column("path_raw", LargeBinary, nullable=False, comment="The path's bytes; need not be UTF-8"),
    Column(
        "path",
        Text,
        nullable=False,
        comment="Absolute path, readable; bytes that are not UTF-8 replaced",
    ),
    moment_column("seen_at", "When the content was last seen there"),
    Column("size_bytes", BigInteger, comment="Size when the content was last read from there"),
    Column(
        "mtime_ns",
        BigInteger,
        comment="Modification time then, nanoseconds since 1970; null, as the size, where unknown",
    ),
    UniqueConstraint("host", "path_raw", "media_id"),
    comment="Every path at which a media was seen; a later row of the same path took it over",
)

frame = Table(
    "frame",
    metadata,
    key_column("frame_id", "Surrogate key; embedding tables point here"),
    reference_column("media.media_id", "The media this frame was decoded from"),
    Column(
        "frame_index",
        Integer,
        nullable=False,
        comment="0-based, counts all decodable frames in presentation order; pages of a document",
    ),
    Column("pts", BigInteger, comment="Presentation time in units of the media's time base"),
    Column("timestamp_s", Double, comment="Presentation time in seconds; null for an image"),
    Column("is_blank", Boolean, nullable=False, comment="Nearly one colour: kept, not embedded"),
    Column("thumbnail", LargeBinary, nullable=False, comment="JPEG, long side about 160 pixels"),
    UniqueConstraint("media_id", "frame_index"),
    comment="One row per kept frame; an image has one, a document one a page",
)

backbone = Table(
    "backbone",
    metadata,
    key_column("backbone_id", "Surrogate key"),
    Column("name", Text, nullable=False, comment="As in `imgsim backbones`"),
    Column(
        "revision", Text, nullable=False, comment="All that changes the vector, weights included"
    ),
    Column("slug", Text, nullable=False, unique=True, comment="Suffix of embedding_<slug>"),
    Column("dim", Integer, nullable=False, comment="Length of the embedding"),
    Column("measure", Text, nullable=False, comment="Distance measure: cosine"),
    Column("weights_sha256", Text, nullable=False, comment="Digest of the weights file, hex"),
    Column(
        "weights_path", Text, comment="File given with --weights; null for the standard weights"
    ),
    moment_column("created_at", "When the revision was first used"),
    UniqueConstraint("name", "revision"),
    CheckConstraint("slug ~ '^[a-z][a-z0-9_]{0,47}$'", name="slug"),
    CheckConstraint("measure = 'cosine'", name="measure"),
    comment="One row per backbone revision; two revisions are never mixed in one search",
)

coverage = Table(
    "coverage",
    metadata,
    reference_column("media.media_id", "Which media", primary_key=True),
    reference_column(
        "backbone.backbone_id", "By which backbone revision", primary_key=True, index=True
    ),
    Column(
        "sampling",
        Text,
        primary_key=True,
        comment="all, every=N, fps=F, keyframes or scenes; +distinct leaves out similar frames",
    ),
    Column("status", Text, nullable=False, comment="complete or partial"),
    Column(
        "embedded", Integer, nullable=False, comment="Frames of this sampling with an embedding"
    ),
    Column("detail", Text, comment="Why the status is not complete"),
    moment_column("completed_at", "When it was last published"),
    CheckConstraint("status IN ('complete', 'partial')", name="status"),
    comment="What was embedded: the same media, backbone and sampling again is not done again",
)

hnsw_index = Table(
    "hnsw_index",
    metadata,
    reference_column("backbone.backbone_id", "Whose embedding table is indexed", primary_key=True),
    Column("m", Integer, nullable=False, comment="Links per node, as given to pgvector"),
    Column("ef_construction", Integer, nullable=False, comment="As given to pgvector"),
    Column("rows", BigInteger, nullable=False, comment="Rows in the table when it was built"),
    Column("build_s", Double, nullable=False, comment="Seconds the build took"),
    Column("pgvector_version", Text, nullable=False, comment="Extension version that built it"),
    moment_column("built_at", "When the build ended"),
    Column("ef_search", Integer, comment="Of searches, by `imgsim index tune`; null: 100"),
    Column(
        "tuned_recall",
        Double,
        comment="Share of the exact neighbours that the index finds at ef_search; null: not "
        "measured on this index",
    ),
    Column("tuned_k", Integer, comment="How many neighbours were asked for then"),
    CheckConstraint("ef_search BETWEEN 1 AND 1000", name="ef_search"),
    comment="How each HNSW index was built; never read from the index's name",
)
