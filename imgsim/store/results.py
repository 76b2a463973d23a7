"""Saving a run's questions and hits."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, Connection, any_, func, insert, literal, select

from imgsim.comparison import Question, Run, TrueFrame
from imgsim.domain import QueryResult
from imgsim.store import engine, result_schema, schema
from imgsim.store.engine import Session
from imgsim.store.paths import readable
from imgsim.store.registry import BackboneRow, backbones

_HIT = (
    "COPY imgsim.result (backbone, query_id, rank, search_id, backbone_id, frame_id, distance, "
    "truth_offset, path, frame_index, timestamp_s) FROM STDIN (FORMAT BINARY)"
)
_HIT_TYPES = (
    *("text", "int8", "int4", "int8", "int8", "int8", "float8"),
    *("int4", "text", "int4", "float8"),
)


def save(
    session: Session,
    command: str,
    run: Run,
    results: Sequence[QueryResult],
    known: Sequence[TrueFrame | None],
    offsets: Sequence[Sequence[int | None]],
) -> int:
    """Save a run, in one transaction.

    Args:
        session: the database.
        command: search or compare.
        run: what was asked of whom.
        results: by question, then by backbone.
        known: the true frame of each question.
        offsets: for each hit of each result, its place less the true frame's; see
            `result.truth_offset`.

    Returns:
        The search_id.
    """
    rows = {row.backbone_id: row for row in backbones(session)}
    with session.transaction() as connection:
        there = _lock_frames(connection, results, known)
        search_id = _insert_run(connection, command, run, rows)
        queries = [
            _insert_question(connection, search_id, position, question, true, there)
            for position, (question, true) in enumerate(
                zip(run.questions, known, strict=True), start=1
            )
        ]
        owners = [(query_id, asked) for query_id in queries for asked in run.backbones]
        with engine.raw(connection).cursor() as cursor, cursor.copy(_HIT) as copy:
            copy.set_types(_HIT_TYPES)
            for (query_id, asked), result, places in zip(owners, results, offsets, strict=True):
                for hit, offset in zip(result.hits, places, strict=True):
                    frame = hit.frame
                    copy.write_row(
                        (
                            *(asked.backbone, query_id, hit.rank, search_id, asked.backbone_id),
                            *(frame.frame_id if frame.frame_id in there else None, hit.distance),
                            *(offset, readable(frame.path), frame.frame_index, frame.timestamp_s),
                        )
                    )
    return search_id


def _lock_frames(
    connection: Connection, results: Sequence[QueryResult], known: Sequence[TrueFrame | None]
) -> set[int]:
    """The frames that are still there, held so that none is forgotten before the commit."""
    wanted = {hit.frame.frame_id for result in results for hit in result.hits}
    wanted |= {true.frame_id for true in known if true}
    frame_id = schema.frame.c.frame_id
    query = (
        select(frame_id)
        .where(frame_id == any_(literal(sorted(wanted), ARRAY(BigInteger))))
        .order_by(frame_id)
        .with_for_update(read=True, key_share=True)
    )
    return set(connection.execute(query).scalars())


def _insert_run(
    connection: Connection, command: str, run: Run, rows: dict[int, BackboneRow]
) -> int:
    table = result_schema.search
    search_id: int = connection.execute(
        insert(table)
        .values(command=command, k=run.k, started_at=run.started_at, duration_s=run.duration_s)
        .returning(table.c.search_id)
    ).scalar_one()
    for asked in run.backbones:
        count = select(func.count()).select_from(rows[asked.backbone_id].table)
        connection.execute(
            insert(result_schema.search_backbone).values(
                search_id=search_id,
                backbone_id=asked.backbone_id,
                exact=asked.exact,
                ef_search=asked.ef_search,
                gallery_rows=count.scalar_subquery(),
                embed_s=asked.embed_s,
                search_s=asked.search_s,
            )
        )
    return search_id


def _insert_question(
    connection: Connection,
    search_id: int,
    position: int,
    question: Question,
    true: TrueFrame | None,
    there: set[int],
) -> int:
    table = result_schema.query_image
    query_id: int = connection.execute(
        insert(table)
        .values(
            search_id=search_id,
            position=position,
            path=readable(question.path),
            sha256=question.sha256,
            thumbnail=question.thumbnail,
            truth_source=true.source.value if true else None,
            truth_frame_id=true.frame_id if true and true.frame_id in there else None,
            truth_path=readable(true.path) if true else None,
            truth_frame_index=true.frame_index if true else None,
            truth_timestamp_s=true.timestamp_s if true else None,
        )
        .returning(table.c.query_id)
    ).scalar_one()
    return query_id
