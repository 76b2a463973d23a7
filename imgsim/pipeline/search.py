"""Search: a picture -> its embedding -> the nearest frames of the gallery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imgsim import pixels
from imgsim.domain import Pixels, QueryResult
from imgsim.errors import BlankPicture, InvalidArgument, MediaError
from imgsim.pipeline.discover import absolute
from imgsim.pipeline.embedders import Choice, Network, open_networks
from imgsim.sources import read_picture
from imgsim.store import registry, search
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

DEFAULT_K = 10
MAX_K = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchReport:
    """The answers, and the queries that could not be asked."""

    results: tuple[QueryResult, ...]  # by query, then by backbone, in the order given
    failed: tuple[MediaError, ...]


def find_similar(
    session: Session,
    queries: Sequence[str],
    *,
    choice: Choice | None = None,
    k: int = DEFAULT_K,
    exact: bool = False,
    note: Callable[[str], None] = lambda _text: None,
) -> SearchReport:
    """Find the k frames most like each query picture, by each chosen backbone.

    Args:
        session: the database.
        queries: paths of pictures; they need not be in the gallery.
        choice: which backbones; the default one if None.
        k: how many hits a query gets, fewer only if the gallery has fewer.
        exact: compare every embedding even where there is an HNSW index.
        note: is told which device a network runs on.

    Raises:
        InvalidArgument: k is less than 1 or more than MAX_K.
        EmptyGallery, BackboneNotIngested: there is nothing to compare with.
        BackboneError, DatabaseError
    """
    if not 1 <= k <= MAX_K:
        raise InvalidArgument(f"-k must be 1 to {MAX_K:,}, not {k}.")
    choice = choice or Choice()
    # Asked before weights are fetched and networks built, which takes its time.
    for name in choice.names:
        registry.require(session, name)
    networks = open_networks(session, choice)
    rows = [registry.require(session, n.pinned.name, n.pinned.revision) for n in networks]
    if choice.weights:
        registry.remember_weights(session, rows[0], networks[0].pinned.weights)
    results: list[QueryResult] = []
    failed: list[MediaError] = []
    for query in queries:
        try:
            picture = read_query(query)
        except MediaError as error:
            failed.append(error)
            continue
        for network, row in zip(networks, rows, strict=True):
            results.append(_answer(session, query, picture, network, row, k, exact, note))
    return SearchReport(results=tuple(results), failed=tuple(failed))


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


def _answer(
    session: Session,
    query: str,
    picture: Pixels,
    network: Network,
    row: BackboneRow,
    k: int,
    exact: bool,
    note: Callable[[str], None],
) -> QueryResult:
    embedder = network.embedder(note)
    square = pixels.resize_square(picture, embedder.input_size)
    (vector,) = embedder.embed(square[np.newaxis])
    answer = search.nearest(session, row, vector, k, exact=exact)
    return QueryResult(
        query=query,
        backbone=network.pinned.name,
        k=k,
        exact=answer.exact,
        hits=tuple(answer.hits),
    )
