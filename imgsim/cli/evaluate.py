"""`imgsim evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgsim.cli.exit_codes import ExitCode
from imgsim.cli.options import AllBackbonesOption, Device, DeviceOption, Format
from imgsim.cli.state import State, state_of
from imgsim.errors import InvalidArgument
from imgsim.evaluation import Evaluation
from imgsim.pipeline.embedders import Choice
from imgsim.pipeline.evaluate import DEFAULT_KS, evaluate_labels
from imgsim.pipeline.evaluate_copies import evaluate_copies
from imgsim.pipeline.labels import LabelKind, read_labels
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
        typer.Argument(help="Folders with a folder for each class.", show_default=False),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="List of files and their groups (TSV or CSV).", show_default=False),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(help="List of files that belong together, two a line.", show_default=False),
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(help="Look for so many frames by edited copies of them.", show_default=False),
    ] = None,
    backbone: AllBackbonesOption = None,
    k: Annotated[
        list[int] | None,
        typer.Option("-k", help="Hits that count; may be repeated. [default: 1, 5, 10]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn at random.", min=0)] = 0,
    distractors: Annotated[
        bool,
        typer.Option("--distractors", help="Rank among all frames, not the labelled media only."),
    ] = False,
    device: DeviceOption = Device.AUTO,
    format_: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> ExitCode:
    """Measure how well backbones find what belongs together: recall, hit rate, mAP.

    Labels are folders, a list of groups or of pairs; labelled files must be in the gallery. Or
    imgsim makes copies of frames itself: scaled, cropped, turned, and more.
    """
    given = {LabelKind.GROUPS: groups, LabelKind.PAIRS: pairs}
    sources = {kind: [file] for kind, file in given.items() if file} | (
        {LabelKind.FOLDERS: folders} if folders else {}
    )
    ks = sorted(set(k or DEFAULT_KS))
    if len(sources) + (copies is not None) != 1:
        raise InvalidArgument(
            "imgsim evaluate takes folders, or --groups, or --pairs, or --copies: exactly one."
        )
    if ks[0] < 1:
        raise InvalidArgument(f"-k must be 1 or more, not {ks[0]}.")
    state = state_of(context)
    choice = Choice(names=backbone or [], device=device.value)
    evaluation = _run(state, sources, copies, choice, ks, seed, distractors)
    typer.echo(_RENDER[format_](evaluation))
    return ExitCode.DONE


def _run(
    state: State,
    sources: dict[LabelKind, list[str]],
    copies: int | None,
    choice: Choice,
    ks: list[int],
    seed: int,
    distractors: bool,
) -> Evaluation:
    if copies is not None:
        with state.session() as session, state.terminal as progress:
            return evaluate_copies(
                session, copies, choice=choice, ks=ks, seed=seed, progress=progress
            )
    ((kind, files),) = sources.items()
    labels = read_labels(kind, files)
    for error in labels.failed:
        state.terminal.error(str(error))
    with state.session() as session:
        return evaluate_labels(
            session,
            labels,
            names=choice.names,
            ks=ks,
            seed=seed,
            distractors=distractors,
            note=state.terminal.note,
        )
