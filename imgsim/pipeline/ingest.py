"""Ingest: files -> frames -> embeddings -> gallery.

Frames of several media share a batch, so that a folder of photos runs as fast as a video. A media
is published once all its frames have been through the networks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from imgsim.domain import Frame, IngestReport, MediaKind, MediaReport, MediaStatus
from imgsim.errors import DatabaseError, MediaError
from imgsim.pipeline.batch import BATCH_SIZE, Batch, Lane
from imgsim.pipeline.discover import discover
from imgsim.pipeline.embedders import Choice, open_networks, register
from imgsim.pipeline.frames import content_id, prepare
from imgsim.pipeline.job import Job, refused, unchanged
from imgsim.pipeline.progress import Progress, Silent, share_of
from imgsim.reports.readable import readable
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.sources import open_media
from imgsim.store import gallery, indexes
from imgsim.store.engine import Session
from imgsim.store.paths import remember_path
from imgsim.store.write import Writer, open_writer


def ingest(
    session: Session,
    inputs: Iterable[str],
    *,
    choice: Choice | None = None,
    sampling: Sampling = ALL_FRAMES,
    progress: Progress | None = None,
) -> IngestReport:
    """Put images and videos into the gallery, with the embeddings of each chosen backbone.

    Args:
        session: the database.
        inputs: files, folders (walked recursively) and glob patterns.
        choice: which backbones; the default one if None.
        sampling: which frames of a video to keep.
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
        report = _ingest_files(session, files, choice or Choice(), sampling, progress)
    media = [*report.media, *(refused(item) for item in found if isinstance(item, MediaError))]
    order = {str(getattr(item, "path", item)): position for position, item in enumerate(found)}
    return replace(report, media=tuple(sorted(media, key=lambda item: order[item.path])))


def _ingest_files(
    session: Session, files: list[Path], choice: Choice, sampling: Sampling, progress: Progress
) -> IngestReport:
    lanes = [
        Lane(network=network, backbone=register(session, network, progress.note))
        for network in open_networks(session, choice)
    ]
    with open_writer(session, [lane.backbone for lane in lanes], progress.note) as writer:
        run = _Run(writer, lanes, sampling, progress)
        for path in run.take(files):
            run.take_when_free(path)
    if run.frames:
        _build_due_indexes(session, lanes, progress)
    return IngestReport(media=tuple(run.reports), frames=run.frames, elapsed_s=run.elapsed_s)


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


class _Run:
    """The state of one ingest."""

    def __init__(
        self, writer: Writer, lanes: Sequence[Lane], sampling: Sampling, progress: Progress
    ) -> None:
        self.reports: list[MediaReport] = []
        self.frames = 0  # kept, of all media
        self.elapsed_s = 0.0  # decoding, embedding, writing; without building networks
        self._writer = writer
        self._lanes = lanes
        self._sampling = sampling
        self._progress = progress
        self._batch = Batch(writer, lanes, progress.note)
        self._jobs = 0
        self._decoded: list[Job] = []  # their last frames are in the batch

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Ingest files; gives back those whose content is under way elsewhere.

        That may be in another process, or in this run under another path.
        """
        busy = [path for path in paths if not self._take(path)]
        self._publish_decoded()
        return busy

    def take_when_free(self, path: Path) -> None:
        """Ingest a file, however long its content is under way elsewhere."""
        if not self._take(path):
            self._progress.note(f"waiting for another imgsim that is at {readable(path.name)}")
            self._take(path, wait=True)
        self._publish_decoded()

    def _take(self, path: Path, *, wait: bool = False) -> bool:
        """Ingest a file, unless its content is claimed already."""
        try:
            content = content_id(path)
        except MediaError as error:
            self.reports.append(refused(error))
        else:
            if not self._writer.claim(content, wait=wait):
                return False
            self._take_claimed(path, content)
        self._progress.done(path)
        return True

    def _take_claimed(self, path: Path, content: str) -> None:
        connection = self._writer.connection
        backbones = [lane.backbone for lane in self._lanes]
        known = gallery.survey(connection, content, backbones, self._sampling)
        if known.media and (report := unchanged(path, known)):
            remember_path(connection, known.media.media_id, path)
            self._writer.release(content)
            self.reports.append(report)
            return
        self._jobs += 1
        job = Job.begin(self._jobs, path, content, known)
        self._build_networks(job)
        started = time.monotonic()
        self._decode(job)
        self._decoded.append(job)
        self.elapsed_s += time.monotonic() - started
        # A video is worth a batch that is not full; pictures wait until they fill one.
        if _is_video(job) or len(self._decoded) >= BATCH_SIZE:
            self._publish_decoded()

    def _build_networks(self, job: Job) -> None:
        """Before the clock runs: building takes seconds and is no part of the work's speed."""
        for lane in self._lanes:
            if job.wants(lane.backbone.backbone_id):
                lane.network.embedder(self._progress.note)

    def _decode(self, job: Job) -> None:
        """Put the kept frames of a media into the batch; what ends it early is noted in the job."""
        try:
            with open_media(job.path) as media:
                job.info = media.info
                try:
                    for frame in media.frames(self._sampling):
                        self._keep(job, frame)
                        self._progress.at(job.path, share_of(media), self.frames)
                finally:
                    job.decoded_frames = media.decoded_frames
        except MediaError as error:
            job.error = error

    def _keep(self, job: Job, frame: Frame) -> None:
        self.frames += 1
        takers = [lane for lane in self._lanes if lane.takes(job, frame.index)]
        for lane in self._lanes:
            key = lane.backbone.backbone_id
            if job.wants(key) and lane not in takers:
                job.embedded[key] += 1
        if takers:
            sizes = {lane.network.pinned.input_size for lane in takers}
            self._batch.add(job, prepare(frame, sizes))

    def _publish_decoded(self) -> None:
        """Empty the batch; then every media decoded so far is complete in staging."""
        started = time.monotonic()
        self._batch.flush()
        for job in self._decoded:
            outcome = job.outcome()
            if outcome.status is MediaStatus.FAILED:
                self._writer.record_failure(outcome)
            else:
                key = self._sampling.key_for(outcome.info.kind if outcome.info else None)
                self._writer.publish(job.number, outcome, key, job.embedded)
            self._writer.release(job.content_id)
            self.reports.append(job.report())
        self._decoded.clear()
        self.elapsed_s += time.monotonic() - started


def _is_video(job: Job) -> bool:
    return job.info is not None and job.info.kind is MediaKind.VIDEO
