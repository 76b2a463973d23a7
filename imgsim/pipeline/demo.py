"""The whole job once, on the sample that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import imgsim
from imgsim.domain import IngestReport, QueryResult
from imgsim.pipeline.embedders import Choice
from imgsim.pipeline.ingest import ingest
from imgsim.pipeline.progress import Progress
from imgsim.pipeline.search import find_similar
from imgsim.store.engine import Session

SAMPLE = Path(imgsim.__file__).resolve().parent / "sample"
VIDEO = SAMPLE / "bigbuckbunny.mp4"
PICTURE = SAMPLE / "bunny_leaves_the_burrow.jpg"


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """What the demo did."""

    ingested: IngestReport
    result: QueryResult


def run_demo(session: Session, *, choice: Choice, k: int, progress: Progress) -> DemoReport:
    """Ingest the sample video and search it with the sample picture.

    Raises:
        DatabaseError, BackboneError
    """
    ingested = ingest(session, [str(VIDEO)], choice=choice, progress=progress)
    # Ingest has told the device already.
    found = find_similar(session, [str(PICTURE)], choice=choice, k=k)
    for error in found.failed:
        raise error
    (result,) = found.results
    return DemoReport(ingested=ingested, result=result)
