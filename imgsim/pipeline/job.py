"""One media on its way into the gallery."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from imgsim.domain import IngestAction, MediaInfo, MediaReport, MediaStatus
from imgsim.errors import MediaError
from imgsim.store.gallery import Survey
from imgsim.store.write import MediaOutcome


@dataclass(kw_only=True, slots=True)
class Job:
    """The state of one media, from its claim to its publication."""

    number: int  # its name in staging
    path: Path  # absolute
    content_id: str
    known: Survey
    embedded: dict[int, int]  # by backbone_id still to run: frames with an embedding, old or new
    info: MediaInfo | None = None
    decoded_frames: int = 0
    unusable: int = 0  # frames whose embedding had no direction
    error: MediaError | None = None  # what ended decoding early

    @classmethod
    def begin(cls, number: int, path: Path, content_id: str, known: Survey) -> Job:
        """A job of which nothing has been decoded yet."""
        embedded = dict.fromkeys(known.present, 0)
        return cls(number=number, path=path, content_id=content_id, known=known, embedded=embedded)

    def wants(self, backbone_id: int) -> bool:
        """Whether this backbone has still to run on the media."""
        return backbone_id in self.embedded

    def has(self, backbone_id: int, frame_index: int) -> bool:
        """Whether a frame's embedding is in the gallery from another sampling."""
        return frame_index in self.known.present[backbone_id]

    def seed(self, frame_index: int) -> int:
        """A number that is the same for this frame of this content in every run."""
        return zlib.crc32(f"{self.content_id}/{frame_index}".encode())

    def outcome(self) -> MediaOutcome:
        """How decoding ended, for the database."""
        status = MediaStatus.COMPLETE
        if self.error is not None:
            status = MediaStatus.PARTIAL if self.decoded_frames else MediaStatus.FAILED
        remarks = [self.error.reason] if self.error else []
        if self.unusable:
            remarks.append(f"{self.unusable} embeddings had no direction and were left out")
        return MediaOutcome(
            content_id=self.content_id,
            path=self.path,
            info=self.info,
            status=status,
            decoded_frames=self.decoded_frames,
            detail="; ".join(remarks) or None,
        )

    def report(self) -> MediaReport:
        """What became of it, for the person who asked."""
        outcome = self.outcome()
        failed = outcome.status is MediaStatus.FAILED
        return MediaReport(
            path=str(self.path),
            status=outcome.status,
            frames=outcome.decoded_frames,
            embedded=min([*self.embedded.values(), *self.known.covered.values()]),
            detail=outcome.detail,
            action=IngestAction.SKIPPED if failed else IngestAction.INGESTED,
        )


def unchanged(path: Path, known: Survey) -> MediaReport | None:
    """The report for a content that needs nothing done; None when something is left to do."""
    if known.media is None or known.present:
        return None
    return MediaReport(
        path=str(path),
        status=known.media.status,
        frames=known.media.decoded_frames,
        embedded=min(known.covered.values()),
        detail=known.media.detail,
        action=IngestAction.UNCHANGED,
    )


def refused(error: MediaError) -> MediaReport:
    """The report for an input that leads to no readable file."""
    return MediaReport(
        path=str(error.path),
        status=MediaStatus.FAILED,
        frames=0,
        embedded=0,
        detail=error.reason,
        action=IngestAction.SKIPPED,
    )
