"""A throw-away database with made-up embeddings, for the benchmarks beside this file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from imgsim.domain import HalfVectors, MediaInfo, MediaKind, MediaStatus, Vectors
from imgsim.store import migrations, registry
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow
from imgsim.store.server import EmbeddedServer
from imgsim.store.staging import FrameRow
from imgsim.store.write import MediaOutcome, open_writer
from imgsim.vectors import l2_normalize

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


def backbone(session: Session, name: str, dim: int) -> BackboneRow:
    """A registered backbone without any network behind it."""
    return registry.register(
        session, name=name, revision="made up", dim=dim, weights_sha256="0", weights_path=None
    )


def publish(session: Session, row: BackboneRow, vectors: HalfVectors, name: str) -> None:
    """Put vectors into the gallery as the frames of one media."""
    outcome = MediaOutcome(
        content_id=name,
        path=Path(f"/{name}"),
        info=MediaInfo(kind=MediaKind.VIDEO, width=1, height=1),
        status=MediaStatus.COMPLETE,
        decoded_frames=len(vectors),
        detail=None,
    )
    with open_writer(session, [row]) as writer:
        writer.claim(name, wait=True)
        for start in range(0, len(vectors), _BATCH):
            part = vectors[start : start + _BATCH]
            indices = range(start, start + len(part))
            writer.stage_frames(1, [_frame(index) for index in indices])
            writer.stage_embeddings(row.backbone_id, [1] * len(part), indices, part)
        writer.publish(1, outcome, "all", {row.backbone_id: len(vectors)})
        writer.release(name)


def _frame(index: int) -> FrameRow:
    return FrameRow(
        frame_index=index, pts=index, timestamp_s=index / 25, is_blank=False, thumbnail=b""
    )
