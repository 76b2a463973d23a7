"""`imgsim evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgsim.backbones import Engine
from imgsim.cli.exit_codes import ExitCode, of_inputs
from imgsim.cli.options import (
    AllBackbonesOption,
    Device,
    DeviceOption,
    EngineOption,
    Format,
    choice_of,
)
from imgsim.cli.state import State, state_of
from imgsim.errors import InvalidArgument
from imgsim.evaluation import Evaluation
from imgsim.pipeline.embedders import Choice
from imgsim.pipeline.evaluate import evaluate_labels
from imgsim.pipeline.evaluate_copies import evaluate_copies
from imgsim.pipeline.labels import LabelKind, read_labels
from imgsim.pipeline.measuring import DEFAULT_KS, Measures
from imgsim.reports import evaluate_csv, evaluate_json, evaluate_table

_RENDER = {
    Format.TABLE: evaluate_table.render,
    Format.JSON: evaluate_json.render,
    Format.CSV: evaluate_csv.render,
}


def evaluate_command(
    context: typer.Context,
    folders: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders with a folder for each class.", metavar="[FOLDER]...", show_default=False
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="List of files and the group of each (TSV or CSV).", show_default=False),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="List of two files a line that belong together (TSV or CSV).", show_default=False
        ),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(
            help="Draw so many frames, and look for each by edited copies of it.",
            show_default=False,
        ),
    ] = None,
    backbone: AllBackbonesOption = None,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "-k",
            help="Hits that count; may be repeated. [default: 1, 5 and 10]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all that is drawn at random.")] = 0,
    distractors: Annotated[
        bool,
        typer.Option(
            "--distractors",
            help="Rank among all of the gallery, as copies always are; else among labelled media.",
        ),
    ] = False,
    device: DeviceOption = Device.AUTO,
    engine: EngineOption = Engine.AUTO,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> ExitCode:
    """Measure how well backbones find what belongs together: recall, hit rate, mAP.

    What belongs together is told by folders, by a list of groups or of pairs, whose files must be
    in the gallery; or imgsim edits frames of the gallery itself: scaled, cropped, turned and more.
    The numbers are saved in the evaluation tables, for SQL and Power BI.
    """
    labels = _labels(folders, groups, pairs, copies)
    measures = Measures(ks=tuple(k or DEFAULT_KS), seed=seed)
    state = state_of(context)
    choice = choice_of(state.settings, backbone or [], device=device, engine=engine)
    if labels is None:
        evaluation, failed = _of_copies(state, copies or 0, choice, measures)
    else:
        evaluation, failed = _of_labels(state, labels, choice, measures, distractors=distractors)
    typer.echo(_RENDER[format_](evaluation))
    return of_inputs(1, failed)


def _labels(
    folders: list[str] | None, groups: str | None, pairs: str | None, copies: int | None
) -> tuple[LabelKind, list[str]] | None:
    """Where labels are; None for copies.

    Raises:
        InvalidArgument: nothing is given, or several.
    """
    given = {
        "FOLDER": (LabelKind.FOLDERS, folders) if folders else None,
        "--groups": (LabelKind.GROUPS, [groups]) if groups is not None else None,
        "--pairs": (LabelKind.PAIRS, [pairs]) if pairs is not None else None,
    }
    named = [name for name, source in given.items() if source]
    if copies is not None:
        named.append("--copies")
    if len(named) != 1:
        raise InvalidArgument(
            "Say in one way what belongs together: FOLDER..., --groups FILE, --pairs FILE or "
            f"--copies N; given: {', '.join(named) or 'none of them'}."
        )
    return given.get(named[0])


def _of_copies(
    state: State, copies: int, choice: Choice, measures: Measures
) -> tuple[Evaluation, int]:
    with state.session() as session:
        report = evaluate_copies(
            session, copies, choice=choice, measures=measures, progress=state.terminal
        )
    for error in report.failed:
        state.terminal.error(str(error))
    return report.evaluation, len(report.failed)


def _of_labels(
    state: State,
    source: tuple[LabelKind, list[str]],
    choice: Choice,
    measures: Measures,
    *,
    distractors: bool,
) -> tuple[Evaluation, int]:
    labels = read_labels(*source)
    for error in labels.failed:
        state.terminal.error(str(error))
    with state.session() as session:
        evaluation = evaluate_labels(
            session,
            labels,
            names=choice.names,
            measures=measures,
            distractors=distractors,
            progress=state.terminal,
        )
    return evaluation, len(labels.failed)
