"""Finalists as a picture: Δm over MACs on the test split, with the spread of the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas.quantity import written
from studies.errors import StudyError
from studies.finalists import Finalists
from studies.plot import check_plot_file

_GIGA = 1e9
_CLEAR, _DOMINATED, _ZERO = "#d62728", "#9aa0a6", "#2ca02c"
_X_TITLE = "GMAC per frame (lower is better)"
_Y_TITLE = "Δm on the test split (%, higher is better)"
_ZERO_TITLE = "as good as single-task networks"


@dataclass(frozen=True, kw_only=True)
class Point:
    """A finalist: GMAC, mean and spread of Δm in percent; ``spread`` is 0 for one seed."""

    trial: int
    x: float
    y: float
    spread: float
    dominated: bool


def plot_finalists(study: str, finalists: Finalists, path: str) -> None:
    """Draw finalists into an ``.html`` or ``.png`` file.

    Raises ``UsageError`` for another ending, ``StudyError`` where no Δm is known yet or the file
    cannot be written.
    """
    check_plot_file(path)
    points = points_of(finalists)
    if not points:
        raise StudyError(f"study {study} has no finalist with a Δm yet: nothing to plot")
    draw = _draw_html if Path(path).suffix.lower() == ".html" else _draw_png
    try:
        draw(study, points, Path(path))
    except OSError as error:
        raise StudyError(f"{path} cannot be written: {error.strerror or error}") from None


def points_of(finalists: Finalists) -> list[Point]:
    """Every finalist whose Δm is known, cheapest first."""
    dominated = finalists.dominated()
    return [
        Point(
            trial=record.number,
            x=record.macs / _GIGA,
            y=delta_m.mean,
            spread=delta_m.std or 0.0,
            dominated=record.number in dominated,
        )
        for record in finalists.trials
        if (delta_m := finalists.delta_m(record.number)) is not None
    ]


def _draw_html(study: str, points: list[Point], path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, colour, part in _parts(points):
        figure.add_trace(
            go.Scatter(
                x=[p.x for p in part],
                y=[p.y for p in part],
                error_y={"type": "data", "array": [p.spread for p in part]},
                name=name,
                mode="markers",
                marker={"color": colour, "size": 9},
                text=[_hover(p) for p in part],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    line = {"color": _ZERO, "dash": "dash"}
    figure.add_hline(y=0, line=line, annotation={"text": _ZERO_TITLE})
    figure.update_layout(
        title=study, xaxis_title=_X_TITLE, yaxis_title=_Y_TITLE, template="plotly_white"
    )
    page = figure.to_html(include_plotlyjs=True, full_html=True)
    path.write_text(page, encoding="utf-8")


def _draw_png(study: str, points: list[Point], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, colour, part in _parts(points):
        axes.errorbar(
            [p.x for p in part],
            [p.y for p in part],
            yerr=[p.spread for p in part],
            fmt="o",
            capsize=4,
            color=colour,
            label=name,
        )
    for point in points:
        axes.annotate(str(point.trial), (point.x, point.y), (5, 5), textcoords="offset points")
    axes.axhline(0, color=_ZERO, linestyle="-.", linewidth=1, label=_ZERO_TITLE)
    axes.set(title=study, xlabel=_X_TITLE, ylabel=_Y_TITLE)
    axes.title.set_wrap(True)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, format="png")


def _parts(points: list[Point]) -> list[tuple[str, str, list[Point]]]:
    kinds = (("finalists", _CLEAR, False), ("dominated on the test split", _DOMINATED, True))
    parts = [(name, colour, [p for p in points if p.dominated is d]) for name, colour, d in kinds]
    return [part for part in parts if part[2]]


def _hover(point: Point) -> str:
    return (
        f"<b>trial {point.trial}</b><br>Δm {point.y:+.1f} ±{point.spread:.1f} %, "
        f"{written('macs', round(point.x * _GIGA))}"
    )
