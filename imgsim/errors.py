"""Every error that imgsim raises on purpose.

ImgsimError
├── UsageError                    what was asked makes no sense, whatever the data
│   ├── UnknownBackbone
│   └── InvalidArgument
├── MediaError                    one file cannot be used; carries its path
│   ├── MediaNotFound
│   ├── SpecialFile               a pipe, socket or device that lies in a folder
│   ├── UnsupportedMedia          opened, and it is neither an image nor a video
│   ├── DecodeError               an image or a video, but damaged
│   └── BlankPicture              nearly one colour: there is nothing to compare
├── OutputError                   a file that was asked for cannot be written
├── BackboneError
│   ├── EmbeddingTooLong          more dimensions than pgvector can index
│   ├── WeightsMissing
│   ├── WeightsMismatch           the file's weights do not fit the network
│   ├── DeviceMissing
│   └── EngineUnusable            gives other embeddings than Keras, or none
├── GalleryError                  the database answers, but has not what was asked for
│   ├── EmptyGallery
│   └── BackboneNotIngested
└── DatabaseError
    ├── DatabaseUnreachable
    ├── ServerError               the embedded server cannot be started or stopped
    ├── PgvectorUnusable          absent or too old
    ├── DatabaseBehind            needs `imgsim db upgrade`
    └── DatabaseAhead             written by a newer imgsim

A message says what was asked, what was found, and what to do next. Driver errors are translated at
one boundary each (`sources`, `backbones`, `store.engine`) and kept as `__cause__`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class ImgsimError(Exception):
    """Base of all errors whose message is meant for the person at the keyboard."""


class UsageError(ImgsimError):
    """The request itself is wrong; the same call can never succeed."""


class InvalidArgument(UsageError):
    """An option's value is out of range or does not parse."""


class UnknownBackbone(UsageError):
    """No backbone has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        spelt = {_letters(each): each for each in known}
        wanted = _letters(name)
        near = difflib.get_close_matches(wanted, spelt, n=1 if wanted in spelt else 3, cutoff=0.7)
        meant = " or ".join(f"'{spelt[each]}'" for each in near)
        hint = f" Did you mean {meant}?" if near else ""
        super().__init__(
            f"There is no backbone '{name}'.{hint} `imgsim backbones` lists all {len(spelt)}."
        )
        self.name = name


def _letters(name: str) -> str:
    """A name without what people write differently: `ResNet-50 V2` is `resnet50v2`."""
    return "".join(filter(str.isalnum, name.lower()))


class MediaError(ImgsimError):
    """One media file cannot be used. `path` names it, `reason` is the message without the path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class MediaNotFound(MediaError):
    """The path does not exist or cannot be read."""


class SpecialFile(MediaError):
    """A pipe, socket or device has a media's name; nobody asked for it, and it is left alone."""


class UnsupportedMedia(MediaError):
    """The file is neither an image nor a video that the decoders know."""


class DecodeError(MediaError):
    """The file is an image or a video, but damaged beyond use."""


class BlankPicture(MediaError):
    """The picture is nearly one colour; whatever it is compared with, the answer means nothing."""


class OutputError(ImgsimError):
    """A result cannot be written where it was asked for."""


class BackboneError(ImgsimError):
    """A backbone cannot be loaded or run."""


class EmbeddingTooLong(BackboneError):
    """The backbone gives more dimensions than pgvector can index."""


class WeightsMissing(BackboneError):
    """The weights are neither at hand nor can they be downloaded."""


class WeightsMismatch(BackboneError):
    """The weights file exists but does not fit the network."""


class DeviceMissing(BackboneError):
    """A GPU was asked for and there is none."""


class EngineUnusable(BackboneError):
    """The engine asked for cannot run the network, or gives other embeddings than Keras."""


class GalleryError(ImgsimError):
    """The database has not what was asked for."""


class EmptyGallery(GalleryError):
    """Nothing has been ingested yet."""


class BackboneNotIngested(GalleryError):
    """The gallery has no embeddings of this backbone."""


class DatabaseError(ImgsimError):
    """PostgreSQL cannot be used."""


class DatabaseUnreachable(DatabaseError):
    """No connection, or it broke."""


class ServerError(DatabaseError):
    """The embedded server cannot be started or stopped."""


class PgvectorUnusable(DatabaseError):
    """pgvector is absent or too old."""


class DatabaseBehind(DatabaseError):
    """The schema is older than this imgsim; `imgsim db upgrade` brings it up to date."""


class DatabaseAhead(DatabaseError):
    """The schema was written by a newer imgsim."""
