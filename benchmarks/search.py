"""How much less training does this search need than random search and TPE from scratch?

    python benchmarks/search.py [--setting small|medium|default] [--arms random,tpe,front,…]
        [--seeds 3] [--first-seed 0] [--trials N] [--folder FOLDER] [--out FILE.json]
        [--plot FILE.png] [--threads 1]

Every arm may spend the same compute, MACs of training passes as ``search_compute.py`` counts them:
that of N trainings from scratch of a mean network within the budget. Shared weights are counted
in; single-task networks, which all arms train alike, are not. When a 16th, an 8th, a quarter, half
and all of it is spent, the front on validation data is taken, each of its networks is trained
from scratch with seeds of its own and judged on the test split, and the hypervolume of these test
values is measured: over Δm, and the logarithm of MACs from the cheapest network of the space to
the budget. Printed are mean ± standard deviation over seeds of the search, and how many times the
compute of this search another one spends for its final hypervolume.

``small`` shows within half an hour on two idle cores that it works; what is claimed comes from
the others, which take hours. Everything is kept in the folder, so that a run that was stopped goes
on; arms and seeds that are there already are not searched again.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from search_compute import Accounting
from search_curve import Scale, hypervolume
from search_finalists import Finalists
from search_report import Curves, Point, document, plot, print_ratios, print_spread, print_table
from search_settings import ARMS, OTHERS, SETTINGS, THIS, Setting
from search_timeline import Meter, Timeline, read_timeline, shared_spending

from nas.budget import Budget
from nas.cost import cost_of
from nas.data.spec import open_source
from search_spaces.architecture import Architecture
from studies.config import SearchConfig
from studies.errors import UsageError
from studies.opening import create_study, find_study
from studies.problem import Problem, problem_of
from studies.proposals import Proposals
from studies.search import search, study_settings

#: Shares of the compute after which the front is judged.
CHECKPOINTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
#: Random networks within the budget whose mean cost is the unit of compute.
_DRAWN = 100
#: More candidates than any arm can train: compute ends a search.
_TRIALS = 100_000


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A setting, and the folder of its studies."""

    setting: Setting
    folder: Path

    def problem(self, arm: str, seed: int) -> Problem:
        """The search of an arm at a seed, in a storage of its own."""
        setting = self.setting
        return problem_of(
            SearchConfig(
                sources=(open_source("synthetic", seed=0, fidelity=setting.fidelity),),
                tasks=setting.tasks,
                budget=Budget.parse([setting.budget]),
                fidelity=setting.fidelity,
                trials=_TRIALS,
                fix=setting.fix,
                seed=seed,
                storage=f"sqlite:///{self.folder / f'{arm}-seed{seed}.db'}",
                **asdict(ARMS[arm]),
            )
        )

    def unit_macs(self) -> float:
        """Compute of one training from scratch, mean over random networks within the budget."""
        problem, rng = self.problem("random", 0), random.Random(0)
        accounting, budget = Accounting.of(problem), problem.config.budget
        costs: list[float] = []
        for _ in range(_DRAWN * 100):
            network = problem.space.sample(rng)
            if budget.allows(cost_of(network, budget.deployment.resolution)):
                costs.append(accounting.climbing_macs(network, accounting.rungs))
            if len(costs) == _DRAWN:
                break
        return statistics.fmean(costs)

    def scale(self) -> Scale:
        """Between what hypervolume is measured."""
        problem = self.problem("random", 0)
        cheapest = Proposals(problem, "cpu").cheapest
        bound = problem.config.budget.macs_per_frame
        assert bound is not None
        return Scale(
            worst=self.setting.worst,
            best=self.setting.best,
            cheapest=cost_of(cheapest, problem.config.budget.deployment.resolution).macs,
            budget=bound,
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is compared, and how long: ``limit`` is the MACs that every study may spend."""

    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: int
    unit_macs: float
    finalist_seeds: int
    scale: Scale

    @property
    def limit(self) -> float:
        """Compute of a study."""
        return self.trials * self.unit_macs

    def __str__(self) -> str:
        scale = self.scale
        return (
            f"{self.limit / 1e12:.3g} TMAC a study, of {self.trials} trainings of "
            f"{self.unit_macs / 1e12:.3g}; seeds {', '.join(map(str, self.seeds))}, "
            f"{self.finalist_seeds} for each finalist; "
            f"hypervolume over {scale.worst:g} to {scale.best:g} % and {scale.budget / 1e9:g} to "
            f"{scale.cheapest / 1e9:.3f} GMAC"
        )


def share_baselines(problem: Problem, others: Sequence[Problem]) -> None:
    """Begin a study with the single-task networks of another arm: they would be the same."""
    url = problem.config.storage
    if find_study(url, problem.name) is not None:
        return
    for other in others:
        trained = find_study(other.config.storage, other.name)
        if trained is not None and set(trained.baselines()) == set(problem.tasks):
            store = create_study(url, problem.name, problem.objectives, study_settings(problem))
            for baseline in trained.baselines().values():
                store.add_baseline(baseline)
            return


def run_search(problem: Problem, title: str, limit: float) -> Timeline:
    """Search until the compute is spent, or go on with a study; returns what it took."""
    accounting, spent = Accounting.of(problem), shared_spending(problem)
    store = find_study(problem.config.storage, problem.name)
    if store is not None:
        spent += sum(accounting.trial_macs(record) for record in store.records())
    meter = Meter(title, accounting, spent, limit)
    if not meter.is_over:
        result = search(problem.config, meter)
        if result.interrupted and not meter.is_over:
            raise KeyboardInterrupt
    return read_timeline(problem)


def finalists_of(problem: Problem, timeline: Timeline, limit: float) -> list[Architecture]:
    """All networks that are on the front at some checkpoint."""
    fronts = (_front(problem, timeline, share * limit) for share in CHECKPOINTS)
    return list(dict.fromkeys(network for front in fronts for network, _ in front))


def _front(problem: Problem, timeline: Timeline, macs: float) -> list[tuple[Architecture, float]]:
    """Networks of the validation front, each with its Δm there."""
    records = timeline.front(macs, [o.direction for o in problem.objectives])
    return [(r.architecture, r.delta_m) for r in records if r.architecture is not None]


def judged_points(
    problem: Problem, timeline: Timeline, finalists: Finalists, run: Run
) -> list[Point]:
    """The curve of a study whose finalists are trained."""
    points = []
    linear = replace(run.scale, macs="linear")
    for share in CHECKPOINTS:
        spent = share * run.limit
        front = _front(problem, timeline, spent)
        values = [finalists.delta_m(problem, network, run.finalist_seeds) for network, _ in front]
        macs = [cost_of(a, problem.config.budget.deployment.resolution).macs for a, _ in front]
        there = [(statistics.fmean(v), m) for v, m in zip(values, macs, strict=True) if v]
        points.append(
            Point(
                macs=spent,
                seconds=timeline.seconds_at(spent),
                trained=len(timeline.complete(spent)),
                finalists=tuple(network.id for network, _ in front),
                finalist_macs=tuple(macs),
                delta_m=tuple(tuple(v) for v in values),
                validation_delta_m=tuple(d for _, d in front),
                hypervolume=hypervolume([run.scale.point(d, m) for d, m in there]),
                linear=hypervolume([linear.point(d, m) for d, m in there]),
            )
        )
    return points


def measure(benchmark: Benchmark, run: Run) -> tuple[dict[str, Curves], dict[str, object]]:
    """All searches seed by seed, then all finalists; returns the curves and what it all took."""
    studies = {}
    for seed in run.seeds:
        problems = {arm: benchmark.problem(arm, seed) for arm in run.arms}
        for arm, problem in problems.items():
            share_baselines(problem, list(problems.values()))
            studies[arm, seed] = problem, run_search(problem, f"{arm}, seed {seed}", run.limit)
    finalists = Finalists(benchmark.folder / "finalists.jsonl")
    curves: dict[str, dict[int, list[Point]]] = {arm: {} for arm in run.arms}
    for (arm, seed), (problem, timeline) in studies.items():
        networks = finalists_of(problem, timeline, run.limit)
        finalists.train(problem, networks, run.finalist_seeds)
        curves[arm][seed] = judged_points(problem, timeline, finalists, run)
    took = {
        f"{arm}, seed {seed}": {
            "macs": timeline.moments[-1].macs,
            "shared_macs": timeline.moments[0].macs,
            "seconds": timeline.moments[-1].seconds,
            "shared_seconds": timeline.moments[0].seconds,
            "trials": timeline.counts,
        }
        for (arm, seed), (_, timeline) in studies.items()
    }
    trainings = {"count": len(finalists), "seconds": finalists.seconds}
    return dict(curves), {"studies": took, "finalist_trainings": trainings}


def main(given: Sequence[str] | None = None) -> int:
    """Measure, print the table, write the files."""
    arguments = _arguments(given)
    torch.set_num_threads(arguments.threads)
    setting = SETTINGS[arguments.setting]
    folder = (arguments.folder or Path("search-benchmark") / setting.name).resolve()
    try:
        arms = _chosen_arms(arguments)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    benchmark = Benchmark(setting=setting, folder=folder)
    run = Run(
        arms=arms,
        seeds=tuple(range(arguments.first_seed, arguments.first_seed + arguments.seeds)),
        trials=arguments.trials or setting.trials,
        unit_macs=benchmark.unit_macs(),
        finalist_seeds=setting.finalist_seeds,
        scale=benchmark.scale(),
    )
    title = f"{setting.name}: {run}"
    print(title, flush=True)
    try:
        curves, took = measure(benchmark, run)
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    print_table(curves)
    print_spread(curves)
    print_ratios(curves, THIS, OTHERS)
    if arguments.out:
        conditions = {"setting": asdict(setting), "run": asdict(run), "torch": torch.__version__}
        result = {**conditions, **took, **document(curves, THIS, OTHERS)}
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")
    if arguments.plot:
        plot(curves, title, arguments.plot)
    return 0


def _chosen_arms(arguments: argparse.Namespace) -> tuple[str, ...]:
    arms = tuple(dict.fromkeys(arguments.arms.split(",")))
    for arm in arms:
        if arm not in ARMS:
            raise UsageError(f"arm {arm!r} is unknown, there are {', '.join(ARMS)}")
    if arguments.seeds < 1 or (arguments.trials is not None and arguments.trials < 1):
        raise UsageError("--seeds and --trials: give numbers of at least 1")
    return arms


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--setting", choices=SETTINGS, default="small")
    parser.add_argument("--arms", default=f"random,tpe,{THIS}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0, help="to share out seeds")
    parser.add_argument("--trials", type=int, help="compute of an arm, in trainings from scratch")
    parser.add_argument("--folder", type=Path, help="where studies and trainings are kept")
    parser.add_argument("--out", type=Path, help="a JSON file of all values")
    parser.add_argument("--plot", type=Path, help="a PNG file of the curves")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
