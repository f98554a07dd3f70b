"""The front as a picture: an HTML page that answers to the mouse, or a PNG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas.quantity import written
from search_spaces.architecture import Architecture
from studies.errors import StudyError, UsageError
from studies.pareto import Direction
from studies.record import TrialRecord
from studies.result import StudyResult

ENDINGS = (".html", ".png")
_GIGA = 1e9
_FRONT, _OTHERS, _STOPPED = "#d62728", "#9aa0a6", "#d5d8dc"
_BUDGET, _BASELINES = "#1f77b4", "#2ca02c"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A reference line across the picture: upright at an x, or level at a y."""

    title: str
    colour: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is drawn: the front in its order along x, the dominated networks, reference lines.

    Points are x, y and the trial; those that were stopped early stand where they were judged last.
    """

    title: str
    x_title: str
    y_title: str
    front: tuple[tuple[float, float, TrialRecord], ...]
    others: tuple[tuple[float, float, TrialRecord], ...]
    stopped: tuple[tuple[float, float, TrialRecord], ...]
    lines: tuple[Line, ...]


def check_plot_file(path: str) -> None:
    """Raise ``UsageError`` for an ending that cannot be drawn."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise UsageError(f"--plot {path}: give a file that ends in .html or .png")


def plot_front(result: StudyResult, path: str) -> None:
    """Draw a study into a file.

    Raises ``StudyError`` where nothing was trained yet or the file cannot be written.
    """
    check_plot_file(path)
    picture = picture_of(result)
    draw = _draw_html if Path(path).suffix.lower() == ".html" else _draw_png
    try:
        draw(picture, Path(path))
    except OSError as error:
        raise StudyError(f"{path} cannot be written: {error.strerror or error}") from None


def picture_of(result: StudyResult) -> Picture:
    """The study's first objective over its second, or over MACs where it has one alone."""
    if not result.front:
        raise StudyError(f"study {result.study} has no trained candidate yet: nothing to plot")
    y = _Axis.of(result, 0)
    x = _Axis.of(result, 1) if len(result.objectives) > 1 else _Axis.macs()
    front = sorted(((x.value(r), y.value(r), r) for r in result.front), key=lambda p: p[:2])
    numbers = {record.number for record in result.front}
    others = [(x.value(r), y.value(r), r) for r in result.complete if r.number not in numbers]
    return Picture(
        title=result.study,
        x_title=x.title,
        y_title=y.title,
        front=tuple(front),
        others=tuple(others),
        stopped=tuple((x.value(r), y.value(r), r) for r in result.stopped if r.rungs),
        lines=tuple(_lines(result, x, y)),
    )


def summary(architecture: Architecture) -> str:
    """An architecture in a few words: encoder, decoder, sharing, links, pruning."""
    a = architecture
    groups = " | ".join("+".join(group) for group in a.sharing.stages[-1])
    words = [
        f"{a.encoder.depth} width {a.encoder.width}, {a.decoder.kind}",
        f"last stage {groups}",
    ]
    if a.streams == 2:
        words.append(f"two streams, {a.fusion}")
    words += [
        f"link {link.source} → {link.target} ({link.operation}, 1/{link.level})" for link in a.links
    ]
    words += [f"{m.task} +{m.channels} channels at stage {m.stage}" for m in a.augmentations]
    words += [f"{p.task} {p.part} pruned by {p.ratio:.0%}" for p in a.pruning]
    return "\n".join(words)


@dataclass(frozen=True, kw_only=True)
class _Axis:
    """One objective: its place in a trial's values, its title, and what it is divided by."""

    name: str
    title: str
    direction: Direction
    index: int | None = None
    scale: float = 1.0

    @classmethod
    def of(cls, result: StudyResult, index: int) -> _Axis:
        objective = result.objectives[index]
        name, direction = objective["name"], objective["direction"]
        way: Direction = "maximize" if direction == "maximize" else "minimize"
        titles = {
            "delta_m": "Δm against the single-task networks (%, higher is better)",
            "macs": "GMAC per frame (lower is better)",
            "params": "million parameters (lower is better)",
            "activation_bytes": "peak activations in MB (lower is better)",
            "latency_ms": "latency in ms (lower is better)",
        }
        better = "higher" if way == "maximize" else "lower"
        return cls(
            name=name,
            title=titles.get(name, f"{name}: {objective['unit']} ({better} is better)"),
            direction=way,
            index=index,
            scale={"macs": _GIGA, "params": 1e6, "activation_bytes": 1e6}.get(name, 1.0),
        )

    @classmethod
    def macs(cls) -> _Axis:
        return cls(name="macs", title="GMAC per frame", direction="minimize", scale=_GIGA)

    def value(self, record: TrialRecord) -> float:
        values = record.rungs[-1].values if record.status == "stopped" else record.values
        value = float(record.macs) if self.index is None else values[self.index]
        return value / self.scale


def _lines(result: StudyResult, x: _Axis, y: _Axis) -> list[Line]:
    lines = []
    limit = result.budget["macs_per_frame"]
    if x.name == "macs":
        if limit:
            title = f"budget {written('macs', limit)}"
            lines.append(Line(title=title, colour=_BUDGET, x=limit / _GIGA))
        if result.baselines:
            together = result.single_task_macs
            title = f"single-task networks together {written('macs', together)}"
            lines.append(Line(title=title, colour=_BASELINES, x=together / _GIGA))
    if y.name == "delta_m":
        lines.append(Line(title="as good as single-task networks", colour=_BASELINES, y=0.0))
    return lines


# --- HTML ---------------------------------------------------------------------------------------


def _draw_html(picture: Picture, path: Path) -> None:
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, points, colour, mode in (
        # A click shows these: networks that were hardly trained lie far below the others.
        ("stopped early", picture.stopped, _STOPPED, "markers"),
        ("dominated", picture.others, _OTHERS, "markers"),
        ("front", picture.front, _FRONT, "lines+markers"),
    ):
        if not points:
            continue
        figure.add_trace(
            go.Scatter(
                x=[p[0] for p in points],
                y=[p[1] for p in points],
                name=name,
                mode=mode,
                visible="legendonly" if name == "stopped early" else True,
                marker={"color": colour, "size": 9},
                line={"color": colour, "dash": "dot"},
                text=[_hover(p[2]) for p in points],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    for line in picture.lines:
        draw = figure.add_vline if line.x is not None else figure.add_hline
        place = {"x": line.x} if line.x is not None else {"y": line.y}
        draw(**place, line={"color": line.colour, "dash": "dash"}, annotation={"text": line.title})
    figure.update_layout(
        title=picture.title,
        xaxis_title=picture.x_title,
        yaxis_title=picture.y_title,
        template="plotly_white",
    )
    page = figure.to_html(include_plotlyjs=True, full_html=True)
    path.write_text(page, encoding="utf-8")


def _hover(record: TrialRecord) -> str:
    assert record.architecture is not None
    head = [
        f"<b>trial {record.number}</b>",
        f"Δm {record.delta_m:+.2f} %, {written('macs', record.macs)}, "
        f"{written('params', record.params)}",
        *(f"{task} {next(iter(values.values())):.3f}" for task, values in record.metrics.items()),
        *([f"stopped early: {record.reason}"] if record.status == "stopped" else []),
    ]
    return "<br>".join([*head, *summary(record.architecture).split("\n")])


# --- PNG ----------------------------------------------------------------------------------------


def _draw_png(picture: Picture, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.scatter(
        [p[0] for p in picture.others], [p[1] for p in picture.others], c=_OTHERS, label="dominated"
    )
    xs, ys = [p[0] for p in picture.front], [p[1] for p in picture.front]
    axes.plot(xs, ys, "o:", color=_FRONT, label="front")
    for x, y, record in picture.front:
        axes.annotate(str(record.number), (x, y), (5, 5), textcoords="offset points")
    for line in picture.lines:
        if line.x is not None:
            axes.axvline(line.x, color=line.colour, linestyle="--", label=line.title)
        elif line.y is not None:
            axes.axhline(line.y, color=line.colour, linestyle="-.", linewidth=1, label=line.title)
    if picture.stopped:  # drawn within the limits of the rest: some lie far below
        limits = axes.axis()
        xs, ys = [p[0] for p in picture.stopped], [p[1] for p in picture.stopped]
        axes.scatter(xs, ys, c=_STOPPED, s=16, zorder=0, label="stopped early")
        axes.axis(limits)
    axes.set(title=_broken(picture.title), xlabel=picture.x_title, ylabel=picture.y_title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, format="png")


def _broken(title: str, width: int = 80) -> str:
    return "\n".join(title[i : i + width] for i in range(0, len(title), width))
