"""Unit vectors for galleries of any size, and how they get into one; two kinds.

`clustered` are random: each film has a centre for every 20 of its frames, drawn from a normal
distribution of deviation 1 in every dimension, and a frame is a centre plus noise of deviation 0.4.
So two frames of a cluster are at a cosine distance of about 0.14, those of different ones at 1.

`real` are embeddings of pictures by the default backbone, moved a little: photos, and every frame
of videos. Each film has a hundredth of the pictures, and its frames are those, drawn at random,
plus noise. The noise is normal, with the covariance of what light edits do to an embedding: of up
to 300 photos, a copy cut down to 90 % of its area and saved as a JPEG of quality 75 is embedded as
well. It is scaled so that the median distance to the picture is that of those copies. Fewer than
the network's 1,280 dimensions are a random orthonormal projection of them.

A film is made by its number, so that a gallery need never be in memory, and is the same each time.
Queries are further frames of the films: made with them, and held out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.gallery import clustered, publish_with
from imgsim import backbones, pixels
from imgsim.backbones import Embedder
from imgsim.domain import Pixels, Vectors
from imgsim.errors import MediaError
from imgsim.pipeline.demo import VIDEO
from imgsim.pipeline.discover import discover
from imgsim.sampling import ALL_FRAMES
from imgsim.sources import open_media, read_picture
from imgsim.store.engine import Session, raw
from imgsim.store.registry import BackboneRow
from imgsim.store.write import open_writer
from imgsim.vectors import l2_normalize

FILMS = 100
"""In every gallery, however large: one of them is 1 % of the frames."""

SHARED = Path(__file__).parents[2] / "shared" / "data"
"""Where pictures are looked for unless told otherwise."""

_BATCH = 64
_COPIES = 300
_CROP_AREA = 0.9
_CROP_QUALITY = 75


class Kind(Protocol):
    """A way to make vectors."""

    @property
    def name(self) -> str:
        """As on the command line."""

    def film(self, number: int, frames: int) -> Vectors:
        """Unit vectors of so many frames of a film, 0 to FILMS - 1: float32 (frames, dim)."""


@dataclass(frozen=True, kw_only=True)
class Clustered:
    """Random vectors in clusters; see above."""

    dim: int
    seed: int
    name: str = "clustered"

    def film(self, number: int, frames: int) -> Vectors:
        """As Kind says."""
        return clustered(frames, self.dim, seed=self.seed * FILMS + number)


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """What pictures and copies of some of them came to."""

    pictures: Vectors  # (n, 1280), unit vectors
    moves: Vectors  # (m, 1280): copy less original
    distances: Vectors  # (m,): cosine distances of the copies from their originals


class Real:
    """Embeddings of pictures, moved a little; see above."""

    name = "real"

    def __init__(self, embedded: Embedded, dim: int, seed: int) -> None:
        """Scale the noise and draw the projection."""
        self._pictures, self._seed = embedded.pictures, seed
        random = np.random.default_rng(seed)
        full = embedded.pictures.shape[1]
        turn = np.linalg.qr(random.normal(size=(full, dim)))[0].astype(np.float32)
        self._turn = None if dim == full else turn
        self._moves = embedded.moves / np.float32(np.sqrt(len(embedded.moves)))
        moved = self._move(embedded.pictures, random)
        self.distance = float(np.median(embedded.distances))
        unscaled = np.median(1 - np.einsum("nd,nd->n", embedded.pictures, moved))
        self._moves *= np.float32(np.sqrt(self.distance / unscaled))

    def film(self, number: int, frames: int) -> Vectors:
        """As Kind says."""
        random = np.random.default_rng([self._seed, number])
        first, last = (len(self._pictures) * n // FILMS for n in (number, number + 1))
        moved = self._move(self._pictures[random.integers(first, last, size=frames)], random)
        return moved if self._turn is None else l2_normalize(moved @ self._turn)

    def _move(self, vectors: Vectors, random: np.random.Generator) -> Vectors:
        weights = random.normal(size=(len(vectors), len(self._moves))).astype(np.float32)
        return l2_normalize(vectors + weights @ self._moves)


def embed_pictures(photos: Path, videos: Path, cache: Path | None = None) -> Embedded:
    """Embed the photos in a folder, the frames of videos in another and of the bundled sample.

    Args:
        photos: a folder, walked; what cannot be read or is blank is left out.
        videos: as well.
        cache: a folder that keeps the embeddings for the next run.

    Raises:
        MediaError: there are no photos.
    """
    files = [*_files([str(photos)]), *_files([str(videos), str(VIDEO)])]
    listing = "\n".join(f"{path} {path.stat().st_size}" for path in files)
    kept = (
        cache / f"real-{hashlib.sha256(listing.encode()).hexdigest()[:16]}.npz" if cache else None
    )
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return Embedded(**{name: arrays[name] for name in arrays})
    embedder = backbones.load(backbones.DEFAULT)
    pictures = _embed(embedder, _pictures(files))
    originals, copies = _light_copies(embedder, _files([str(photos)]))
    distances = 1 - np.einsum("nd,nd->n", originals, copies)
    embedded = Embedded(pictures=pictures, moves=copies - originals, distances=distances)
    if kept:
        np.savez(kept, pictures=pictures, moves=embedded.moves, distances=distances)
    return embedded


def _files(inputs: Sequence[str]) -> list[Path]:
    found = [each for each in discover(inputs) if not isinstance(each, MediaError)]
    if not found:
        raise MediaError(Path(inputs[0]), "holds no pictures; name a folder that does")
    return found


def _pictures(files: Iterable[Path]) -> Iterator[Pixels]:
    for path in files:
        try:
            with open_media(path) as media:
                yield from (frame.pixels for frame in media.frames(ALL_FRAMES))
        except MediaError:  # some of the videos are damaged on purpose; their frames before count
            continue


def _embed(embedder: Embedder, pictures: Iterable[Pixels]) -> Vectors:
    """Embed pictures, the blank ones left out: float32 (n, dim)."""
    done: list[Vectors] = []
    batch: list[Pixels] = []
    for picture in pictures:
        if not pixels.is_blank(pixels.thumbnail(picture)):
            batch.append(pixels.resize_square(picture, embedder.input_size))
        if len(batch) == _BATCH:
            done.append(embedder.embed(np.stack(batch)))
            batch = []
    if batch:
        done.append(embedder.embed(np.stack(batch)))
    return np.concatenate(done)


def _light_copies(embedder: Embedder, photos: list[Path]) -> tuple[Vectors, Vectors]:
    """Embeddings of photos and of a lightly edited copy of each."""
    random = np.random.default_rng(0)
    chosen = [photos[n] for n in random.permutation(len(photos))[:_COPIES]]
    originals = [read_picture(path) for path in chosen]
    originals = [each for each in originals if not pixels.is_blank(pixels.thumbnail(each))]
    copies = [_light_copy(each, random) for each in originals]
    return _embed(embedder, originals), _embed(embedder, copies)


def _light_copy(picture: Pixels, random: np.random.Generator) -> Pixels:
    height, width, _ = picture.shape
    high, wide = (max(1, round(side * _CROP_AREA**0.5)) for side in (height, width))
    top, left = (int(random.integers(0, room + 1)) for room in (height - high, width - wide))
    cut = picture[top : top + high, left : left + wide]
    return pixels.decode_jpeg(pixels.encode_jpeg(cut, _CROP_QUALITY))


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A gallery in the database."""

    queries: Vectors  # held out, in random order
    seconds: float  # rounding, copying, publishing


def load(
    session: Session,
    row: BackboneRow,
    kind: Kind,
    rows: int,
    queries: int,
    note: Callable[[str], None] = lambda _text: None,
) -> Loaded:
    """Put so many rows into the gallery as an ingest would, film by film, and vacuum.

    `rows` is a multiple of FILMS. The vacuum is what autovacuum would do within a minute.
    """
    held_out, seconds = [], 0.0
    with open_writer(session, [row]) as writer:
        for number in range(FILMS):
            vectors, further = film(kind, number, rows, queries)
            held_out.append(further)
            began = time.perf_counter()
            publish_with(writer, row, vectors, f"{row.name}-{number}")
            seconds += time.perf_counter() - began
            if number % 20 == 19:
                note(f"{row.name}: {rows // FILMS * (number + 1):,} rows")
    with session.connect() as connection:
        raw(connection).execute("VACUUM (ANALYZE)")
    order = np.random.default_rng(0).permutation(queries)
    return Loaded(queries=np.concatenate(held_out)[order], seconds=seconds)


def film(kind: Kind, number: int, rows: int, queries: int) -> tuple[Vectors, Vectors]:
    """A film's share of a gallery of so many rows, and of so many queries."""
    frames = rows // FILMS
    held_out = queries * (number + 1) // FILMS - queries * number // FILMS
    vectors = kind.film(number, frames + held_out)
    return vectors[:frames], vectors[frames:]
