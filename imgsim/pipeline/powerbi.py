"""A Power BI project that reads this gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from imgsim.pipeline.new_folder import new_folder
from imgsim.reports.powerbi.project import write_project
from imgsim.reports.powerbi.views import View, ViewColumn
from imgsim.store import bi_columns
from imgsim.store.bi_columns import BiColumn
from imgsim.store.engine import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class PowerBIProject:
    """What was written."""

    opener: Path  # the .pbip file
    server: str  # host:port that it reads from
    database: str


def write_power_bi(session: Session, folder: Path) -> PowerBIProject:
    """Write a project whose report shows the saved runs, evaluations and media of the gallery.

    It holds the database's address, and neither data, user nor password.

    Raises:
        InvalidArgument: the folder holds something already.
        OutputError: it cannot be written to.
        GalleryError: a view that the report reads is not there.
        DatabaseError
    """
    views = _views(bi_columns.bi_columns(session))
    address = bi_columns.address(session)
    with new_folder(folder):
        opener = write_project(
            folder, server=address.server, database=address.database, views=views
        )
    return PowerBIProject(opener=opener, server=address.server, database=address.database)


def _views(columns: Sequence[BiColumn]) -> list[View]:
    return [
        View(
            name=name,
            description=description,
            columns=tuple(
                ViewColumn(name=each.name, type=each.type, description=each.comment)
                for each in group
            ),
        )
        for (name, description), group in groupby(
            columns, key=lambda each: (each.view, each.view_comment)
        )
    ]
