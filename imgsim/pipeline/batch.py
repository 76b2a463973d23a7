"""Frames of one or several media, going through the networks together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imgsim.backbones import Embedder
from imgsim.domain import PixelBatch, Vectors
from imgsim.pipeline.embedders import Network
from imgsim.pipeline.frames import PreparedFrame
from imgsim.pipeline.job import Job
from imgsim.store.registry import BackboneRow
from imgsim.store.staging import FrameRow
from imgsim.store.write import Writer
from imgsim.vectors import NoDirection, round_to_half

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


class Batch:
    """Prepared frames that wait until there are enough of them."""

    def __init__(self, writer: Writer, lanes: Sequence[Lane], note: Callable[[str], None]) -> None:
        """Results go to `writer`'s staging; `note` is told of networks that are built."""
        self._writer = writer
        self._lanes = lanes
        self._note = note
        self._items: list[tuple[Job, PreparedFrame]] = []

    def add(self, job: Job, prepared: PreparedFrame) -> None:
        """Take a frame in; a full batch goes through the networks at once."""
        self._items.append((job, prepared))
        if len(self._items) >= BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Put what is there through the networks and into staging."""
        frames: dict[int, list[PreparedFrame]] = {}
        for job, prepared in self._items:
            frames.setdefault(job.number, []).append(prepared)
        for number, of_media in frames.items():
            self._writer.stage_frames(number, [_row(prepared) for prepared in of_media])
        for lane in self._lanes:
            self._run(lane)
        self._items.clear()

    def _run(self, lane: Lane) -> None:
        wanted = [
            (job, prepared)
            for job, prepared in self._items
            if prepared.inputs and lane.takes(job, prepared.index)
        ]
        if not wanted:
            return
        embedder = lane.network.embedder(self._note)
        pictures = np.stack([prepared.inputs[embedder.input_size] for _, prepared in wanted])
        vectors, usable = _embed(embedder, pictures)
        key = lane.backbone.backbone_id
        for (job, _), good in zip(wanted, usable, strict=True):
            job.embedded[key] += good
            job.unusable += not good
        kept = [item for item, good in zip(wanted, usable, strict=True) if good]
        self._writer.stage_embeddings(
            key,
            [job.number for job, _ in kept],
            [prepared.index for _, prepared in kept],
            round_to_half(vectors, [job.seed(prepared.index) for job, prepared in kept]),
        )


def _row(prepared: PreparedFrame) -> FrameRow:
    return FrameRow(
        frame_index=prepared.index,
        pts=prepared.pts,
        timestamp_s=prepared.timestamp_s,
        is_blank=prepared.is_blank,
        thumbnail=prepared.thumbnail,
    )


def _embed(embedder: Embedder, pictures: PixelBatch) -> tuple[Vectors, list[bool]]:
    """Embeddings (m, dim) of the usable ones of pictures (n, s, s, 3), and which those are."""
    try:
        return embedder.embed(pictures), [True] * len(pictures)
    except NoDirection:
        pass  # one bad picture must not sink the others
    found = [np.empty((0, embedder.dim), dtype=np.float32)]
    usable = []
    for picture in pictures:
        try:
            found.append(embedder.embed(picture[None]))
            usable.append(True)
        except NoDirection:
            usable.append(False)
    return np.concatenate(found), usable
