"""How well do cheap scores order networks as training from scratch does?

    python benchmarks/ranking.py [--data SPEC]… [--tasks a,b] [--networks 60] [--repeated 20]
        [--seeds 3] [--fidelity quick] [--budget 30tops] [--fix AXIS=VALUE]… [--out FILE.jsonl]
        [--scores inherited,half] [--shared FILE.safetensors] [--trained-only]
        [--plot FILE.png] [--threads N]

Trains a stratified sample of networks from scratch, the first ones with several seeds, and judges
each by cheap scores: `inherited`, with shared weights and statistics estimated anew; `half`, in
the middle of its training from scratch; and its MACs alone. Prints Kendall's τ and Spearman's ρ
between score and trained value, for Δm and every task, with 95 % bootstrap intervals, the ceiling
that the noise of seeds allows, what a score takes, and the axes on which it misleads. What `--out`
holds is not trained again; `--shared` is read where it is there, else trained and written.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from stratified_sample import stratified_sample

from nas.budget import Budget
from nas.cost import cost_of
from nas.data.spec import open_source
from nas.elastic.weights import ElasticWeights
from nas.evaluation import Metrics
from nas.fidelity import FIDELITIES
from nas.training import TrainingError
from search_spaces.architecture import Architecture
from search_spaces.task_spec import ArchitectureError
from studies.agreement import Agreement, agreement, kendall_tau, noise_ceiling, spearman_rho
from studies.candidate_training import Trained
from studies.commands.values import assignments
from studies.config import SearchConfig
from studies.course import Course, rungs_of
from studies.delta_m import delta_m
from studies.errors import StudyError, UsageError
from studies.problem import RECIPE_VERSION, Problem, problem_of
from studies.ranking import Array
from studies.shared_weights import load_weights, save_weights, train_shared_weights
from studies.trust import misleading_axes
from studies.workbench import Workbench, open_workbench

SCORES = ("inherited", "half")
_INHERITED = SCORES[0]
_MACS, _SHARED = "macs", "shared"
_MEASURES = {"τ": kendall_tau, "ρ": spearman_rho}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network judged once: trained to the end (score `trained`) or by a cheap score.

    ``metrics`` are None where it could not be trained. ``weights`` names the shared weights.
    """

    score: str
    id: str
    seed: int
    metrics: Metrics | None
    cpu_s: float | None = None
    weights: str = ""

    def line(self, architecture: Architecture, identity: str) -> str:
        """The row as a line of the file."""
        return json.dumps(
            {
                "kind": self.score,
                "id": self.id,
                "seed": self.seed,
                "architecture": architecture.to_dict(),
                "metrics": self.metrics if self.metrics is not None else {"error": "failed"},
                "cpu_seconds": self.cpu_s,
                "weights": self.weights,
                "identity": identity,
            }
        )


Rows = dict[tuple[str, str, int], Row]


def read_rows(file: Path, identity: str, weights: str = "") -> Rows:
    """Rows by score, network and seed; of other data or of other shared weights are left out."""
    rows: Rows = {}
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        found = json.loads(text)
        if found.get("identity", identity) != identity or found.get("weights", "") not in (
            "",
            weights,
        ):
            continue
        score = found["kind"] if found["kind"] in (*SCORES, _SHARED) else "trained"
        row = Row(
            score=score,
            id=found["id"],
            seed=found["seed"],
            metrics=None if "error" in found["metrics"] else found["metrics"],
            cpu_s=found.get("cpu_seconds"),
            weights=found.get("weights", ""),
        )
        rows[score, row.id, row.seed] = row
    return rows


def signed(metrics: Metrics, problem: Problem, baselines: Metrics) -> dict[str, float]:
    """What is compared, higher is better: Δm in percent and every task's primary metric."""
    values = {"delta_m": delta_m(metrics, baselines, problem.tasks)}
    for name, task in problem.tasks.items():
        sign = 1 if task.primary.direction == "maximize" else -1
        values[name] = sign * metrics[name][task.primary.name]
    return values


def identity_of(problem: Problem) -> str:
    """Differs where trained networks would not compare."""
    parts = [
        RECIPE_VERSION,
        [source.fingerprint() for source in problem.sources],
        [repr(spec) for spec in problem.specs],
        repr(problem.config.fidelity),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


class Ranking:
    """The benchmark's state: the sample, what is judged, and benches by seed."""

    def __init__(self, args: SimpleNamespace) -> None:
        self.args = args
        self.problem = problem(args, 0)
        self.identity = identity_of(self.problem)
        self.sample = stratified_sample(self.problem, args.networks)
        self.rows = read_rows(args.out, self.identity)
        self.benches: dict[int, Workbench] = {}

    def train(self) -> None:
        """Train what is missing from scratch: single-task networks, all, the repeated ones."""
        repeated = self.sample[: self.args.repeated]
        jobs = [(a, s) for s in range(self.args.seeds) for a in self._baselines()]
        jobs += [(a, s) for s in range(self.args.seeds) for a in (repeated if s else self.sample)]
        missing = [job for job in jobs if ("trained", job[0].id, job[1]) not in self.rows]
        for done, (network, seed) in enumerate(missing):
            _note(f"training {done + 1} of {len(missing)}: {network.encoder}, seed {seed}")
            bench = self.bench(seed)
            self._judge("trained", network, seed, _from_scratch(bench, network))

    def score(self, names: Sequence[str]) -> None:
        """Judge every network by the cheap scores that are missing."""
        weights, digest = self._shared() if _INHERITED in names else (None, "")
        self.rows = read_rows(self.args.out, self.identity, digest)
        bench = self.bench(0)
        course = Course(bench=bench, rungs=rungs_of(self.problem.config), weights=weights)
        middle = course.rungs[-2]
        for done, network in enumerate(self.sample):
            for name in names:
                if (name, network.id, 0) in self.rows:
                    continue
                _note(f"{name} of network {done + 1} of {len(self.sample)}: {network.encoder}")
                if name == _INHERITED:
                    self._judge(name, network, 0, _on_course(course, network, 0), digest)
                else:
                    self._judge(name, network, 0, _on_course(course, network, middle))

    def baselines(self, seed: int) -> Metrics:
        """Metrics of the single-task networks; raises ``StudyError`` where one is missing."""
        found: Metrics = {}
        for name, network in zip(self.problem.tasks, self._baselines(), strict=True):
            row = self.rows.get(("trained", network.id, seed))
            if row is None or row.metrics is None:
                raise StudyError(f"the single-task network of {name} is not trained, seed {seed}")
            found[name] = row.metrics[name]
        return found

    def bench(self, seed: int) -> Workbench:
        """Data and settings of a seed."""
        if seed not in self.benches:
            self.benches[seed] = open_workbench(problem(self.args, seed))
        return self.benches[seed]

    def values(self, score: str, seed: int = 0) -> dict[str, dict[str, float]]:
        """What is compared, by network, for all that a score could judge."""
        baselines = self.baselines(seed)
        found: dict[str, dict[str, float]] = {}
        for network in self.sample:
            row = self.rows.get((score, network.id, seed))
            if row is not None and row.metrics is not None:
                found[network.id] = signed(row.metrics, self.problem, baselines)
        return found

    def _baselines(self) -> list[Architecture]:
        return [self.problem.baseline(task) for task in self.problem.tasks]

    def _shared(self) -> tuple[ElasticWeights, str]:
        """The shared weights and their digest, read or else trained."""
        file: Path = self.args.shared
        if not file.exists():
            start = time.process_time()
            weights = train_shared_weights(
                self.problem, self.bench(0), lambda done, of: _note(f"shared weights {done}/{of}")
            )
            cpu_s = time.process_time() - start
            save_weights(weights, file)
            digest = _digest(file.read_bytes())
            row = Row(score=_SHARED, id=digest, seed=0, metrics={}, cpu_s=cpu_s, weights=digest)
            self._keep(row, self.problem.reference)
        content = file.read_bytes()
        return load_weights(content, self.bench(0), 0), _digest(content)

    def _judge(
        self,
        score: str,
        network: Architecture,
        seed: int,
        run: Callable[[], Trained],
        weights: str = "",
    ) -> None:
        start = time.process_time()
        try:
            metrics: Metrics | None = run().metrics
        except TrainingError as error:
            _note(f"{network.id}: {error}")
            metrics = None
        cpu_s = time.process_time() - start
        row = Row(
            score=score, id=network.id, seed=seed, metrics=metrics, cpu_s=cpu_s, weights=weights
        )
        self._keep(row, network)
        for task, values in (metrics or {}).items():
            name = self.problem.tasks[task].primary.name
            _note(f"  {task} {name} {values[name]:.3f}")

    def _keep(self, row: Row, network: Architecture) -> None:
        with self.args.out.open("a", encoding="utf-8") as file:
            file.write(row.line(network, self.identity) + "\n")
        self.rows[row.score, row.id, row.seed] = row


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _from_scratch(bench: Workbench, network: Architecture) -> Callable[[], Trained]:
    return lambda: bench.train_candidate(network)


def _on_course(course: Course, network: Architecture, rung: int) -> Callable[[], Trained]:
    return lambda: course.climb(network).to(rung)


# --- what is printed ----------------------------------------------------------------------------


def report(ranking: Ranking, scores: Sequence[str]) -> Iterator[str]:
    """Lines for people: the ceiling, then each score."""
    trained = ranking.values("trained")
    replicates = [ranking.values("trained", seed) for seed in _seeds(ranking)]
    both = [a.id for a in ranking.sample if all(a.id in values for values in replicates)]
    yield f"{len(trained)} networks trained, {len(both)} of them with {len(replicates)} seeds"
    ceilings = _ceilings(ranking, replicates, both)
    for name in (*scores, _MACS):
        yield from _score_lines(ranking, name, trained, ceilings)


def _seeds(ranking: Ranking) -> list[int]:
    """Seeds of which the single-task networks and repeated networks are trained."""
    repeated = [a.id for a in ranking.sample[: ranking.args.repeated]]
    return [
        seed
        for seed in range(ranking.args.seeds)
        if any(("trained", name, seed) in ranking.rows for name in repeated)
    ]


def _ceilings(
    ranking: Ranking, replicates: Sequence[Mapping[str, Mapping[str, float]]], both: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    """τ and ρ between seeds, and the standard deviation between seeds, by what is compared."""
    nothing = float("nan")
    if len(replicates) < 2 or len(both) < 2:
        return dict.fromkeys(("delta_m", *ranking.problem.tasks), (nothing, nothing, 0.0))
    found = {}
    for name in ("delta_m", *ranking.problem.tasks):
        table = np.array([[values[i][name] for values in replicates] for i in both])
        tau, rho = (
            noise_ceiling(table, measure=measure, rng=np.random.default_rng(0)).value
            for measure in _MEASURES.values()
        )
        centred = table - table.mean(axis=0)
        found[name] = tau, rho, float(np.sqrt(centred.var(axis=1, ddof=1).mean()))
    return found


def _score_lines(
    ranking: Ranking,
    score: str,
    trained: Mapping[str, Mapping[str, float]],
    ceilings: Mapping[str, tuple[float, float, float]],
) -> Iterator[str]:
    judged = _macs(ranking) if score == _MACS else ranking.values(score)
    networks = [a for a in ranking.sample if a.id in trained and a.id in judged]
    yield ""
    yield f"{score}: {len(networks)} networks, {_compute(ranking, score)}"
    if len(networks) < 2:
        return
    parameters = [ranking.problem.space.parameters(a) for a in networks]
    for name, (tau, rho, noise) in ceilings.items():
        cheap = np.array([judged[a.id][name] for a in networks])
        true = np.array([trained[a.id][name] for a in networks])
        yield f"  {name:14}" + "   ".join(_agreements(cheap, true, (tau, rho)))
        rng = np.random.default_rng(0)
        for axis in misleading_axes(parameters, cheap, true, rng=rng, seed_sd=noise):
            yield (
                f"    misleads on {axis.axis}: networks with {axis.group} end "
                f"{axis.residual:+.2g} from what their score says (p = {axis.p:.2g})"
            )


def _agreements(cheap: Array, true: Array, ceilings: Sequence[float]) -> Iterator[str]:
    for (sign, measure), ceiling in zip(_MEASURES.items(), ceilings, strict=True):
        found = agreement(cheap, true, measure=measure, rng=np.random.default_rng(0))
        yield f"{sign} {_with_bounds(found)}, {found.value / ceiling:4.0%} of {ceiling:.2f}"


def _with_bounds(found: Agreement) -> str:
    return f"{found.value:5.2f} [{found.low:5.2f}, {found.high:5.2f}]"


def _macs(ranking: Ranking) -> dict[str, dict[str, float]]:
    resolution = ranking.problem.config.budget.deployment.resolution
    names = ("delta_m", *ranking.problem.tasks)
    return {a.id: dict.fromkeys(names, float(cost_of(a, resolution).macs)) for a in ranking.sample}


def _compute(ranking: Ranking, score: str) -> str:
    """Seconds of CPU a network takes; of a whole training where this is known for the same."""
    times = {
        kind: {i: r.cpu_s for (k, i, s), r in ranking.rows.items() if k == kind and s == 0}
        for kind in (score, "trained")
    }
    known = [(i, t) for i, t in times[score].items() if t is not None]
    if not known:
        return "nothing is trained" if score == _MACS else "seconds unknown"
    text = f"{np.mean([t for _, t in known]):.1f} s of CPU each"
    whole = [(t, w) for i, t in known if (w := times["trained"].get(i)) is not None]
    if whole:
        share = sum(t for t, _ in whole) / sum(w for _, w in whole)
        text += f", {share:.1%} of a training"
    shared = [r.cpu_s for (kind, _, _), r in ranking.rows.items() if kind == _SHARED and r.cpu_s]
    if shared and score == _INHERITED:
        text += f", and {shared[0]:.0f} s for the shared weights of all"
    return text


def _plot(ranking: Ranking, scores: Sequence[str], file: Path) -> None:
    from matplotlib.figure import Figure

    trained = ranking.values("trained")
    figure = Figure(figsize=(4 * len(scores), 4), layout="constrained")
    for place, score in enumerate(scores, start=1):
        axes = figure.add_subplot(1, len(scores), place)
        judged = ranking.values(score)
        for depth in ranking.problem.space.encoders:
            ids = [a.id for a in ranking.sample if a.encoder.depth == depth]
            both = [i for i in ids if i in judged and i in trained]
            x, y = ([v[i]["delta_m"] for i in both] for v in (judged, trained))
            axes.scatter(x, y, s=14, label=depth)
        axes.set(xlabel=f"Δm by {score}, %", ylabel="Δm trained from scratch, %")
        axes.legend(fontsize=7)
    figure.savefig(file, dpi=120)


# --- arguments ----------------------------------------------------------------------------------


def problem(args: SimpleNamespace, seed: int) -> Problem:
    """The search that the arguments describe; raises ``UsageError`` and what data raises."""
    fidelity = FIDELITIES[args.fidelity]
    return problem_of(
        SearchConfig(
            sources=tuple(open_source(spec, seed=0, fidelity=fidelity) for spec in args.data),
            tasks=tuple(args.tasks.split(",")) if args.tasks else (),
            fidelity=fidelity,
            budget=Budget.parse(args.budget),
            fix=assignments(args.fix),
            seed=seed,
        )
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(args: SimpleNamespace) -> int:
    """Train, judge, print; 2 for what was asked wrongly."""
    if args.threads:
        torch.set_num_threads(args.threads)
    scores = [name for name in args.scores.split(",") if name]
    try:
        unknown = [name for name in scores if name not in SCORES]
        if unknown:
            raise UsageError(f"--scores: {unknown[0]!r} is unknown, there are {', '.join(SCORES)}")
        ranking = Ranking(args)
        if not args.trained_only:
            ranking.train()
        ranking.score(scores)
        for line in report(ranking, scores):
            print(line, flush=True)
        if args.plot:
            _plot(ranking, scores, args.plot)
    except (UsageError, ArchitectureError) as error:
        _note(str(error))
        return 2
    except StudyError as error:
        _note(str(error))
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", action="append", metavar="SPEC")
    parser.add_argument("--tasks", default="", metavar="a,b")
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--repeated", type=int, default=20, help="networks with several seeds")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fidelity", choices=tuple(FIDELITIES), default="quick")
    parser.add_argument("--budget", action="append", metavar="BOUND")
    parser.add_argument("--fix", action="append", default=[], metavar="AXIS=VALUE")
    parser.add_argument("--scores", default=",".join(SCORES), metavar="a,b")
    parser.add_argument("--out", type=Path, default=Path("ranking.jsonl"))
    parser.add_argument("--shared", type=Path, default=Path("ranking.safetensors"))
    parser.add_argument("--trained-only", action="store_true", help="train no more from scratch")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    parser.add_argument("--threads", type=int, default=0, metavar="N")
    args = parser.parse_args()
    args.data, args.budget = args.data or ["synthetic"], args.budget or ["30tops"]
    return args


if __name__ == "__main__":
    sys.exit(main(SimpleNamespace(**vars(_arguments()))))
