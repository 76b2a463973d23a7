"""The measures of the semantic model, in DAX, by the table they belong to.

Power BI tells names apart without regard to case: no measure may be called like a column of its
table, nor like any other measure.
"""

from __future__ import annotations

from dataclasses import dataclass

_COUNT, _SHARE, _DISTANCE = "#,##0", "0.0%", "0.0000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A number, text or picture that is computed for whatever a reader has chosen."""

    name: str
    dax: str
    format: str | None = None  # None: it is text
    description: str
    is_picture: bool = False


def _answers(name: str, column: str, description: str) -> Measure:
    """How many answers are so; 0 if none is, and nothing where there are no answers."""
    return Measure(
        name=name,
        dax=f"""
IF (
    NOT ( ISEMPTY ( fact_query_metrics ) ),
    COUNTROWS ( FILTER ( fact_query_metrics, fact_query_metrics[{column}] ) ) + 0
)""",
        format=_COUNT,
        description=description,
    )


def _quality(name: str, metric: str, description: str) -> Measure:
    """A metric at the greatest k in view; over all queries, unless a part of them was chosen."""
    return Measure(
        name=name,
        dax=f"""
VAR is_part_chosen = ISFILTERED ( fact_evaluation[part] )
VAR depth =
    CALCULATE ( MAX ( fact_evaluation[k] ), KEEPFILTERS ( fact_evaluation[metric] = "{metric}" ) )
RETURN
    CALCULATE (
        AVERAGE ( fact_evaluation[value] ),
        KEEPFILTERS ( fact_evaluation[metric] = "{metric}" ),
        KEEPFILTERS ( fact_evaluation[k] = depth ),
        KEEPFILTERS (
            FILTER (
                ALL ( fact_evaluation[part] ),
                is_part_chosen || fact_evaluation[part] = "all"
            )
        )
    )""",
        format="0.000",
        description=f"{description}; of several evaluations, their mean",
    )


def _in_view(name: str, table: str, key: str, label: str, several: str, none: str) -> Measure:
    """Says what the numbers on a page are about."""
    return Measure(
        name=name,
        dax=f"""
SWITCH (
    TRUE (),
    ISEMPTY ( {table} ), "{none}",
    HASONEVALUE ( {table}[{key}] ), SELECTEDVALUE ( {table}[{label}] ),
    COUNTROWS ( {table} ) & " {several}"
)""",
        description="What the numbers on this page are about",
    )


def _mean(name: str, column: str, format_: str, description: str) -> Measure:
    return Measure(name=name, dax=f"AVERAGE ( {column} )", format=format_, description=description)


_PICTURE_OF_ONE_HIT = """
IF (
    COUNTROWS ( fact_match ) = 1,
    MAXX ( fact_match, RELATED ( dim_frame_image[image] ) )
)"""

_EMBEDDED = """
SUMX (
    SUMMARIZE ( fact_coverage, fact_coverage[media_id], fact_coverage[backbone_id] ),
    CALCULATE ( MAX ( fact_coverage[embedded] ) )
)"""

_RATE = """
DIVIDE (
    [Successful first matches],
    COUNTROWS (
        FILTER ( fact_query_metrics, NOT ( ISBLANK ( fact_query_metrics[first_match] ) ) )
    )
)"""

_TRUE_FRAME = """
VAR wanted = SELECTEDVALUE ( dim_query[truth_frame_id] )
RETURN
    IF (
        NOT ( ISBLANK ( wanted ) ),
        LOOKUPVALUE ( dim_frame_image[image], dim_frame_image[frame_id], wanted )
    )"""

MEASURES: dict[str, tuple[Measure, ...]] = {
    "dim_search": (
        _in_view(
            "Run in view",
            "dim_search",
            "search_id",
            "run",
            several="runs together: choose one",
            none="No run is saved yet: imgsim compare saves one",
        ),
    ),
    "dim_query": (
        Measure(
            name="True frame picture",
            dax=_TRUE_FRAME,
            description="The frame that the query is known to be, if the gallery still has it",
            is_picture=True,
        ),
    ),
    "dim_media": (
        Measure(
            name="Media",
            dax="COUNTROWS ( dim_media )",
            format=_COUNT,
            description="Contents in the gallery; the same bytes at two paths are one",
        ),
        Measure(
            name="Frames",
            dax="SUM ( dim_media[kept_frames] )",
            format=_COUNT,
            description="Frames kept in the gallery, blank ones too",
        ),
    ),
    "dim_evaluation": (
        _in_view(
            "Evaluation in view",
            "dim_evaluation",
            "evaluation_id",
            "evaluation",
            several="evaluations, averaged",
            none="Nothing is evaluated yet: imgsim evaluate does",
        ),
    ),
    "fact_query_metrics": (
        Measure(
            name="Queries",
            dax="DISTINCTCOUNT ( fact_query_metrics[query_id] )",
            format=_COUNT,
            description="Pictures that were asked for",
        ),
        _answers(
            "Successful matches",
            "match_found",
            description="Answers, one for each query and backbone, that have the true frame",
        ),
        _answers(
            "Successful first matches",
            "first_match",
            description="Answers, one for each query and backbone, that begin with the true frame",
        ),
        Measure(
            name="First-match rate",
            dax=_RATE,
            format=_SHARE,
            description="Share of the answers to queries of a known frame that begin with it",
        ),
        Measure(
            name="Adjacent hits",
            dax="SUM ( fact_query_metrics[adjacent_hits] )",
            format=_COUNT,
            description="Hits that form an unbroken run in time with the true frame",
        ),
        _mean(
            "Mean adjacent hits",
            "fact_query_metrics[adjacent_hits]",
            "0.00",
            description="Adjacent hits of an answer, on average",
        ),
        Measure(
            name="Best distance",
            dax="MIN ( fact_query_metrics[best_distance] )",
            format=_DISTANCE,
            description="The least distance of a first hit",
        ),
        _mean(
            "Mean margin",
            "fact_query_metrics[margin]",
            _DISTANCE,
            description="Distance of the second hit less that of the first, on average",
        ),
    ),
    "fact_match": (
        Measure(
            name="Hit picture",
            dax=_PICTURE_OF_ONE_HIT,
            description="The frame that was found; nothing where several hits are in view",
            is_picture=True,
        ),
        Measure(
            name="Hit distance",
            dax="SELECTEDVALUE ( fact_match[distance] )",
            format=_DISTANCE,
            description="Distance of the one hit in view",
        ),
        Measure(
            name="Hit offset",
            dax="SELECTEDVALUE ( fact_match[truth_offset] )",
            format="+0;-0;0",
            description="How many embedded frames after the true frame; 0: it is the true frame",
        ),
    ),
    "fact_search_backbone": (
        _mean(
            "Search ms",
            "fact_search_backbone[search_ms]",
            "#,##0.0",
            description="Milliseconds to answer a query; of several runs, their mean",
        ),
        _mean(
            "Embed ms",
            "fact_search_backbone[embed_ms]",
            "#,##0.0",
            description="Milliseconds to embed a query; of several runs, their mean",
        ),
    ),
    "fact_coverage": (
        Measure(
            name="Embedded frames",
            dax=_EMBEDDED,
            format=_COUNT,
            description="Frames with an embedding, once for each backbone; of a media with several "
            "samplings, those of the largest",
        ),
    ),
    "fact_evaluation": (
        _quality("Recall", "recall", "Share of what belongs together that is among the first k"),
        _quality("Hit rate", "hit_rate", "Share of queries with a relevant hit among the first k"),
        _quality("mAP", "map", "Mean average precision"),
        _quality("ANN recall", "ann_recall", "Share of the exact hits that the index finds"),
    ),
    "fact_agreement": (
        _mean(
            "Mean overlap",
            "fact_agreement[overlap]",
            _SHARE,
            description="Share of two backbones' hits that both have, on average",
        ),
        _mean(
            "Mean rank correlation",
            "fact_agreement[rank_correlation]",
            "0.00",
            description="How alike two backbones order the hits that both have, on average",
        ),
    ),
}
