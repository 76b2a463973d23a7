"""Query pictures, read and embedded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imgsim import pixels
from imgsim.backbones import Embedder
from imgsim.comparison import Question
from imgsim.domain import Pixels, Vectors
from imgsim.errors import BlankPicture, MediaError
from imgsim.pipeline.discover import absolute
from imgsim.pipeline.embedders import Network
from imgsim.pipeline.file_identity import identify
from imgsim.sources import read_picture

_AT_ONCE = 32
"""Pictures of a camera's size that are held and embedded together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """Questions, and what each network makes of them."""

    questions: tuple[Question, ...]
    vectors: tuple[Vectors, ...]  # by network: unit vectors, float32 (n, dim)
    seconds: tuple[float, ...]  # by network: to resize and embed all questions, once it is warm
    failed: tuple[MediaError, ...]  # the queries that are no questions


def read_query(query: str) -> Pixels:
    """A query picture, RGB, upright.

    Raises:
        MediaError: it cannot be read, or is blank.
    """
    path = absolute(query)
    picture = read_picture(path)
    if pixels.is_blank(pixels.thumbnail(picture)):
        raise BlankPicture(path, "the picture is nearly one colour; there is nothing to look for")
    return picture


def embed_queries(
    queries: Sequence[str], networks: Sequence[Network], note: Callable[[str], None]
) -> Embedded:
    """Read pictures and embed them by every network, some at a time.

    Args:
        queries: paths of pictures.
        networks: built where they are not yet.
        note: is told which device a network runs on.
    """
    questions: list[Question] = []
    failed: list[MediaError] = []
    vectors: list[list[Vectors]] = [[] for _ in networks]
    seconds = [0.0] * len(networks)
    embedders: list[Embedder] = []  # not built before there is something to embed
    for start in range(0, len(queries), _AT_ONCE):
        pictures: list[Pixels] = []
        for query in queries[start : start + _AT_ONCE]:
            try:
                picture, question = _ask(query)
            except MediaError as error:
                failed.append(error)
            else:
                pictures.append(picture)
                questions.append(question)
        if pictures and not embedders:
            embedders = [_warm(network.embedder(note)) for network in networks]
        for at, embedder in enumerate(embedders):
            began = time.monotonic()
            squares = [pixels.resize_square(each, embedder.input_size) for each in pictures]
            if squares:
                vectors[at].append(embedder.embed(np.stack(squares)))
            seconds[at] += time.monotonic() - began
    return Embedded(
        questions=tuple(questions),
        vectors=tuple(
            np.concatenate(parts) if parts else np.empty((0, 0), np.float32) for parts in vectors
        ),
        seconds=tuple(seconds),
        failed=tuple(failed),
    )


def _warm(embedder: Embedder) -> Embedder:
    """Have a network traced, which its first call does, so that no time it is given includes it."""
    side = embedder.input_size
    embedder.forward(np.zeros((1, side, side, 3), np.uint8))
    return embedder


def _ask(query: str) -> tuple[Pixels, Question]:
    picture = read_query(query)
    content_id = identify(absolute(query)).content_id
    return picture, Question(
        path=query,
        sha256=content_id.removeprefix("sha256:"),
        thumbnail=pixels.encode_jpeg(pixels.thumbnail(picture)),
    )
