"""Draws what benchmarks.search_at_scale found, and fits what larger galleries would cost.

    python -m benchmarks.scale_plot [--results FOLDER] [--kind clustered]

Reads every search_at_scale*_storage.json and _search.json in the folder. Fitted by least squares of
relative errors, over all numbers of frames n and dimensions dim that were measured:

    exact scan, s   = a * n * dim
    index build, s  = a * n * log2(n), a for each dim, of builds whose graph fitted into memory
    table, bytes    = n * bytes of a row, for each dim; the index likewise

A table row lies whole in a page of 8 kB, as does a node of the index, so that bytes go in steps of
the dimensions and are not fitted over them.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from benchmarks import record
from benchmarks.record import Cell, markdown
from imgsim.store.indexes import M

matplotlib.use("Agg")
from matplotlib import pyplot

Row: TypeAlias = dict[str, Any]

_SIZES = (1_000_000, 10_000_000, 100_000_000)
_EF_SEARCH = 100
_COLOURS = {512: "#2f6fb2", 1280: "#c4561f"}
_INK = "#202124"
_GRID = "#dddddd"


@dataclass(frozen=True, kw_only=True)
class _Found:
    storage: list[Row]  # a gallery each
    exact: list[Row]
    index: list[Row]  # by the index at the default ef_search


def main() -> None:
    """Draw the picture and print the table."""
    asked = _arguments()
    found = _read(asked.results, asked.kind)
    model = _fitted(found)
    print(markdown(_costs(found, model)))  # noqa: T201
    print("\n" + model.formulas)  # noqa: T201
    _draw(found, model, asked.kind, asked.results / "search_at_scale.png")


def _read(folder: Path, kind: str) -> _Found:
    def rows(part: str) -> list[Row]:
        files = sorted(folder.glob(f"search_at_scale*_{part}.json"))
        if not files:
            raise SystemExit(f"No search_at_scale*_{part}.json in {folder}; run that first.")
        found = [row for file in files for row in json.loads(file.read_text())["rows"]]
        return sorted((row for row in found if row["kind"] == kind), key=lambda row: row["rows"])

    searches = rows("search")
    return _Found(
        storage=rows("storage"),
        exact=[row for row in searches if row["way"] == "exact"],
        index=[r for r in searches if r["way"] == "index" and r["ef_search"] == _EF_SEARCH],
    )


@dataclass(frozen=True, kw_only=True)
class _Model:
    exact_s: Callable[[float, int], float]  # of frames and dim
    build_s: Callable[[float, int], float]
    formulas: str


def _fitted(found: _Found) -> _Model:
    (per_value,) = _least_squares(
        [[row["rows"] * row["dim"]] for row in found.exact],
        [row["bare_p50_ms"] / 1000 for row in found.exact],
    )
    by_dim: dict[int, float] = {}
    for dim in sorted({row["dim"] for row in found.storage}):
        built = [row for row in found.storage if row["dim"] == dim and not row["notice"]]
        (by_dim[dim],) = _least_squares(
            [[row["rows"] * math.log2(row["rows"])] for row in built],
            [row["build_s"] for row in built],
        )
    lines = [f"index build of {dim}, s = {each:.3g} * n * log2(n)" for dim, each in by_dim.items()]
    return _Model(
        exact_s=lambda rows, dim: per_value * rows * dim,
        build_s=lambda rows, dim: by_dim[dim] * rows * math.log2(rows),
        formulas="\n".join([f"exact scan, s = {per_value:.3g} * n * dim", *lines]),
    )


def _least_squares(terms: Sequence[Sequence[float]], seconds: Sequence[float]) -> list[float]:
    """Factors of the terms; relative errors count, or the largest gallery would decide alone."""
    measured = np.array(seconds)
    factors = np.linalg.lstsq(np.array(terms) / measured[:, None], np.ones(len(measured)))[0]
    return [float(each) for each in factors]


def _costs(found: _Found, model: _Model) -> list[dict[str, Cell]]:
    """What galleries of _SIZES cost, by dim; measured where they were."""
    lines: list[dict[str, Cell]] = []
    for dim in sorted({row["dim"] for row in found.storage}):
        largest = [row for row in found.storage if row["dim"] == dim][-1]
        for rows in _SIZES:
            stored = [r for r in found.storage if (r["dim"], r["rows"]) == (dim, rows)]
            scanned = [r for r in found.exact if (r["dim"], r["rows"]) == (dim, rows)]
            build_s = stored[0]["build_s"] if stored else model.build_s(rows, dim)
            scan_s = scanned[0]["bare_p50_ms"] / 1000 if scanned else model.exact_s(rows, dim)
            lines.append(
                {
                    "dim": dim,
                    "frames": rows,
                    "table_gb": rows * largest["table_bytes_a_row"] / 1e9,
                    "index_gb": rows * largest["index_bytes_a_row"] / 1e9,
                    "build_memory_gb": rows * (2 * dim + 24 * M + 256) * 1.25 / 1e9,
                    "build_hours": build_s / 3600,
                    "exact_scan_s": scan_s,
                    "how": "measured" if stored and scanned else "extrapolated",
                    "remark": stored[0]["notice"] if stored else None,
                }
            )
    return lines


def _draw(found: _Found, model: _Model, kind: str, path: Path) -> None:
    with pyplot.rc_context({"font.size": 11, "axes.edgecolor": _INK, "text.color": _INK}):
        figure, places = pyplot.subplots(1, 3, figsize=(17, 5.6), facecolor="white")
        _draw_searches(places[0], found)
        _draw_builds(places[1], found, model)
        _draw_bytes(places[2], found)
        figure.suptitle(f"Galleries of {kind} vectors, halfvec with HNSW, 2 cores", fontsize=14)
        figure.tight_layout()
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


def _draw_searches(place: Axes, found: _Found) -> None:
    """Bare statements: lines at p50, and up to p95 shaded."""
    for rows, style, way in ((found.exact, "--", "exact"), (found.index, "-", "HNSW")):
        for dim, colour in _COLOURS.items():
            mine = [row for row in rows if row["dim"] == dim]
            frames = [row["rows"] for row in mine]
            middle, high = ([row[f"bare_{p}_ms"] for row in mine] for p in ("p50", "p95"))
            place.plot(frames, middle, style, color=colour, marker="o", label=f"{way}, {dim}")
            place.fill_between(frames, middle, high, color=colour, alpha=0.15, linewidth=0)
    place.set(xscale="log", yscale="log", xlabel="frames", ylabel="milliseconds")
    place.set_title(f"One search: p50, shaded up to p95 (ef_search {_EF_SEARCH})", fontsize=11)
    _finish(place)


def _draw_builds(place: Axes, found: _Found, model: _Model) -> None:
    for dim, colour in _COLOURS.items():
        mine = [row for row in found.storage if row["dim"] == dim]
        for fits, marker in ((True, "o"), (False, "X")):
            some = [row for row in mine if bool(row["notice"]) is not fits]
            label = f"{dim}" if fits else f"{dim}, graph over the memory for it"
            frames, seconds = ([row[key] for row in some] for key in ("rows", "build_s"))
            if some:
                place.plot(frames, seconds, marker, color=colour, label=label, markersize=8)
        curve: npt.NDArray[np.float64] = np.geomspace(1e4, 1e6, 50)
        fitted = [model.build_s(rows, dim) for rows in curve]
        place.plot(curve, fitted, ":", color=colour, label=f"{dim}, fitted")
    place.set(xscale="log", yscale="log", xlabel="frames", ylabel="seconds")
    place.set_title("Building the index", fontsize=11)
    _finish(place)


def _draw_bytes(place: Axes, found: _Found) -> None:
    """Table and index, stacked, for each gallery."""
    rows = sorted(found.storage, key=lambda row: (row["dim"], row["rows"]))
    names = [f"{row['dim']}\n{row['rows']:,}" for row in rows]
    colours = [_COLOURS.get(row["dim"], _INK) for row in rows]
    table, index = ([row[f"{part}_bytes_a_row"] for row in rows] for part in ("table", "index"))
    place.bar(names, table, color=colours, label="table (below)")
    place.bar(names, index, bottom=table, color=colours, alpha=0.5, label="index (above)")
    for at, total in enumerate(np.add(table, index)):
        place.text(at, total, f"{total:,.0f}", ha="center", va="bottom", fontsize=9)
    place.set(ylabel="bytes", xlabel="dimensions and frames")
    place.set_title("Bytes a frame, without its thumbnail", fontsize=11)
    _finish(place)


def _finish(place: Axes) -> None:
    place.grid(visible=True, color=_GRID, linewidth=0.7)
    place.set_axisbelow(True)
    place.spines[["top", "right"]].set_visible(False)
    place.legend(frameon=False, fontsize=9)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=record.RESULTS, help="folder of the JSON")
    parser.add_argument("--kind", choices=["clustered", "real"], default="clustered")
    return parser.parse_args()


if __name__ == "__main__":
    main()
