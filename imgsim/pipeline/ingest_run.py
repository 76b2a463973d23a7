"""One ingest at work: from a list of files to reports, with everything published on the way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from imgsim.domain import MediaInfo, MediaKind, MediaReport, MediaStatus
from imgsim.errors import MediaError
from imgsim.pipeline.batch import BATCH_SIZE, Batch, Lane
from imgsim.pipeline.decoder_messages import Kept, Opened, Task
from imgsim.pipeline.decoding import Decoder
from imgsim.pipeline.file_identity import FileIdentity, identify
from imgsim.pipeline.job import Job, refused, unchanged
from imgsim.pipeline.progress import Progress
from imgsim.reports.readable import readable
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.store import gallery, known_files
from imgsim.store.paths import remember_path
from imgsim.store.write import Writer

_LOOKED_UP_TOGETHER = 500  # paths


class IngestRun:
    """The state of one ingest; may go on with another connection when the first one breaks."""

    def __init__(
        self, lanes: Sequence[Lane], sampling: Sampling, decoder: Decoder, progress: Progress
    ) -> None:
        """Do nothing yet."""
        self.reports: dict[Path, MediaReport] = {}
        self.frames = 0  # kept, of all media
        self.elapsed_s = 0.0  # decoding, embedding, writing; without building networks
        self._lanes = lanes
        self.backbones = [lane.backbone for lane in lanes]
        self._sampling = sampling
        self._decoder = decoder
        self._progress = progress
        self._jobs = 0
        self._decoded: list[Job] = []  # their last frames are in the batch

    def go(self, writer: Writer, files: Iterable[Path]) -> None:
        """Ingest the files that have no report yet.

        Raises:
            DatabaseUnreachable: go on with another writer; what is reported is stored.
            DatabaseError, BackboneError: it makes no sense to go on.
        """
        self._writer = writer
        self._batch = Batch(writer, self._lanes, self._progress.note)
        self._decoded.clear()
        left = self._pass_over_unchanged([path for path in files if path not in self.reports])
        # Content that is under way elsewhere, in another process or here under another path, is
        # left for the end, however long it takes then.
        busy = [path for path in left if not self._take(path)]
        self._publish_decoded()
        for path in busy:
            if not self._take(path):
                self._progress.note(f"waiting for another imgsim that is at {readable(path.name)}")
                self._take(path, wait=True)
            self._publish_decoded()

    def _pass_over_unchanged(self, paths: Sequence[Path]) -> list[Path]:
        """Report the files that are as they were when the gallery took them; gives the others.

        By size and time of modification: a folder of thousands is looked through in seconds.
        """
        left = []
        for at in range(0, len(paths), _LOOKED_UP_TOGETHER):
            some = paths[at : at + _LOOKED_UP_TOGETHER]
            known = known_files.covered_files(
                self._writer.connection, some, self.backbones, self._sampling
            )
            for path in some:
                if path in known:
                    self._report(path, unchanged(path, known[path].media, known[path].embedded))
                else:
                    left.append(path)
        return left

    def _take(self, path: Path, *, wait: bool = False) -> bool:
        """Ingest a file; False if its content is claimed elsewhere and we do not wait."""
        try:
            identity = identify(path)
        except MediaError as error:
            self._report(path, refused(error))
        else:
            if not self._writer.claim(identity.content_id, wait=wait):
                return False
            self._take_claimed(path, identity)
        return True

    def _take_claimed(self, path: Path, identity: FileIdentity) -> None:
        connection, content = self._writer.connection, identity.content_id
        known = gallery.survey(connection, content, self.backbones, self._sampling)
        if known.media and not known.present:
            remember_path(connection, known.media.media_id, path, identity.lasting_status)
            self._writer.release(content)
            self._report(path, unchanged(path, known.media, min(known.covered.values())))
            return
        self._jobs += 1
        job = Job.begin(self._jobs, path, identity, known)
        started = time.monotonic()
        self._decode(job)
        self._decoded.append(job)
        self.elapsed_s += time.monotonic() - started
        self._progress.done(path)
        # A video is worth a batch that is not full; pictures wait until they fill one.
        if _is_video(job) or len(self._decoded) >= BATCH_SIZE:
            self._publish_decoded()

    def _build_networks(self, job: Job) -> None:
        """Take the time off the clock: building takes seconds and is no part of the speed."""
        started = time.monotonic()
        for lane in self._lanes:
            if job.wants(lane.backbone.backbone_id):
                lane.network.embedder(self._progress.note)
        self.elapsed_s -= time.monotonic() - started

    def _decode(self, job: Job) -> None:
        """Put the kept frames of a media into the batch; what ends it early is noted in the job."""
        wanting = [lane for lane in self._lanes if job.wants(lane.backbone.backbone_id)]
        task = Task(
            path=job.path,
            sampling=self._sampling,
            sides=frozenset(lane.network.pinned.input_size for lane in wanting),
            done=frozenset(
                set.intersection(
                    *(job.known.present[lane.backbone.backbone_id] for lane in wanting)
                )
            ),
        )
        try:
            for message in self._decoder.decode(task):
                if isinstance(message, Opened):
                    self._open(job, message.info)
                else:
                    self._keep(job, message)
                    self._progress.at(job.path, message.share, self.frames)
        except MediaError as error:
            job.error = error
        job.decoded_frames = self._decoder.decoded_frames
        job.similar_frames = self._decoder.similar_frames
        if not job.identity.still_holds(job.path):
            job.drop("changed while it was being read; ingest it again when it is complete")

    def _open(self, job: Job, info: MediaInfo) -> None:
        job.info = info
        self._build_networks(job)  # not for files that are no media
        job.sampling = self._sampling.resolved(info)
        if self._sampling.auto and job.sampling != ALL_FRAMES:
            self._progress.note(
                f"{readable(job.path.name)} is long: {job.sampling.describe()} "
                "(--every 1 takes all)"
            )

    def _keep(self, job: Job, kept: Kept) -> None:
        self.frames += 1
        wants = False
        for lane in self._lanes:
            key = lane.backbone.backbone_id
            if lane.takes(job, kept.index):
                wants = True
            elif job.wants(key):
                job.embedded[key] += 1
        if wants and kept.prepared is not None:
            self._batch.add(job, kept.prepared)

    def _publish_decoded(self) -> None:
        """Empty the batch; then every media decoded so far is complete in staging."""
        started = time.monotonic()
        self._batch.flush()
        for job in self._decoded:
            outcome = job.outcome()
            if job.dropped:
                pass  # of the content that was read nothing may be left anywhere
            elif outcome.status is MediaStatus.FAILED:
                self._writer.record_failure(outcome)
            else:
                key = job.sampling.key_for(outcome.info.kind if outcome.info else None)
                self._writer.publish(job.number, outcome, key, job.embedded)
            self._writer.release(job.content_id)
            self.reports[job.path] = job.report()
        self._decoded.clear()
        self.elapsed_s += time.monotonic() - started

    def _report(self, path: Path, report: MediaReport) -> None:
        """Note what became of a file that needs no decoding."""
        self.reports[path] = report
        self._progress.done(path)


def _is_video(job: Job) -> bool:
    return job.info is not None and job.info.kind is MediaKind.VIDEO
