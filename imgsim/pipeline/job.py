"""One media on its way into the gallery."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from imgsim.domain import IngestAction, MediaInfo, MediaReport, MediaStatus
from imgsim.errors import MediaError, MediaNotFound, SpecialFile
from imgsim.pipeline.file_identity import FileIdentity
from imgsim.sampling import ALL_FRAMES, Sampling
from imgsim.store.gallery import StoredMedia, Survey
from imgsim.store.publication import MediaOutcome


@dataclass(kw_only=True, slots=True)
class Job:
    """The state of one media, from its claim to its publication."""

    number: int  # its name in staging
    path: Path  # absolute
    identity: FileIdentity
    known: Survey
    embedded: dict[int, int]  # by backbone_id still to run: frames with an embedding, old or new
    info: MediaInfo | None = None
    sampling: Sampling = ALL_FRAMES  # as resolved for this media, once it is open
    decoded_frames: int = 0
    similar_frames: int = 0  # left out because they hardly differ from the one before
    unusable: int = 0  # frames whose embedding had no direction
    error: MediaError | None = None  # what ended decoding early
    dropped: str | None = None  # why nothing of it may be stored

    @classmethod
    def begin(cls, number: int, path: Path, identity: FileIdentity, known: Survey) -> Job:
        """A job of which nothing has been decoded yet."""
        embedded = dict.fromkeys(known.present, 0)
        return cls(number=number, path=path, identity=identity, known=known, embedded=embedded)

    @property
    def content_id(self) -> str:
        """What the file held when it was read first."""
        return self.identity.content_id

    def drop(self, reason: str) -> None:
        """Let nothing of it be stored."""
        self.dropped = reason

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
            file_status=self.identity.lasting_status,
            info=self.info,
            status=status,
            decoded_frames=self.decoded_frames,
            detail="; ".join(remarks) or None,
        )

    def report(self) -> MediaReport:
        """What became of it, for the person who asked."""
        if self.dropped:
            return refused(MediaNotFound(self.path, self.dropped))
        outcome = self.outcome()
        failed = outcome.status is MediaStatus.FAILED
        return MediaReport(
            path=str(self.path),
            status=outcome.status,
            frames=outcome.decoded_frames,
            embedded=min([*self.embedded.values(), *self.known.covered.values()]),
            declared=outcome.info.declared_frames if outcome.info else None,
            similar=self.similar_frames,
            detail=outcome.detail,
            action=IngestAction.SKIPPED if failed else IngestAction.INGESTED,
        )


def unchanged(path: Path, media: StoredMedia, embedded: int) -> MediaReport:
    """The report for a content that needs nothing done."""
    return MediaReport(
        path=str(path),
        status=media.status,
        frames=media.decoded_frames,
        embedded=embedded,
        declared=media.declared_frames,
        similar=0,
        detail=media.detail,
        action=IngestAction.UNCHANGED,
    )


def refused(error: MediaError) -> MediaReport:
    """The report for an input that leads to no readable file."""
    is_special = isinstance(error, SpecialFile)
    return MediaReport(
        path=str(error.path),
        status=MediaStatus.SKIPPED if is_special else MediaStatus.FAILED,
        frames=0,
        embedded=0,
        declared=None,
        similar=0,
        detail=error.reason,
        action=IngestAction.SKIPPED,
    )
