"""Create schema bi: a star schema for Power BI and other readers.

Its columns have types that every driver knows: no vector, array, bytea, uuid or timestamptz.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from imgsim.store.engine import raw
from imgsim.store.result_tables import create_match_view

revision = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

_FILE_NAME = "regexp_replace({}, '^.*[/\\\\]', '')"
_UTC = "({} AT TIME ZONE 'UTC')"
_IMAGE = (
    "CASE WHEN octet_length({0}) <= 23900 "
    "THEN 'data:image/jpeg;base64,' || translate(encode({0}, 'base64'), E'\\n', '') END"
)
_PICTURE = "Thumbnail as a data URI, under 32,000 characters"

# View: what it is, its columns (name, expression, what it says), and where they come from.
_VIEWS: dict[str, tuple[str, tuple[tuple[str, str, str], ...], str]] = {
    "dim_backbone": (
        "One row per backbone revision",
        (
            ("backbone_id", "b.backbone_id", "Key"),
            ("backbone", "b.name", "Name, as in `imgsim backbones`"),
            ("label", "b.slug", "The name, with a number from its second revision on"),
            ("revision", "b.revision", "All that changes the vector, weights included"),
            ("dim", "b.dim", "Length of an embedding"),
            ("vector_bytes", "2 * b.dim + 8", "Bytes that PostgreSQL stores for one embedding"),
            ("created_at", _UTC.format("b.created_at"), "When it was first used, UTC"),
        ),
        "imgsim.backbone b",
    ),
    "dim_media": (
        "One row per content of the gallery",
        (
            ("media_id", "m.media_id", "Key"),
            ("file_name", _FILE_NAME.format("p.path"), "The last part of the path"),
            ("path", "p.path", "Where it was first seen"),
            ("host", "p.host", "On which machine"),
            ("kind", "m.kind", "image or video; null when it could not be opened"),
            ("status", "m.status", "pending, complete, partial or failed"),
            ("detail", "m.detail", "Why the status is not complete"),
            ("width", "m.width", "Pixels, as displayed"),
            ("height", "m.height", "Pixels, as displayed"),
            ("duration_s", "m.duration_s", "Seconds, as declared"),
            ("frame_rate", "m.frame_rate", "Average frames per second, as declared"),
            ("codec", "m.codec", "Name of the decoder's format"),
            ("decoded_frames", "m.decoded_frames", "Frames that decode"),
            ("declared_frames", "m.declared_frames", "Frames as the container declares them"),
            ("kept_frames", "coalesce(f.kept, 0)", "Frames kept in the gallery"),
            ("blank_frames", "coalesce(f.blank, 0)", "Of these, nearly one colour: not embedded"),
            ("ingested_at", _UTC.format("m.ingested_at"), "When it was last published, UTC"),
            ("ingested_on", f"{_UTC.format('m.ingested_at')}::date", "The same, the day"),
        ),
        "imgsim.media m "
        "LEFT JOIN (SELECT DISTINCT ON (media_id) media_id, path, host FROM imgsim.media_path "
        "ORDER BY media_id, media_path_id) p ON p.media_id = m.media_id "
        "LEFT JOIN (SELECT media_id, count(*) AS kept, count(*) FILTER (WHERE is_blank) AS blank "
        "FROM imgsim.frame GROUP BY media_id) f ON f.media_id = m.media_id",
    ),
    "dim_frame": (
        "One row per kept frame",
        (
            ("frame_id", "f.frame_id", "Key"),
            ("media_id", "f.media_id", "Its media: dim_media"),
            ("frame_index", "f.frame_index", "0-based, counts all decodable frames"),
            ("timestamp_s", "f.timestamp_s", "Presentation time, seconds; null for an image"),
            ("is_blank", "f.is_blank", "Nearly one colour: kept, not embedded"),
        ),
        "imgsim.frame f",
    ),
    "dim_frame_image": (
        "Pictures of the frames that occur in results; of all frames they would be gigabytes",
        (
            ("frame_id", "f.frame_id", "Key: dim_frame"),
            ("image", _IMAGE.format("f.thumbnail"), _PICTURE),
        ),
        "imgsim.frame f WHERE EXISTS (SELECT FROM imgsim.result r WHERE r.frame_id = f.frame_id) "
        "OR EXISTS (SELECT FROM imgsim.query_image q WHERE q.truth_frame_id = f.frame_id)",
    ),
    "dim_search": (
        "One row per saved run of imgsim compare or imgsim search --save",
        (
            ("search_id", "s.search_id", "Key"),
            ("command", "s.command", "search or compare"),
            ("k", "s.k", "Hits asked for, by query and backbone"),
            ("started_at", _UTC.format("s.started_at"), "When it began, UTC"),
            ("started_on", f"{_UTC.format('s.started_at')}::date", "The same, the day"),
            ("duration_s", "s.duration_s", "Seconds until the last answer"),
        ),
        "imgsim.search s",
    ),
    "dim_query": (
        "One row per picture that was asked for, in each run",
        (
            ("query_id", "q.query_id", "Key"),
            ("search_id", "q.search_id", "The run: dim_search"),
            ("position", "q.position", "Place among the run's queries, from 1"),
            ("file_name", _FILE_NAME.format("q.path"), "The last part of the path"),
            ("path", "q.path", "As it was given"),
            ("image", _IMAGE.format("q.thumbnail"), _PICTURE),
            ("truth_source", "q.truth_source", "given, or content; null: true frame not known"),
            ("truth_frame_id", "q.truth_frame_id", "The frame it is known to be: dim_frame"),
            ("truth_path", "q.truth_path", "That frame's file, at the time"),
            ("truth_frame_index", "q.truth_frame_index", "That frame's index"),
            ("truth_timestamp_s", "q.truth_timestamp_s", "That frame's time, seconds"),
        ),
        "imgsim.query_image q",
    ),
    "dim_evaluation": (
        "One row per run of imgsim evaluate",
        (
            ("evaluation_id", "e.evaluation_id", "Key"),
            ("kind", "e.kind", "folders, groups, pairs or copies"),
            ("source", "e.source", "The folders or file, or how copies were made"),
            ("seed", "e.seed", "Of the sample, the copies, the bootstrap"),
            ("started_at", _UTC.format("e.started_at"), "When it began, UTC"),
            ("duration_s", "e.duration_s", "Seconds it took"),
        ),
        "imgsim.evaluation e",
    ),
    "fact_match": (
        "One row per hit",
        (
            ("search_id", "r.search_id", "The run: dim_search"),
            ("query_id", "r.query_id", "The query: dim_query"),
            ("backbone_id", "r.backbone_id", "Who found it: dim_backbone"),
            ("frame_id", "r.frame_id", "The hit: dim_frame; null once its media is forgotten"),
            ("media_id", "f.media_id", "The hit's media: dim_media; null once forgotten"),
            ("backbone", "r.backbone", "Name of the backbone"),
            ("rank", "r.rank", "1 is the nearest"),
            ("distance", "r.distance", "Cosine distance: 0 is the same direction, 2 the opposite"),
            ("similarity", "1 - r.distance", "1 less the distance"),
            (
                "truth_offset",
                "r.truth_offset",
                "How many embedded frames after the true frame, 0: it is the true frame; "
                "null: other media, or no true frame",
            ),
            ("is_match", "coalesce(r.truth_offset = 0, false)", "It is the query's true frame"),
            ("file_name", _FILE_NAME.format("r.path"), "The last part of the path"),
            ("path", "r.path", "The hit's file, at the time"),
            ("frame_index", "r.frame_index", "The hit's index in its media"),
            ("timestamp_s", "r.timestamp_s", "The hit's time, seconds; null for an image"),
        ),
        "imgsim.result r LEFT JOIN imgsim.frame f ON f.frame_id = r.frame_id",
    ),
    "fact_search_backbone": (
        "How each backbone of a run was asked, and how long it took",
        (
            ("search_id", "s.search_id", "The run: dim_search"),
            ("backbone_id", "s.backbone_id", "Who was asked: dim_backbone"),
            ("exact", "s.exact", "Every embedding compared, no index followed"),
            ("ef_search", "s.ef_search", "Width of the index search; null for an exact one"),
            ("gallery_rows", "s.gallery_rows", "Embeddings there were to find"),
            (
                "embed_ms",
                "1000 * s.embed_s / nullif(q.queries, 0)",
                "Milliseconds to embed a query, on average",
            ),
            (
                "search_ms",
                "1000 * s.search_s / nullif(q.queries, 0)",
                "Milliseconds to answer a query, on average",
            ),
        ),
        "imgsim.search_backbone s LEFT JOIN (SELECT search_id, count(*) AS queries "
        "FROM imgsim.query_image GROUP BY search_id) q ON q.search_id = s.search_id",
    ),
    "fact_coverage": (
        "Which media were embedded by which backbone and sampling",
        (
            ("media_id", "c.media_id", "Which media: dim_media"),
            ("backbone_id", "c.backbone_id", "By which backbone: dim_backbone"),
            ("sampling", "c.sampling", "all, every=N, fps=F, keyframes or scenes"),
            ("status", "c.status", "complete or partial"),
            ("embedded", "c.embedded", "Frames of this sampling with an embedding"),
            ("completed_at", _UTC.format("c.completed_at"), "When it was last published, UTC"),
        ),
        "imgsim.coverage c",
    ),
    "fact_evaluation": (
        "How well a backbone found what is labelled as belonging together",
        (
            ("evaluation_id", "e.evaluation_id", "Which evaluation: dim_evaluation"),
            ("backbone_id", "e.backbone_id", "Which backbone: dim_backbone"),
            ("part", "e.part", "all, or the kind of copy the queries were"),
            ("metric", "e.metric", "recall, hit_rate, map or ann_recall"),
            ("k", "e.k", "Hits that count; 0: the whole ranking"),
            ("value", "e.value", "Mean over the queries, 0 to 1"),
            ("low", "e.low", "Lower end of the 95 % bootstrap interval"),
            ("high", "e.high", "Upper end of the 95 % bootstrap interval"),
            ("queries", "e.queries", "How many queries were asked"),
            ("gallery_rows", "e.gallery_rows", "Frames there were to rank"),
        ),
        "imgsim.evaluation_metric e",
    ),
}


def upgrade() -> None:
    connection = op.get_bind()
    postgres = raw(connection)  # statements as they are: % and : are no placeholders
    postgres.execute("CREATE SCHEMA bi")
    postgres.execute("COMMENT ON SCHEMA bi IS 'Views for Power BI and other readers'")
    for view, (meaning, columns, source) in _VIEWS.items():
        selected = ", ".join(f"{expression} AS {name}" for name, expression, _ in columns)
        create = f"CREATE VIEW bi.{view} AS SELECT {selected} FROM {source}"  # noqa: S608 - ours
        postgres.execute(create)
        postgres.execute(f"COMMENT ON VIEW bi.{view} IS '{meaning}'")
        for name, _, comment in columns:
            quoted = comment.replace("'", "''")
            postgres.execute(f"COMMENT ON COLUMN bi.{view}.{name} IS '{quoted}'")
    names = connection.execute(sa.text("SELECT DISTINCT name FROM imgsim.backbone")).scalars().all()
    for name in names:
        create_match_view(connection, name)


def downgrade() -> None:
    connection = op.get_bind()
    made = connection.execute(
        sa.text("SELECT viewname FROM pg_views WHERE schemaname = 'bi' AND viewname ~ :ours"),
        {"ours": "^fact_match_"},
    )
    for view in (*made.scalars().all(), *reversed(_VIEWS)):
        op.execute(f'DROP VIEW bi."{view}"')
    op.execute("DROP SCHEMA bi")
