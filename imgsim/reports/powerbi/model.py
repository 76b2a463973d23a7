"""The semantic model: which views it imports, what it adds to them, how they relate.

Columns are not listed here: they, their types and their descriptions are the views' own.
"""

from __future__ import annotations

from dataclasses import dataclass

from imgsim.reports.powerbi.measures import MEASURES, Measure


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A column that the model computes, for people to choose by."""

    name: str
    dax: str
    sort_by: str  # a column that orders the labels; one value for each
    description: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of the model, filled from a view."""

    name: str
    view: str
    addition: str = ""  # to the view's description
    label: Label | None = None

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is computed from it."""
        return MEASURES.get(self.name, ())


@dataclass(frozen=True, kw_only=True, slots=True)
class Relationship:
    """Many rows of a table have one of another; choosing the one filters the many."""

    table: str
    column: str
    one_table: str
    one_column: str


def _table(view: str, label: Label | None = None) -> Table:
    return Table(name=view, view=view, label=label)


def _to(one_table: str, key: str, *tables: str) -> tuple[Relationship, ...]:
    return tuple(
        Relationship(table=table, column=key, one_table=one_table, one_column=key)
        for table in tables
    )


_WHEN = 'FORMAT ( {0}[started_at], "yyyy-mm-dd hh:nn", "en-US" )'

TABLES: tuple[Table, ...] = (
    _table("dim_backbone"),
    Table(
        name="dim_other_backbone",
        view="dim_backbone",
        addition=", as the other of two that are compared",
    ),
    _table("dim_media"),
    _table("dim_frame_image"),
    _table(
        "dim_search",
        Label(
            name="run",
            dax='"Run " & dim_search[search_id] & ": " & dim_search[command] & " " & '
            + _WHEN.format("dim_search"),
            sort_by="search_id",
            description="What it is called in a list; times are UTC",
        ),
    ),
    _table(
        "dim_query",
        Label(
            name="query",
            dax='FORMAT ( dim_query[position], "00", "en-US" ) & " " & dim_query[file_name]',
            sort_by="position",
            description="Place among the run's queries, and file name",
        ),
    ),
    _table(
        "dim_evaluation",
        Label(
            name="evaluation",
            dax='dim_evaluation[evaluation_id] & ": " & dim_evaluation[kind] & " " & '
            + _WHEN.format("dim_evaluation"),
            sort_by="evaluation_id",
            description="What it is called in a list; times are UTC",
        ),
    ),
    _table("fact_match"),
    _table("fact_query_metrics"),
    _table("fact_search_backbone"),
    _table("fact_agreement"),
    _table("fact_coverage"),
    _table("fact_evaluation"),
)

# One path at most leads from a table to another, or Power BI would have to guess. Hence facts about
# queries reach their run by way of dim_query, and dim_query.truth_frame_id has no relationship.
RELATIONSHIPS: tuple[Relationship, ...] = (
    *_to("dim_search", "search_id", "dim_query", "fact_search_backbone"),
    *_to("dim_query", "query_id", "fact_match", "fact_query_metrics", "fact_agreement"),
    *_to(
        "dim_backbone",
        "backbone_id",
        "fact_match",
        "fact_query_metrics",
        "fact_agreement",
        "fact_search_backbone",
        "fact_coverage",
        "fact_evaluation",
    ),
    Relationship(
        table="fact_agreement",
        column="other_backbone_id",
        one_table="dim_other_backbone",
        one_column="backbone_id",
    ),
    *_to("dim_frame_image", "frame_id", "fact_match"),
    *_to("dim_media", "media_id", "fact_match", "fact_coverage"),
    *_to("dim_evaluation", "evaluation_id", "fact_evaluation"),
)


def table_of(measure: str) -> str:
    """The table that a measure belongs to; KeyError if there is no such measure."""
    for table, measures in MEASURES.items():
        if any(each.name == measure for each in measures):
            return table
    raise KeyError(measure)
