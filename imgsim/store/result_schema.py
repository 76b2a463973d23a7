"""The declared tables of searches that were saved, and of evaluations.

They tell what was found at the time: paths and times are kept as text and numbers, so that a result
stays readable when its media are forgotten.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from imgsim.store.schema import SCHEMA, key_column, metadata, moment_column, reference_column


def _frame_reference(name: str, comment: str) -> Column[int]:
    """A frame that may be forgotten later."""
    return Column(
        name,
        BigInteger,
        ForeignKey(f"{SCHEMA}.frame.frame_id", ondelete="SET NULL"),
        index=True,
        comment=comment,
    )


search = Table(
    "search",
    metadata,
    key_column("search_id", "Surrogate key"),
    Column("command", Text, nullable=False, comment="search or compare"),
    Column("k", Integer, nullable=False, comment="Hits asked for, by query and backbone"),
    moment_column("started_at", "When it began"),
    Column("duration_s", Double, nullable=False, comment="Seconds until the last answer"),
    CheckConstraint("command IN ('search', 'compare')", name="command"),
    CheckConstraint("k > 0", name="k"),
    comment="One row per saved run; a run asks one or more queries of one or more backbones",
)

search_backbone = Table(
    "search_backbone",
    metadata,
    reference_column("search.search_id", "Which run", primary_key=True),
    reference_column(
        "backbone.backbone_id", "Which backbone revision", primary_key=True, index=True
    ),
    Column("exact", Boolean, nullable=False, comment="Every embedding compared, no index followed"),
    Column("ef_search", Integer, comment="As pgvector says it; null for an exact search"),
    Column("gallery_rows", BigInteger, nullable=False, comment="Embeddings there were to find"),
    Column("embed_s", Double, nullable=False, comment="Seconds to embed all queries of the run"),
    Column("search_s", Double, nullable=False, comment="Seconds to answer all queries of the run"),
    comment="How each backbone of a run was asked, and how long it took",
)

query_image = Table(
    "query_image",
    metadata,
    key_column("query_id", "Surrogate key"),
    reference_column("search.search_id", "The run that asked it"),
    Column("position", Integer, nullable=False, comment="Place among the run's queries, from 1"),
    Column("path", Text, nullable=False, comment="As it was given"),
    Column("sha256", Text, nullable=False, comment="Digest of the file's bytes, hex"),
    Column("thumbnail", LargeBinary, nullable=False, comment="JPEG, long side about 160 pixels"),
    Column(
        "truth_source",
        Text,
        comment="given, or content: the gallery holds the same picture; null: not known",
    ),
    _frame_reference("truth_frame_id", "The frame it is known to be; null also once forgotten"),
    Column("truth_path", Text, comment="That frame's file, at the time"),
    Column("truth_frame_index", Integer, comment="That frame's index"),
    Column("truth_timestamp_s", Double, comment="That frame's time, seconds; null for an image"),
    UniqueConstraint("search_id", "position"),
    UniqueConstraint("query_id", "search_id"),
    CheckConstraint("truth_source IN ('given', 'content')", name="truth_source"),
    comment="Pictures that were asked for; the same picture in another run is another row",
)

result = Table(
    "result",
    metadata,
    Column("backbone", Text, nullable=False, comment="Name, which picks the table result_<name>"),
    Column("query_id", BigInteger, nullable=False, comment="Whose hit it is"),
    Column("rank", Integer, nullable=False, comment="1 is the nearest"),
    Column("search_id", BigInteger, nullable=False, comment="The run; as query_image says"),
    Column("backbone_id", BigInteger, nullable=False, comment="The revision that found it"),
    _frame_reference("frame_id", "The hit; null once its media is forgotten"),
    Column("distance", Double, nullable=False, comment="Cosine distance: 0 the same direction"),
    Column(
        "truth_offset",
        Integer,
        comment="Place of the hit less that of the query's true frame, among the frames of their "
        "media that this backbone has embedded; null: other media, or no true frame",
    ),
    Column("path", Text, nullable=False, comment="The hit's file, at the time"),
    Column("frame_index", Integer, nullable=False, comment="The hit's index in its media"),
    Column("timestamp_s", Double, comment="The hit's time, seconds; null for an image"),
    ForeignKeyConstraint(
        ["query_id", "search_id"],
        [f"{SCHEMA}.query_image.query_id", f"{SCHEMA}.query_image.search_id"],
        ondelete="CASCADE",
    ),
    ForeignKeyConstraint(["backbone_id"], [f"{SCHEMA}.backbone.backbone_id"], ondelete="CASCADE"),
    PrimaryKeyConstraint("query_id", "rank", "backbone"),
    Index(None, "search_id"),
    postgresql_partition_by="LIST (backbone)",
    comment="Hits of saved runs; one partition per backbone name, result_<name>",
)

evaluation = Table(
    "evaluation",
    metadata,
    key_column("evaluation_id", "Surrogate key"),
    Column("kind", Text, nullable=False, comment="folders, groups, pairs or copies"),
    Column("source", Text, nullable=False, comment="The folders or file, or how copies were made"),
    Column("seed", BigInteger, nullable=False, comment="Of the sample, the copies, the bootstrap"),
    moment_column("started_at", "When it began"),
    Column("duration_s", Double, nullable=False, comment="Seconds it took"),
    CheckConstraint("kind IN ('folders', 'groups', 'pairs', 'copies')", name="kind"),
    comment="One row per run of imgsim evaluate",
)

evaluation_metric = Table(
    "evaluation_metric",
    metadata,
    reference_column("evaluation.evaluation_id", "Which evaluation", primary_key=True),
    reference_column(
        "backbone.backbone_id", "Which backbone revision", primary_key=True, index=True
    ),
    Column("part", Text, primary_key=True, comment="all, or the kind of copy the queries were"),
    Column("metric", Text, primary_key=True, comment="recall, hit_rate, map or ann_recall"),
    Column("k", Integer, primary_key=True, comment="Hits that count; 0: the whole ranking"),
    Column("value", Double, nullable=False, comment="Mean over the queries, 0 to 1"),
    Column("low", Double, nullable=False, comment="Lower end of the 95 % bootstrap interval"),
    Column("high", Double, nullable=False, comment="Upper end of the 95 % bootstrap interval"),
    Column("queries", Integer, nullable=False, comment="How many queries were asked"),
    Column("gallery_rows", BigInteger, nullable=False, comment="Frames there were to rank"),
    CheckConstraint("metric IN ('recall', 'hit_rate', 'map', 'ann_recall')", name="metric"),
    CheckConstraint("value BETWEEN 0 AND 1 AND low <= high", name="value"),
    comment="How well a backbone found what is labelled as belonging together",
)
