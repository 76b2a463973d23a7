"""One ingest at work: from a list of files to reports, with everything published on the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgsim.domain import MediaInfo, MediaKind, MediaReport, MediaStatus
from imgsim.errors import MediaError
from imgsim.pipeline.batch import Batches, Lane
from imgsim.pipeline.decoder_messages import Kept, Opened, Task
from imgsim.pipeline.decoder_pool import DecoderPool, Decoding
from imgsim.pipeline.file_identity import FileIdentity, identify
from imgsim.pipeline.job import Job, refused, unchanged
from imgsim.pipeline.progress import Progress
from imgsim.reports.readable import readable
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.store import gallery, known_files
from imgsim.store.paths import remember_paths
from imgsim.store.publication import Publication
from imgsim.store.write import Writer

_LOOKED_UP_TOGETHER = 500  # paths
_AHEAD = 64  # files that are claimed and given to decoders before their turn, and ...
_AHEAD_BYTES = 64 << 20  # ... about so many bytes: what is claimed behind a film waits for hours
_CLAIMED_TOGETHER = 32


class IngestRun:
    """The state of one ingest; may go on with another connection when the first one breaks."""

    def __init__(
        self, lanes: Sequence[Lane], sampling: Sampling, decoders: DecoderPool, progress: Progress
    ) -> None:
        """Do nothing yet."""
        self.reports: dict[Path, MediaReport] = {}
        self.frames = 0  # kept, of all media
        self.elapsed_s = 0.0  # reading, decoding, embedding, writing; without building networks
        self._lanes = lanes
        self.backbones = [lane.backbone for lane in lanes]
        self._sampling = sampling
        self._decoders = decoders
        self._progress = progress
        self._jobs = 0
        self._waiting: deque[tuple[Job, Decoding]] = deque()

    def go(self, writer: Writer, files: Sequence[Path]) -> None:
        """Ingest the files that have no report yet.

        Raises:
            DatabaseUnreachable: go on with another writer; what is reported is stored.
            DatabaseError, BackboneError: it makes no sense to go on.
        """
        self._writer = writer
        self._waiting.clear()
        self._decoders.forget()
        left = self._pass_over_unchanged([path for path in files if path not in self.reports])
        began = time.monotonic()
        self._batches = Batches(writer, self._lanes, self._progress.note, self._publish)
        try:
            # Content that is under way elsewhere, in another process or here under another path,
            # is left for the end, however long it takes then.
            for path in self._ingest(left):
                self._ingest_patiently(path)
        finally:
            self._batches.close()
            self.elapsed_s += time.monotonic() - began

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

    def _ingest(self, paths: Sequence[Path]) -> list[Path]:
        """Ingest files, many of them at once; gives those whose content is claimed elsewhere."""
        busy = []
        for some in self._identified(paths):
            busy.extend(self._admit(some))
            while self._is_far_ahead():
                self._collect(*self._waiting.popleft())
        while self._waiting:
            self._collect(*self._waiting.popleft())
        self._batches.finish()
        return busy

    def _is_far_ahead(self) -> bool:
        size = sum(job.identity.status.st_size for job, _ in self._waiting)
        return len(self._waiting) > _AHEAD or size > _AHEAD_BYTES

    def _ingest_patiently(self, path: Path) -> None:
        """Ingest a file whose content somebody is at, once they are done."""
        for some in self._identified([path]):
            (identity,) = some.values()
            if not self._writer.claim([identity.content_id]):
                self._progress.note(f"waiting for another imgsim that is at {readable(path.name)}")
                self._writer.claim_patiently(identity.content_id)
            self._admit_claimed(some)
        self._ingest([])

    def _identified(self, paths: Sequence[Path]) -> Iterator[dict[Path, FileIdentity]]:
        """Files with what they hold, some at a time; files that cannot be read are reported."""
        some: dict[Path, FileIdentity] = {}
        size = 0
        for path in paths:
            try:
                some[path] = identify(path)
            except MediaError as error:
                self._report(path, refused(error))
                continue
            size += some[path].status.st_size
            if len(some) >= _CLAIMED_TOGETHER or size >= _AHEAD_BYTES:
                yield some
                some, size = {}, 0
        if some:
            yield some

    def _admit(self, files: dict[Path, FileIdentity]) -> list[Path]:
        """Have what is left to do of some files done; gives those claimed elsewhere."""
        first = {identity.content_id: path for path, identity in reversed(files.items())}
        claimed = self._writer.claim(list(first))
        mine = {first[each]: files[first[each]] for each in first if each in claimed}
        self._admit_claimed({path: mine[path] for path in files if path in mine})
        return [path for path in files if path not in mine]

    def _admit_claimed(self, files: dict[Path, FileIdentity]) -> None:
        connection = self._writer.connection
        contents = [identity.content_id for identity in files.values()]
        known = gallery.survey(connection, contents, self.backbones, self._sampling)
        for path, identity in files.items():
            survey = known[identity.content_id]
            if survey.media and not survey.present:
                seen = (survey.media.media_id, path, identity.lasting_status)
                remember_paths(connection, [seen])
                self._writer.release([identity.content_id])
                self._report(path, unchanged(path, survey.media, min(survey.covered.values())))
            else:
                self._jobs += 1
                job = Job.begin(self._jobs, path, identity, survey)
                decoding = self._decoders.submit(self._task(job), identity.status.st_size)
                self._waiting.append((job, decoding))

    def _task(self, job: Job) -> Task:
        wanting = [lane for lane in self._lanes if job.wants(lane.backbone.backbone_id)]
        return Task(
            path=job.path,
            sampling=self._sampling,
            sides=frozenset(lane.network.pinned.input_size for lane in wanting),
            done=frozenset(
                set.intersection(
                    *(job.known.present[lane.backbone.backbone_id] for lane in wanting)
                )
            ),
        )

    def _collect(self, job: Job, decoding: Decoding) -> None:
        """Put the kept frames of a media into batches; what ends it early is noted in the job."""
        try:
            for message in decoding.messages():
                if isinstance(message, Opened):
                    self._open(job, message.info)
                else:
                    self._keep(job, message)
                    self._progress.at(job.path, message.share, self.frames)
        except MediaError as error:
            job.error = error
        job.decoded_frames = decoding.decoded_frames
        job.similar_frames = decoding.similar_frames
        if not job.identity.still_holds(job.path):
            job.drop("changed while it was being read; ingest it again when it is complete")
        # A video is worth a batch that is not full; pictures wait until they fill one.
        self._batches.end(job, in_haste=_is_video(job))
        self._progress.done(job.path)

    def _open(self, job: Job, info: MediaInfo) -> None:
        job.info = info
        self._build_networks(job)  # not for files that are no media
        job.sampling = self._sampling.resolved(info)
        if self._sampling.auto and job.sampling != ALL_FRAMES:
            self._progress.note(
                f"{readable(job.path.name)} is long: {job.sampling.describe()} "
                "(--every 1 takes all)"
            )

    def _build_networks(self, job: Job) -> None:
        """Take the time off the clock: building takes seconds and is no part of the speed."""
        started = time.monotonic()
        for lane in self._lanes:
            if job.wants(lane.backbone.backbone_id):
                lane.network.embedder(self._progress.note)
        self.elapsed_s -= time.monotonic() - started

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
            self._batches.add(job, kept.prepared)

    def _publish(self, jobs: Sequence[Job]) -> None:
        """Make media visible that are complete in staging."""
        self._writer.publish(
            [_publication(job) for job in jobs if not job.dropped],
            # Of what changed while it was read, nothing may be left anywhere.
            dropped=[job.number for job in jobs if job.dropped],
        )
        self._writer.release([job.content_id for job in jobs])
        for job in jobs:
            self.reports[job.path] = job.report()

    def _report(self, path: Path, report: MediaReport) -> None:
        """Note what became of a file that needs no decoding."""
        self.reports[path] = report
        self._progress.done(path)


def _publication(job: Job) -> Publication:
    outcome = job.outcome()
    if outcome.status is MediaStatus.FAILED:
        return Publication(number=job.number, outcome=outcome)
    return Publication(
        number=job.number,
        outcome=outcome,
        sampling=job.sampling.key_for(outcome.info.kind if outcome.info else None),
        embedded=job.embedded,
    )


def _is_video(job: Job) -> bool:
    return job.info is not None and job.info.kind is MediaKind.VIDEO
