"""From labels, which name files, to media of the gallery that all backbones have embedded."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgsim.errors import BackboneNotIngested
from imgsim.pipeline.labels import LabelKind, Labels
from imgsim.pipeline.ranks import Ints, Items
from imgsim.reports.readable import readable
from imgsim.store import evaluations, paths
from imgsim.store.engine import Session
from imgsim.store.registry import BackboneRow

_NAMED = 3  # files that a sentence names


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What every backbone is asked: the same queries, among the same frames."""

    items: Items  # media
    queries: Ints  # places of the media that are asked, in order
    relevant: tuple[Ints, ...]  # for each the places of those to be found, in order


def task_of(
    session: Session,
    labels: Labels,
    rows: Sequence[BackboneRow],
    *,
    distractors: bool,
    note: Callable[[str], None],
) -> Task:
    """Find the labelled media, and what each should find.

    Only frames that all backbones have embedded count. A media that lies at several paths has the
    labels of all.

    Args:
        session: the database.
        labels: which files belong together.
        rows: the backbones.
        distractors: rank all media of the gallery, not only those of the labels.
        note: is told which files are left out, why, and how to include them.

    Raises:
        BackboneNotIngested: nothing is left to ask; says why.
    """
    for sentence in labels.notes:
        note(sentence)
    files = _ranked(labels)
    media_of = paths.media_at_paths(session, files)
    wanted = None if distractors else set(media_of.values())
    items, media = Items.grouped(*evaluations.common_frames(session, rows, wanted))
    place_of = {media_id: place for place, media_id in enumerate(media.tolist())}
    place_at = {path: place_of[m] for path, m in media_of.items() if m in place_of}
    left_out = _left_out(session, files - place_at.keys(), media_of, rows)
    relevant = _relevant(labels, place_at)
    if not relevant:
        raise BackboneNotIngested(
            f"Nothing can be asked: of {len(files):,} labelled files, the gallery has "
            f"{len(place_at):,} by {' and '.join(row.name for row in rows)}, and no two that "
            f"belong together. {' '.join(left_out)}".rstrip()
        )
    for sentence in left_out:
        note(sentence)
    if alone := [p for p in labels.queries if p in place_at and place_at[p] not in relevant]:
        note(f"{_named(alone)} not asked: no other content that belongs with it is left.")
    return Task(
        items=items,
        queries=np.array(sorted(relevant), np.int64),
        relevant=tuple(np.array(sorted(relevant[q]), np.int64) for q in sorted(relevant)),
    )


def _ranked(labels: Labels) -> frozenset[Path]:
    """The files that are ranked: files of no class lie in a folder by chance, and are not."""
    is_by_chance = labels.kind is LabelKind.FOLDERS
    return labels.paths - labels.without_group if is_by_chance else labels.paths


def _relevant(labels: Labels, place_at: dict[Path, int]) -> dict[int, set[int]]:
    """What each media should find, itself left out; those with nothing to find are left out."""
    relevant: dict[int, set[int]] = {}
    for path in labels.queries:
        if path in place_at:
            found = {place_at[other] for other in labels.relevant(path) if other in place_at}
            relevant.setdefault(place_at[path], set()).update(found)
    found_by = {place: others - {place} for place, others in relevant.items()}
    return {place: others for place, others in found_by.items() if others}


def _left_out(
    session: Session,
    missing: Collection[Path],
    media_of: dict[Path, int],
    rows: Sequence[BackboneRow],
) -> list[str]:
    """Sentences that name the files that are left out, with the command that includes them."""
    unknown = sorted(path for path in missing if path not in media_of)
    known = {path: media_of[path] for path in sorted(missing) if path in media_of}
    pictured = evaluations.media_with_pictures(session, set(known.values()))
    sentences = []
    if unknown:
        absent = sum(1 for path in unknown if not os.path.exists(path))  # noqa: PTH110 - Path.exists raises where a folder is closed
        but = f" (no such file: {absent:,})" if absent else ""
        sentences.append(
            f"{_named(unknown)} left out: not in the gallery{but}. {_command(unknown, rows)}"
        )
    empty = [path for path, media_id in known.items() if media_id not in pictured]
    if empty:
        sentences.append(f"{_named(empty)} left out: damaged or nearly one colour.")
    rest = {path: media_id for path, media_id in known.items() if media_id in pictured}
    explained: set[Path] = set()
    for row in rows:
        embedded = evaluations.media_embedded_by(session, row, set(rest.values()))
        lacking = [path for path, media_id in rest.items() if media_id not in embedded]
        explained.update(lacking)
        if lacking:
            sentences.append(
                f"{_named(lacking)} left out: not embedded by {row.name}. "
                f"{_command(lacking, [row])}"
            )
    if unequal := [path for path in rest if path not in explained]:
        sentences.append(
            f"{_named(unequal)} left out: no frame of it is embedded by all of "
            f"{', '.join(row.name for row in rows)}. Ingest it by all with the same sampling."
        )
    return sentences


def _named(files: Sequence[Path]) -> str:
    names = ", ".join(readable(str(path)) for path in files[:_NAMED])
    more = f" and {len(files) - _NAMED:,} more" if len(files) > _NAMED else ""
    return f"{len(files):,} labelled file{'' if len(files) == 1 else 's'} ({names}{more})"


def _command(files: Sequence[Path], rows: Sequence[BackboneRow]) -> str:
    folders = sorted({path.parent for path in files})
    if len(files) <= _NAMED:
        given = list(files)
    elif len(folders) <= _NAMED:
        given = folders
    else:
        given = [Path(os.path.commonpath(folders))]
    paths = " ".join(shlex.quote(readable(str(path))) for path in given)
    backbones = " ".join(f"-b {row.name}" for row in rows)
    return f"To include: imgsim ingest {paths} {backbones}"
