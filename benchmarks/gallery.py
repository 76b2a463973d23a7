"""Galleries with made-up embeddings, for the benchmarks beside this file and for tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Table, func, select

from imgsim.domain import MediaInfo, MediaKind, MediaStatus, Vectors
from imgsim.metrics import ann_recall_at_k
from imgsim.sampling import ALL_FRAMES
from imgsim.store import gallery, migrations, registry, schema, search
from imgsim.store.engine import Session
from imgsim.store.gallery import StoredMedia
from imgsim.store.publication import MediaOutcome, Publication
from imgsim.store.registry import BackboneRow
from imgsim.store.server import EmbeddedServer
from imgsim.store.staging import FrameRow
from imgsim.store.write import Writer, open_writer
from imgsim.vectors import l2_normalize, round_to_half

_BATCH = 5_000


@contextmanager
def temporary_session() -> Iterator[Session]:
    """An empty gallery on a server of its own, gone when the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # under root, the server's user passes through it
        server = EmbeddedServer(Path(folder) / "data")
        url = server.ensure()
        migrations.upgrade(url)
        session = Session(url)
        try:
            yield session
        finally:
            session.close()
            server.stop()


def clustered(count: int, dim: int, seed: int, per_cluster: int = 20) -> Vectors:
    """Unit vectors in clusters, as the frames of scenes are: float32 (count, dim)."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(1, count // per_cluster), dim)).astype(np.float32)
    noise = random.normal(scale=0.4, size=(count, dim)).astype(np.float32)
    return l2_normalize(centres[random.integers(len(centres), size=count)] + noise)


def backbone(session: Session, name: str, dim: int, revision: str = "r1") -> BackboneRow:
    """A registered backbone without any network behind it."""
    return registry.register(
        session, name=name, revision=revision, dim=dim, weights_sha256="0", weights_path=None
    )


def outcome(name: str, frames: int, status: MediaStatus = MediaStatus.COMPLETE) -> MediaOutcome:
    """How decoding a made-up film ended."""
    return MediaOutcome(
        content_id=f"sha256:{name}",
        path=Path(f"/films/{name}.mp4"),
        file_status=None,
        info=MediaInfo(kind=MediaKind.VIDEO, width=64, height=48),
        status=status,
        decoded_frames=frames,
        detail=None,
    )


def failure(name: str) -> Publication:
    """A made-up film of which nothing could be decoded, ready for `Writer.publish`."""
    return Publication(number=0, outcome=outcome(name, 0, MediaStatus.FAILED))


def stored(connection: Connection, name: str) -> StoredMedia | None:
    """The made-up film of this name as the gallery has it."""
    content_id = f"sha256:{name}"
    return gallery.survey(connection, [content_id], [], ALL_FRAMES)[content_id].media


def frames(indices: range) -> list[FrameRow]:
    """Frames of a made-up film at 25 a second."""
    return [
        FrameRow(frame_index=i, pts=i * 512, timestamp_s=i / 25, is_blank=False, thumbnail=b"jpeg")
        for i in indices
    ]


def publish(
    session: Session,
    row: BackboneRow,
    vectors: Vectors,
    name: str = "film",
    sampling: str = "all",
    *,
    dither: bool = True,
) -> None:
    """Put unit vectors, float32 (n, dim), into the gallery as the frames of one media."""
    with open_writer(session, [row]) as writer:
        publish_with(writer, row, vectors, name, sampling, dither=dither)


def publish_with(
    writer: Writer,
    row: BackboneRow,
    vectors: Vectors,
    name: str,
    sampling: str = "all",
    *,
    dither: bool = True,
) -> None:
    """As `publish`, with a writer that goes on to others."""
    film = outcome(name, len(vectors))
    half = round_to_half(vectors, range(len(vectors))) if dither else vectors.astype(np.float16)
    writer.claim([film.content_id])
    for start in range(0, len(half), _BATCH):
        part = half[start : start + _BATCH]
        indices = range(start, start + len(part))
        writer.stage_frames([(1, frame) for frame in frames(indices)])
        writer.stage_embeddings(row.backbone_id, [1] * len(part), indices, part)
    embedded = {row.backbone_id: len(half)}
    writer.publish([Publication(number=1, outcome=film, sampling=sampling, embedded=embedded)])
    writer.release([film.content_id])


def index_recall(session: Session, row: BackboneRow, queries: Vectors, k: int = 10) -> float:
    """How much of the exact top k of each query, float32 (n, dim), the index finds."""

    def top(query: Vectors, *, exact: bool) -> list[int]:
        hits = search.nearest(session, row, query, k, exact=exact).hits
        return [hit.frame.frame_id for hit in hits]

    exact = [top(query, exact=True) for query in queries]
    return ann_recall_at_k(exact, [top(query, exact=False) for query in queries], k)


def sizes(session: Session, *rows: BackboneRow) -> tuple[int, int, list[int]]:
    """How many media, frames, and embeddings of each backbone there are."""

    def count(table: Table) -> int:
        with session.connect() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    return count(schema.media), count(schema.frame), [count(row.table) for row in rows]
