"""All embeddings of a backbone as arrays, and the exact answers to many queries by them.

Reading everything once and multiplying matrices beats an exact scan per query as soon as there are
a few queries. The index would be faster still; it is not exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from psycopg import Copy, sql

from imgsim.domain import HalfVectors, Vectors
from imgsim.store import schema
from imgsim.store.engine import Session, raw
from imgsim.store.registry import BackboneRow
from imgsim.vectors import TopK

FrameIds = npt.NDArray[np.int64]

_BLOCK_ROWS = 8192
_SIGNATURE_BYTES = 19  # "PGCOPY\n\xff\r\n\0", flags, length of an extension that is empty


def blocks(
    session: Session, backbone: BackboneRow, frame_ids: FrameIds | None = None
) -> Iterator[tuple[FrameIds, HalfVectors]]:
    """Read all embeddings of a backbone revision, some thousands at a time.

    COPY in binary: its rows are of one length, so that numpy reads them without a loop. The layout
    is PostgreSQL's (COPY, "Binary Format") around pgvector's halfvec_send.

    Args:
        session: the database.
        backbone: which.
        frame_ids: int64, shape (n,); only those of these frames, if given.

    Yields:
        frame ids, int64 (n,), and embeddings, float16 (n, dim), in no particular order.
    """
    table = sql.Identifier(schema.SCHEMA, backbone.table.name)
    row = np.dtype(
        [
            *(("fields", ">i2"), ("id_bytes", ">i4"), ("frame_id", ">i8")),
            *(("vector_bytes", ">i4"), ("dim", ">u2"), ("unused", ">u2")),
            ("vector", ">f2", (backbone.dim,)),
        ]
    )
    with session.transaction() as connection, raw(connection).cursor() as cursor:
        source = sql.SQL("SELECT frame_id, embedding FROM {}").format(table)
        if frame_ids is not None:
            source += sql.SQL(" WHERE frame_id = ANY({}::bigint[])").format(frame_ids.tolist())
        with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(source)) as copy:
            for data in _buffers(copy, row.itemsize):
                rows = np.frombuffer(data, row)
                yield rows["frame_id"].astype(np.int64), rows["vector"].astype(np.float16)


def _buffers(copy: Copy, row_bytes: int) -> Iterator[bytes]:
    """Whole rows out of a stream of any pieces, without its head and its trailer."""
    held = bytearray()
    to_skip = _SIGNATURE_BYTES
    for piece in copy:
        held += piece
        if to_skip and len(held) >= to_skip:
            del held[:to_skip]
            to_skip = 0
        if not to_skip and len(held) >= _BLOCK_ROWS * row_bytes:
            whole = len(held) // row_bytes * row_bytes
            yield bytes(held[:whole])
            del held[:whole]
    whole = len(held) // row_bytes * row_bytes
    if whole:
        yield bytes(held[:whole])


def nearest_of_many(
    session: Session, backbone: BackboneRow, queries: Vectors, k: int
) -> tuple[FrameIds, Vectors]:
    """The k nearest frames to each of many queries, exactly; ties by frame id.

    Args:
        session: the database.
        backbone: whose embeddings are compared.
        queries: unit vectors, float32, shape (q, dim).
        k: how many; there are fewer only if the gallery has fewer.

    Returns:
        frame ids, int64 (q, k), and cosine distances, float32 (q, k), nearest first.
    """
    top = TopK(queries, k)
    for frame_ids, vectors in blocks(session, backbone):
        top.feed(frame_ids, vectors)
    return top.nearest()
