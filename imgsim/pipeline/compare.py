"""Compare backbones: the same queries by each of them, saved and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgsim.comparison import Comparison
from imgsim.errors import MediaError
from imgsim.pipeline.embedders import Choice
from imgsim.pipeline.save import search_and_save
from imgsim.pipeline.truth import Truths
from imgsim.store.comparison import read_comparison
from imgsim.store.engine import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class CompareReport:
    """The comparison, and the queries that could not be asked."""

    comparison: Comparison | None  # None: no query could be asked
    failed: tuple[MediaError, ...]


def compare(
    session: Session,
    queries: Sequence[str],
    *,
    choice: Choice,
    k: int,
    exact: bool = True,
    truths: Truths,
    note: Callable[[str], None],
) -> CompareReport:
    """Ask every query of every backbone, save the answers, and read what the tables say of them.

    Args:
        session: the database.
        queries: paths of pictures.
        choice: which backbones; without names, all that have embedded something.
        k: hits for each query.
        exact: compare every embedding, so that answers differ by the backbones alone.
        truths: true frames that are known beforehand; the others are looked for by content.
        note: is told which device a network runs on.

    Raises:
        InvalidArgument: k or a truth makes no sense.
        EmptyGallery, BackboneNotIngested, BackboneError, DatabaseError
    """
    report = search_and_save(
        session,
        queries,
        command="compare",
        choice=choice,
        k=k,
        exact=exact,
        truths=truths,
        note=note,
    )
    saved = report.search_id
    comparison = None if saved is None else read_comparison(session, saved)
    return CompareReport(comparison=comparison, failed=report.failed)
