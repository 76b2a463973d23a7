"""Ingest: files -> frames -> embeddings -> gallery.

Frames of several media share a batch, so that a folder of photos runs as fast as a video. A media
is published once all its frames have been through the networks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from imgsim.domain import IngestReport
from imgsim.errors import DatabaseError, DatabaseUnreachable, MediaError
from imgsim.pipeline.batch import Lane
from imgsim.pipeline.decoder_pool import DecoderPool
from imgsim.pipeline.discover import discover
from imgsim.pipeline.embedders import Choice, open_networks, register
from imgsim.pipeline.ingest_run import IngestRun
from imgsim.pipeline.job import refused
from imgsim.pipeline.progress import Progress, Silent
from imgsim.sampling import AUTO, Sampling
from imgsim.store import indexes
from imgsim.store.engine import Session
from imgsim.store.write import open_writer

# What we do may be what makes the server fall over; then trying for ever would do no good.
_AT_ONCE_S = 120.0
_AT_ONCE_LIMIT = 3

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for what may never come, seconds."""

    decoder_s: float = 60.0
    """From one frame to the next. The slowest honest pictures, of 179 megapixels, take a tenth."""
    database_s: float = 60.0
    """A database that restarts is back in seconds; one that failed over, in less than this."""


def ingest(
    session: Session,
    inputs: Iterable[str],
    *,
    choice: Choice | None = None,
    sampling: Sampling = AUTO,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Put images and videos into the gallery, with the embeddings of each chosen backbone.

    Args:
        session: the database.
        inputs: files, folders (walked recursively) and glob patterns.
        choice: which backbones; the default one if None.
        sampling: which frames of a video to keep; by its length if left out.
        patience: how long to wait for decoders and the database.
        progress: is told how it goes.

    Returns:
        What became of each path. A file that cannot be used is reported, not raised: the others
        are stored.

    Raises:
        DatabaseError, BackboneError: nothing further can be stored. Media published so far stay.
    """
    progress = progress or Silent()
    found = list(discover(inputs))
    files = [item for item in found if isinstance(item, Path)]
    progress.start(len(files))
    report = IngestReport(media=(), frames=0, elapsed_s=0.0)
    if files:
        report = _ingest_files(
            session, files, choice or Choice(), sampling, patience or Patience(), progress
        )
    media = [*report.media, *(refused(item) for item in found if isinstance(item, MediaError))]
    order = {str(getattr(item, "path", item)): position for position, item in enumerate(found)}
    return replace(report, media=tuple(sorted(media, key=lambda item: order[item.path])))


def _ingest_files(
    session: Session,
    files: list[Path],
    choice: Choice,
    sampling: Sampling,
    patience: Patience,
    progress: Progress,
) -> IngestReport:
    def prepare() -> list[Lane]:
        return [
            Lane(network=network, backbone=register(session, network, progress.note))
            for network in open_networks(session, choice)
        ]

    lanes = _patiently(session, prepare, patience.database_s, progress)
    with closing(DecoderPool(patience.decoder_s)) as decoders:
        run = IngestRun(lanes, sampling, decoders, progress)

        def go() -> None:
            with open_writer(session, run.backbones, progress.note) as writer:
                run.go(writer, files)

        _patiently(session, go, patience.database_s, progress)
    _build_due_indexes(session, lanes, progress)
    reports = tuple(run.reports[path] for path in files)
    return IngestReport(media=reports, frames=run.frames, elapsed_s=run.elapsed_s)


def _patiently(
    session: Session, action: Callable[[], _Result], timeout_s: float, progress: Progress
) -> _Result:
    """Do something with the database, and again from the start each time it comes back.

    Raises:
        DatabaseUnreachable: it did not come back in time, or goes away again and again at once.
    """
    at_once = 0
    while True:
        began = time.monotonic()
        try:
            return action()
        except DatabaseUnreachable:
            at_once = at_once + 1 if time.monotonic() - began < _AT_ONCE_S else 1
            if at_once > _AT_ONCE_LIMIT:
                raise
            progress.note(
                f"the database does not answer any more; waiting up to {timeout_s:.0f} s for it. "
                "What was finished before is stored."
            )
            if not session.wait_until_reachable(timeout_s):
                raise
            progress.note("the database is back; going on")


def _build_due_indexes(session: Session, lanes: Sequence[Lane], progress: Progress) -> None:
    """Build what has become due. All media are stored by now, so a failure is only told."""
    for lane in lanes:
        name = lane.backbone.name
        try:
            build_s = indexes.build_if_due(session, lane.backbone, progress.note)
        except DatabaseError as error:
            progress.note(
                f"no HNSW index was built for {name}: {error} Searches compare every frame "
                "meanwhile; `imgsim index rebuild` tries again."
            )
        else:
            if build_s is not None:
                progress.note(f"HNSW index of {name} built in {build_s:.1f} s")
