"""Create the functions for people in psql: nearest, similar, duplicates_of, ann_recall.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from imgsim.store.engine import raw

revision = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_HIT = """
CREATE TYPE imgsim.hit AS (
    rank integer, frame_id bigint, distance double precision, path text, frame_index integer,
    timestamp_s double precision, media_id bigint
)"""

# A setting of the function holds while it runs and is put back after; what set_config changes
# inside likewise. Every EXECUTE is planned for the values at hand: the planner sees the LIMIT, and
# the twentieth call of a connection follows the index as the first does.
_OPTIONS = (
    "SET hnsw.ef_search = 100 SET hnsw.iterative_scan = relaxed_order SET search_path = @PATH@"
)

_BACKBONE_IN_USE = """
CREATE FUNCTION imgsim.backbone_in_use(backbone text) RETURNS imgsim.backbone
LANGUAGE plpgsql STABLE AS $function$
DECLARE
    found imgsim.backbone;
    others text;
BEGIN
    SELECT b.* INTO found
    FROM imgsim.backbone b
    WHERE backbone_in_use.backbone IN (b.name, b.slug)
      AND EXISTS (SELECT FROM imgsim.coverage c
                  WHERE c.backbone_id = b.backbone_id AND c.embedded > 0)
    ORDER BY b.name = backbone_in_use.backbone DESC, b.backbone_id DESC
    LIMIT 1;
    IF found.backbone_id IS NULL THEN
        SELECT string_agg(DISTINCT b.name, ', ') INTO others
        FROM imgsim.backbone b JOIN imgsim.coverage c USING (backbone_id) WHERE c.embedded > 0;
        RAISE EXCEPTION 'the gallery has no embeddings of backbone ''%''', backbone
        USING ERRCODE = 'invalid_parameter_value',
              HINT = coalesce('It has: ' || others, 'It is empty; run: imgsim ingest PATH...');
    END IF;
    RETURN found;
END
$function$"""

_NEAREST = """
CREATE FUNCTION imgsim.nearest(query halfvec, backbone text, k integer DEFAULT 10)
RETURNS SETOF imgsim.hit
LANGUAGE plpgsql STABLE @OPTIONS@ AS $function$
#variable_conflict use_column
DECLARE
    revision imgsim.backbone := imgsim.backbone_in_use(backbone);
    distance text := 'e.embedding <=> $1';
BEGIN
    IF query IS NULL OR vector_dims(query) <> revision.dim THEN
        RAISE EXCEPTION 'backbone ''%'' has % dimensions, the query has %',
            revision.name, revision.dim, coalesce(vector_dims(query)::text, 'none: it is null')
        USING ERRCODE = 'invalid_parameter_value';
    ELSIF l2_norm(query) = 0 THEN
        RAISE EXCEPTION 'the query is zero, which points nowhere'
        USING ERRCODE = 'invalid_parameter_value';
    ELSIF k IS NULL OR k < 1 THEN
        RAISE EXCEPTION 'k must be 1 or more, not %', coalesce(k::text, 'null')
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF k <= 1000 THEN
        PERFORM set_config('hnsw.ef_search', greatest(100, k)::text, true);
    ELSE  -- the index never returns more than 1,000 rows; no index matches this
        distance := '(e.embedding <=> $1) + 0';
    END IF;
    RETURN QUERY EXECUTE format(
        'WITH near AS MATERIALIZED (
             SELECT e.frame_id, e.embedding <=> $1 AS distance FROM imgsim.%I e
             ORDER BY ' || distance || ' LIMIT %s
         )
         SELECT row_number() OVER (ORDER BY near.distance, near.frame_id)::integer,
                near.frame_id, near.distance, (
                    SELECT p.path FROM imgsim.media_path p WHERE p.media_id = f.media_id
                    ORDER BY p.media_path_id LIMIT 1
                ), f.frame_index, f.timestamp_s, f.media_id
         FROM near JOIN imgsim.frame f ON f.frame_id = near.frame_id
         ORDER BY 1',
        'embedding_' || revision.slug, k
    ) USING query;
END
$function$"""

_EMBEDDING_OF = """
CREATE FUNCTION imgsim.embedding_of(frame_id bigint, backbone text) RETURNS halfvec
LANGUAGE plpgsql STABLE SET search_path = @PATH@ AS $function$
DECLARE
    revision imgsim.backbone := imgsim.backbone_in_use(backbone);
    found halfvec;
BEGIN
    EXECUTE format('SELECT embedding FROM imgsim.%I WHERE frame_id = $1',
                   'embedding_' || revision.slug) INTO found USING frame_id;
    IF found IS NULL THEN
        IF EXISTS (SELECT FROM imgsim.frame f WHERE f.frame_id = embedding_of.frame_id) THEN
            RAISE EXCEPTION 'frame % has no embedding of backbone ''%''', frame_id, revision.name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'It is blank, or its media was not ingested with this backbone.';
        END IF;
        RAISE EXCEPTION 'there is no frame %', coalesce(frame_id::text, 'null')
        USING ERRCODE = 'invalid_parameter_value', HINT = 'imgsim.frame lists all frames.';
    END IF;
    RETURN found;
END
$function$"""

# `similar` is a key word of SQL: fine as a function's name, to be quoted as a label.
_SIMILAR = """
CREATE FUNCTION imgsim.similar(frame_id bigint, backbone text, k integer DEFAULT 10)
RETURNS SETOF imgsim.hit
LANGUAGE plpgsql STABLE SET search_path = @PATH@ AS $function$
#variable_conflict use_column
DECLARE
    query halfvec := imgsim.embedding_of("similar".frame_id, backbone);
BEGIN
    IF k IS NULL OR k < 1 THEN
        RAISE EXCEPTION 'k must be 1 or more, not %', coalesce(k::text, 'null')
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY n.rank)::integer, n.frame_id, n.distance, n.path,
           n.frame_index, n.timestamp_s, n.media_id
    FROM imgsim.nearest(query, backbone, k + 1) n
    WHERE n.frame_id <> "similar".frame_id
    ORDER BY n.rank LIMIT k;
END
$function$"""

_DUPLICATES_OF = """
CREATE FUNCTION imgsim.duplicates_of(
    frame_id bigint, backbone text, max_distance double precision
) RETURNS SETOF imgsim.hit
LANGUAGE plpgsql STABLE SET search_path = @PATH@ AS $function$
#variable_conflict use_column
DECLARE
    query halfvec := imgsim.embedding_of(duplicates_of.frame_id, backbone);
    k integer := 100;
    found integer;
    farthest double precision;
BEGIN
    IF max_distance IS NULL OR max_distance < 0 THEN
        RAISE EXCEPTION 'max_distance must be 0 or more, not %',
            coalesce(max_distance::text, 'null')
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOOP  -- the index gives the k nearest, not all within a distance: ask for more until it does
        SELECT count(*), max(n.distance) INTO found, farthest
        FROM imgsim.nearest(query, backbone, k) n;
        EXIT WHEN farthest > max_distance OR (found < k AND k > 1000);
        -- Fewer than asked for may be the index's limit: the last round, over 1,000, is exact.
        k := CASE WHEN found < k THEN 1001 ELSE k * 10 END;
    END LOOP;
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY n.rank)::integer, n.frame_id, n.distance, n.path,
           n.frame_index, n.timestamp_s, n.media_id
    FROM imgsim.nearest(query, backbone, k) n
    WHERE n.frame_id <> duplicates_of.frame_id AND n.distance <= max_distance
    ORDER BY n.rank;
END
$function$"""

_ANN_RECALL = """
CREATE FUNCTION imgsim.ann_recall(
    backbone text, k integer DEFAULT 10, sample integer DEFAULT 100
) RETURNS double precision
LANGUAGE plpgsql STABLE @OPTIONS@ AS $function$
DECLARE
    revision imgsim.backbone := imgsim.backbone_in_use(backbone);
    recall double precision;
BEGIN
    IF k IS NULL OR k NOT BETWEEN 1 AND 999 OR sample IS NULL OR sample < 1 THEN
        RAISE EXCEPTION 'k must be 1 to 999 and sample 1 or more, not % and %',
            coalesce(k::text, 'null'), coalesce(sample::text, 'null')
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM set_config('hnsw.ef_search', greatest(100, k + 1)::text, true);
    -- A row counts as found if it is as near as the exact k-th: ties are no misses.
    EXECUTE format(
        'SELECT avg(found.hits / exact.hits) FROM (
             SELECT frame_id, embedding FROM imgsim.%1$I
             ORDER BY hashint8extended(frame_id, 0) LIMIT %3$s
         ) q CROSS JOIN LATERAL (
             SELECT count(*)::double precision AS hits, max(distance) AS farthest FROM (
                 SELECT e.embedding <=> q.embedding AS distance FROM imgsim.%1$I e
                 WHERE e.frame_id <> q.frame_id
                 ORDER BY (e.embedding <=> q.embedding) + 0 LIMIT %2$s
             ) nearest
         ) exact CROSS JOIN LATERAL (
             SELECT least(count(*), exact.hits) AS hits FROM (
                 SELECT e.frame_id, e.embedding <=> q.embedding AS distance FROM imgsim.%1$I e
                 ORDER BY e.embedding <=> q.embedding LIMIT %2$s + 1
             ) near WHERE near.frame_id <> q.frame_id AND near.distance <= exact.farthest
         ) found WHERE exact.hits > 0',
        'embedding_' || revision.slug, k, sample
    ) INTO recall;
    RETURN recall;
END
$function$"""

_COMMENTS = {
    "backbone_in_use(text)": "The newest revision of a backbone that has embedded something; an "
    "older one by its slug",
    "embedding_of(bigint, text)": "The embedding of a frame by a backbone",
    "nearest(halfvec, text, integer)": "The k frames nearest to a vector by cosine distance, "
    "through the HNSW index where there is one: select * from nearest(''[...]'', ''vgg16'', 10)",
    "similar(bigint, text, integer)": "The k frames most like a frame, itself left out: "
    "select * from similar(42, ''vgg16'', 10)",
    "duplicates_of(bigint, text, double precision)": "All frames within a cosine distance of a "
    "frame, itself left out: select * from duplicates_of(42, ''vgg16'', 0.02)",
    "ann_recall(text, integer, integer)": "The share of the exact k nearest frames that a search "
    "finds, averaged over a sample of frames; 1 where no index is followed",
}

_HIT_COMMENTS = {
    "rank": "1 is the nearest",
    "frame_id": "The frame",
    "distance": "Cosine distance: 0 the same direction, 2 the opposite",
    "path": "Where its media was first seen",
    "frame_index": "0-based, counts all decodable frames of the media",
    "timestamp_s": "Presentation time in seconds; null for an image",
    "media_id": "The media",
}


def upgrade() -> None:
    connection = op.get_bind()
    where_pgvector_is = connection.execute(
        sa.text(
            "SELECT quote_ident(n.nspname) FROM pg_extension e "
            "JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
        )
    ).scalar_one()
    path = f"pg_catalog, imgsim, {where_pgvector_is}, pg_temp"
    # Only once pgvector is loaded may others than superusers use its settings in a function.
    connection.execute(sa.text("SELECT '[1]'::vector"))
    op.execute(_HIT)
    for function in (
        *(_BACKBONE_IN_USE, _NEAREST, _EMBEDDING_OF, _SIMILAR, _DUPLICATES_OF, _ANN_RECALL),
    ):
        whole = function.replace("@OPTIONS@", _OPTIONS)
        raw(connection).execute(whole.replace("@PATH@", path))  # as it is: % is no placeholder
    for signature, comment in _COMMENTS.items():
        raw(connection).execute(f"COMMENT ON FUNCTION imgsim.{signature} IS '{comment}'")
    for column, comment in _HIT_COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN imgsim.hit.{column} IS '{comment}'")
    op.execute("COMMENT ON TYPE imgsim.hit IS 'A frame that was found; as the functions give it'")
    op.execute("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA imgsim FROM PUBLIC")


def downgrade() -> None:
    for signature in reversed(_COMMENTS):
        op.execute(f"DROP FUNCTION imgsim.{signature}")
    op.execute("DROP TYPE imgsim.hit")
