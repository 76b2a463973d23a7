"""The page as a whole."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from imgsim.report_values import ReportContents
from imgsim.reports.clock import h_mm_ss
from imgsim.reports.columns import printable
from imgsim.reports.html import names
from imgsim.reports.html.charts import chart_style
from imgsim.reports.html.comparison_section import comparison_section
from imgsim.reports.html.gallery_section import gallery_section, kind_name
from imgsim.reports.html.hits_section import RANKS, hits_section
from imgsim.reports.html.looks import Looks, looks_of
from imgsim.reports.html.pictures import PicturePool
from imgsim.reports.html.quality_section import costs_section, evaluation_section


def render(contents: ReportContents) -> str:
    """One HTML document that refers to nothing outside itself."""
    looks, pool = _looks(contents), PicturePool()
    with chart_style():
        return (
            _environment()
            .get_template("page.html.jinja")
            .render(
                contents=contents,
                looks=looks,
                pool=pool,
                ranks=RANKS,
                comparisons=[comparison_section(run, looks, pool) for run in contents.runs],
                hits=[hits_section(run, contents.pictures, pool) for run in contents.runs],
                evaluations=[evaluation_section(each, looks) for each in contents.evaluations],
                costs=[costs_section(run, looks) for run in contents.runs if run.summary.backbones],
                gallery=gallery_section(contents.gallery, looks),
            )
        )


def _looks(contents: ReportContents) -> Looks:
    """Those of the runs come first, so that they get colours of their own."""
    return looks_of(
        [
            *(name for run in contents.runs for name in run.summary.backbones),
            *(m.backbone for each in contents.evaluations for m in each.measurements),
            *(each.backbone for each in contents.gallery.coverage),
        ]
    )


def _environment() -> Environment:
    """Templates whose values are escaped: names of files are anybody's text."""
    environment = Environment(
        loader=PackageLoader("imgsim.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": h_mm_ss,
        "file_name": names.file_name,
        "kind_name": kind_name,
        "moment": names.moment,
        "number": names.number,
        "printable": printable,
        "whole": names.whole,
    }
    return environment
