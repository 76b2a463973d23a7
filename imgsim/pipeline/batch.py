"""Frames of one or several media, going through the networks together.

Networks run on a thread of their own. While they are at one batch, the next one is collected from
the decoders and the one before is written; nobody waits for anybody but the slowest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from imgsim.domain import HalfVectors
from imgsim.pipeline.embedders import Network
from imgsim.pipeline.frames import PreparedFrame
from imgsim.pipeline.job import Job
from imgsim.store.registry import BackboneRow
from imgsim.store.staging import FrameRow
from imgsim.store.write import Writer
from imgsim.vectors import round_to_half

BATCH_SIZE = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A network, and the part of the gallery its embeddings go to."""

    network: Network
    backbone: BackboneRow

    def takes(self, job: Job, frame_index: int) -> bool:
        """Whether a frame has to go through this network."""
        key = self.backbone.backbone_id
        return job.wants(key) and not job.has(key, frame_index)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Embedded:
    """What one network made of a batch."""

    lane: Lane
    kept: list[tuple[Job, PreparedFrame]]
    lost: list[Job]  # whose frame's embedding had no direction; once for each frame
    vectors: HalfVectors  # of those kept


@dataclass(kw_only=True, slots=True)
class _Batch:
    frames: list[tuple[Job, PreparedFrame]] = field(default_factory=list)
    ended: list[Job] = field(default_factory=list)  # their last frame is in here or before


class Batches:
    """Collects prepared frames, and has them embedded and written, batch by batch."""

    def __init__(
        self,
        writer: Writer,
        lanes: Sequence[Lane],
        note: Callable[[str], None],
        publish: Callable[[Sequence[Job]], None],
    ) -> None:
        """Results go to `writer`'s staging; `publish` is called with media that are complete there.

        `note` is told of networks that are built.
        """
        self._writer = writer
        self._lanes = lanes
        self._note = note
        self._publish = publish
        self._collected = _Batch()
        self._under_way: tuple[_Batch, Future[list[_Embedded]]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="networks")
        self._stopped = threading.Event()

    def add(self, job: Job, prepared: PreparedFrame) -> None:
        """Take a frame in; a full batch is sent on its way."""
        self._collected.frames.append((job, prepared))
        if len(self._collected.frames) >= BATCH_SIZE:
            self._send()

    def end(self, job: Job, *, in_haste: bool) -> None:
        """Note that a media's last frame was added; `in_haste`: do not wait for a full batch."""
        self._collected.ended.append(job)
        if in_haste or len(self._collected.ended) >= BATCH_SIZE:
            self._send()

    def finish(self) -> None:
        """Wait until everything is written."""
        self._send()
        self._write()

    def close(self) -> None:
        """Give up what is under way, after the portion that a network is at."""
        self._stopped.set()
        self._thread.shutdown(cancel_futures=True)

    def _send(self) -> None:
        """Have the networks begin with what was collected, and write what they did before."""
        batch, self._collected = self._collected, _Batch()
        work = [(lane, wanted) for lane in self._lanes if (wanted := _wanted(lane, batch.frames))]
        for lane, _ in work:
            lane.network.embedder(self._note)  # here, since building it has something to say
        embedded = self._thread.submit(lambda: [self._run(*each) for each in work])
        self._write()
        self._under_way = (batch, embedded)

    def _run(self, lane: Lane, wanted: list[tuple[Job, PreparedFrame]]) -> _Embedded:
        """On the networks' thread."""
        embedder = lane.network.embedder(self._note)
        vectors, usable = [], []
        pictures = np.stack([prepared.inputs[embedder.input_size] for _, prepared in wanted])
        for portion, good in embedder.embed_usable(pictures):
            vectors.append(portion)
            usable.extend(good.tolist())
            if self._stopped.is_set():
                break
        kept = [item for item, good in zip(wanted, usable, strict=False) if good]
        seeds = [job.seed(prepared.index) for job, prepared in kept]
        return _Embedded(
            lane=lane,
            kept=kept,
            lost=[job for (job, _), good in zip(wanted, usable, strict=False) if not good],
            vectors=round_to_half(np.concatenate(vectors), seeds),
        )

    def _write(self) -> None:
        """Wait for the batch under way and put it into staging; publish what is complete there."""
        if self._under_way is None:
            return
        (batch, embedded), self._under_way = self._under_way, None
        results = embedded.result()
        if batch.frames:
            self._writer.stage_frames([(job.number, _row(each)) for job, each in batch.frames])
        for result in results:
            self._stage(result)
        if batch.ended:
            self._publish(batch.ended)

    def _stage(self, result: _Embedded) -> None:
        key = result.lane.backbone.backbone_id
        for job in result.lost:
            job.unusable += 1
        for job, _ in result.kept:
            job.embedded[key] += 1
        self._writer.stage_embeddings(
            key,
            [job.number for job, _ in result.kept],
            [prepared.index for _, prepared in result.kept],
            result.vectors,
        )


def _wanted(
    lane: Lane, frames: Sequence[tuple[Job, PreparedFrame]]
) -> list[tuple[Job, PreparedFrame]]:
    """The frames that have to go through a network; blank ones have no input."""
    return [item for item in frames if item[1].inputs and lane.takes(item[0], item[1].index)]


def _row(prepared: PreparedFrame) -> FrameRow:
    return FrameRow(
        frame_index=prepared.index,
        pts=prepared.pts,
        timestamp_s=prepared.timestamp_s,
        is_blank=prepared.is_blank,
        thumbnail=prepared.thumbnail,
    )
