"""Finding, on the gallery's own embeddings, how wide an index must be searched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgsim.errors import GalleryError, InvalidArgument
from imgsim.index_tuning import Tuning
from imgsim.pipeline.index import chosen_rows, index_widths
from imgsim.pipeline.search import DEFAULT_K
from imgsim.store import tuning
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

DEFAULT_RECALL = 0.99
DEFAULT_SAMPLE = 200

_MAX_SEED = 2**63 - 1
_ROUNDING = 1e-9  # a mean of shares may come out that much under what was wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How well an index is to be searched, and how that is measured."""

    recall: float = DEFAULT_RECALL  # share of the k exact nearest that searches find
    k: int = DEFAULT_K
    sample: int = DEFAULT_SAMPLE  # frames that are asked for
    seed: int = 0  # of the sample

    def __post_init__(self) -> None:
        """Raise InvalidArgument where a number is out of range."""
        if not 0 < self.recall <= 1:
            raise InvalidArgument(f"--recall must be over 0 and at most 1, not {self.recall:g}.")
        if not 1 <= self.k <= tuning.MAX_K:
            raise InvalidArgument(
                f"-k must be 1 to {tuning.MAX_K}, not {self.k}: searches for more are exact."
            )
        if self.sample < 1:
            raise InvalidArgument(f"--sample must be 1 or more, not {self.sample}.")
        if not 0 <= self.seed <= _MAX_SEED:
            raise InvalidArgument(f"--seed must be 0 to {_MAX_SEED:,}, not {self.seed}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneReport:
    """What was measured, and what could not be tuned."""

    tunings: tuple[Tuning, ...]  # by slug
    failed: tuple[GalleryError, ...]


def tune_indexes(
    session: Session,
    names: Sequence[str] | None,
    wanted: Wanted,
    note: Callable[[str], None],
) -> TuneReport:
    """Find the smallest ef_search that gives the wanted recall, and have searches use it.

    Args:
        session: the database.
        names: backbones, all revisions of each; every backbone that has an index if None.
        wanted: how well.
        note: is told what is measured, and what is left out.

    Raises:
        UnknownBackbone, EmptyGallery, BackboneNotIngested: as chosen_rows.
        GalleryError: no backbone has an index.
    """
    rows = sorted(chosen_rows(session, names), key=lambda row: row.slug)
    widths = index_widths(session)
    indexed = [row for row in rows if row.slug in widths]
    if not indexed:
        raise _no_index(sorted({row.name for row in rows}))
    tunings: list[Tuning] = []
    failed: list[GalleryError] = []
    for name in dict.fromkeys(names or ()):
        if all(row.name != name for row in indexed):
            failed.append(_no_index([name]))
    for row in rows:
        if row not in indexed:
            note(f"{row.slug} has no HNSW index: every frame is compared.")
            continue
        try:
            measured = _tune(session, row, wanted, widths[row.slug].ef_search, note)
        except GalleryError as error:
            failed.append(error)
            continue
        tunings.append(measured)
        if measured.chosen is None:
            failed.append(_out_of_reach(measured))
    return TuneReport(tunings=tuple(tunings), failed=tuple(failed))


def _tune(
    session: Session, row: BackboneRow, wanted: Wanted, before: int, note: Callable[[str], None]
) -> Tuning:
    built = tuning.built_at(session, row)
    if built is None:
        raise _no_index([row.name])
    questions = tuning.draw(session, row, wanted.k, wanted.sample, wanted.seed)
    note(f"Asking the index of {row.slug} for {len(questions.vectors):,} of its own frames.")
    widths, chosen = [], None
    for found in tuning.ask(session, row, questions):
        widths.append(found)
        if found.recall >= wanted.recall - _ROUNDING:
            chosen = found
            break
    if not widths:
        raise GalleryError(
            f"The table of {row.slug} is so small that PostgreSQL compares all its "
            f"{questions.gallery_rows:,} frames rather than follow the index: there is nothing to "
            "tune."
        )
    if chosen:
        tuning.keep(session, row, chosen, wanted.k, built)
    return Tuning(
        backbone=row.slug,
        k=wanted.k,
        wanted_recall=wanted.recall,
        queries=len(questions.vectors),
        gallery_rows=questions.gallery_rows,
        seed=wanted.seed,
        before=before,
        widths=tuple(widths),
        chosen=chosen,
    )


def _no_index(names: Sequence[str]) -> GalleryError:
    return GalleryError(
        f"There is no HNSW index of {', '.join(names)} to tune: small tables are searched exactly. "
        "`imgsim index rebuild` builds one."
    )


def _out_of_reach(measured: Tuning) -> GalleryError:
    best, last = measured.best, measured.widths[-1].ef_search
    beyond = (
        ""
        if last == tuning.EF_SEARCHES[-1]
        else (f" (beyond {last}, PostgreSQL compares all frames of a table so small)")
    )
    return GalleryError(
        f"No ef_search up to {last}{beyond} finds {measured.wanted_recall:g} of "
        f"the {measured.k} nearest by {measured.backbone}; the best is {best.recall:.4f}, at "
        f"ef_search {best.ef_search}. Nothing is stored, searches go on with {measured.before}. "
        "Ask for less (--recall), or compare every frame: imgsim search --exact"
    )
