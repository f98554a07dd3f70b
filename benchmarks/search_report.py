"""Curves of all arms over seeds: a table, a document of plain values, and a picture."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from search_curve import Ratio, ratio

_GIGA = 1e9
_COLOURS = ("#9aa0a6", "#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One study when so many MACs were spent.

    ``trained`` trials were complete by then. ``hypervolume`` is over the logarithm of MACs,
    ``linear`` over MACs; both are of the ``finalists``, ids of the networks of the validation
    front. Their ``delta_m`` on the test split are by seed of the training, empty where one failed;
    ``validation_delta_m`` are what the search saw.
    """

    macs: float
    seconds: float
    trained: int
    finalists: tuple[str, ...]
    finalist_macs: tuple[int, ...]
    delta_m: tuple[tuple[float, ...], ...]
    validation_delta_m: tuple[float, ...]
    hypervolume: float
    linear: float


#: Points of an arm by seed.
Curves = Mapping[int, Sequence[Point]]


def print_table(arms: Mapping[str, Curves]) -> None:
    """Hypervolume by arm and compute, mean ± standard deviation over seeds."""
    spent = [point.macs for point in next(iter(next(iter(arms.values())).values()))]
    print(f"{'arm':15}{'':22}" + "".join(f"{f'{macs / 1e12:.3g} TMAC':>18}" for macs in spent))
    for name, curves in arms.items():
        rows = {
            "hypervolume": [_spread(p.hypervolume for p in at) for at in _by_checkpoint(curves)],
            "over linear MACs": [_spread(p.linear for p in at) for at in _by_checkpoint(curves)],
            "finalists": [_mean(len(p.finalists) for p in at) for at in _by_checkpoint(curves)],
            "trained to the end": [_mean(p.trained for p in at) for at in _by_checkpoint(curves)],
            "seconds": [_mean(p.seconds for p in at) for at in _by_checkpoint(curves)],
        }
        for number, (title, cells) in enumerate(rows.items()):
            print(f"{'' if number else name:15}{title:22}" + "".join(f"{c:>18}" for c in cells))


def print_spread(arms: Mapping[str, Curves]) -> None:
    """How far networks differ, how far trainings of the same network do, and what search saw."""
    found = _judged(arms.values())
    repeated = [judged for judged, _ in found if len(judged) > 1]
    if len(repeated) > 1:
        noise = statistics.fmean(map(statistics.variance, repeated)) ** 0.5
        between = statistics.stdev(map(statistics.fmean, repeated))
        print(
            f"Δm of {len(repeated)} finalists on the test split: standard deviation between "
            f"networks {between:.2f}, between trainings of one {noise:.2f} percentage points"
        )
    for name, curves in arms.items():
        pairs = [(statistics.fmean(judged), seen) for judged, seen in _judged([curves])]
        if len({a for a, _ in pairs}) > 1 and len({b for _, b in pairs}) > 1:
            tested, seen = zip(*pairs, strict=True)
            print(
                f"{name}: Δm from scratch on the test split less Δm in the search "
                f"{statistics.fmean(a - b for a, b in pairs):+.1f}, correlation "
                f"{statistics.correlation(tested, seen):.2f} over {len(pairs)} finalists"
            )


def _judged(arms: Iterable[Curves]) -> list[tuple[tuple[float, ...], float]]:
    """Δm by seed on the test split and Δm in the search, of every finalist of every study once."""
    found = {
        (place, seed, network): (judged, seen)
        for place, curves in enumerate(arms)
        for seed, points in curves.items()
        for point in points
        for network, judged, seen in zip(
            point.finalists, point.delta_m, point.validation_delta_m, strict=True
        )
        if judged
    }
    return list(found.values())


def print_ratios(arms: Mapping[str, Curves], this: str, others: Sequence[str]) -> None:
    """How many times the compute and the seconds of this search the others spend."""
    for other in others:
        if this not in arms or other not in arms:
            continue
        for unit in ("macs", "seconds"):
            found = ratios(arms[this], arms[other], unit)
            seeds = ", ".join(str(r) for r in found["by_seed"])
            print(
                f"{unit} that {other} spends for its final hypervolume, over those of {this} for "
                f"the same: {found['mean'][0]} on the mean curves; by seed: {seeds}"
            )


def ratios(this: Curves, other: Curves, unit: str) -> dict[str, list[Ratio]]:
    """The ratio on the mean curves, and that of each seed's own two curves."""
    seeds = sorted(set(this) & set(other))
    return {
        "mean": [ratio(*_mean_curve(this, seeds, unit), *_mean_curve(other, seeds, unit))],
        "by_seed": [
            ratio(*_mean_curve(this, [seed], unit), *_mean_curve(other, [seed], unit))
            for seed in seeds
        ],
    }


def document(arms: Mapping[str, Curves], this: str, others: Sequence[str]) -> dict[str, object]:
    """All points, and the ratios, as plain values."""
    return {
        "arms": {
            name: {str(seed): [asdict(p) for p in points] for seed, points in curves.items()}
            for name, curves in arms.items()
        },
        "ratios": {
            f"{other} over {this}, {unit}": {
                part: [asdict(r) for r in found]
                for part, found in ratios(arms[this], arms[other], unit).items()
            }
            for other in others
            for unit in ("macs", "seconds")
            if this in arms and other in arms
        },
    }


def plot(arms: Mapping[str, Curves], title: str, path: Path) -> None:
    """Mean curves with a standard deviation to both sides, over MACs and over seconds."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    units = {"macs": ("training compute (TMAC)", 1e12), "seconds": ("seconds", 1.0)}
    for axes, (unit, (label, scale)) in zip(figure.subplots(1, 2), units.items(), strict=True):
        for colour, (name, curves) in zip(_COLOURS, arms.items(), strict=False):
            spent, mean = _mean_curve(curves, sorted(curves), unit)
            spread = [_deviation(p.hypervolume for p in at) for at in _by_checkpoint(curves)]
            x = [value / scale for value in spent]
            low = [m - s for m, s in zip(mean, spread, strict=True)]
            high = [m + s for m, s in zip(mean, spread, strict=True)]
            axes.plot(x, mean, "o-", color=colour, label=name)
            axes.fill_between(x, low, high, color=colour, alpha=0.15)
        axes.set(xlabel=label, ylabel="hypervolume of the front on the test split")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:.3g}")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.suptitle(title, fontsize="small")
    figure.savefig(path, format="png")


def _by_checkpoint(curves: Curves) -> list[tuple[Point, ...]]:
    """Points of all seeds, checkpoint by checkpoint."""
    return list(zip(*curves.values(), strict=True))


def _mean_curve(curves: Curves, seeds: Sequence[int], unit: str) -> tuple[list[float], list[float]]:
    """What was spent and the hypervolume, both as means over seeds."""
    points = _by_checkpoint({seed: curves[seed] for seed in seeds})
    spent = [statistics.fmean(getattr(p, unit) for p in at) for at in points]
    return spent, [statistics.fmean(p.hypervolume for p in at) for at in points]


def _mean(values: Iterable[float]) -> str:
    return f"{statistics.fmean(values):.1f}"


def _spread(values: Iterable[float]) -> str:
    found = list(values)
    return f"{statistics.fmean(found):.3f} ± {_deviation(found):.3f}"


def _deviation(values: Iterable[float]) -> float:
    """Standard deviation of the sample, 0 for a single value."""
    found = list(values)
    return statistics.stdev(found) if len(found) > 1 else 0.0
