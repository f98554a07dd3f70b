"""The search: baselines first, then candidates until the study has as many as were asked for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file

from nas.cost import cost_of
from nas.elastic.weights import ElasticWeights
from nas.memory import TrainingMemoryError
from nas.network import Network
from nas.training import TrainingError
from studies.admission import network_key
from studies.candidate_training import Trained
from studies.config import SearchConfig
from studies.course import Course, rungs_of
from studies.delta_m import delta_m, small_denominators
from studies.errors import StudyError
from studies.halving import FrontHalving
from studies.made_from import made_from
from studies.note import trial_note
from studies.objectives import Outcome
from studies.observer import Observer
from studies.picture import predictions_picture
from studies.problem import Problem, problem_of
from studies.proposals import Proposal, Proposals
from studies.record import Baseline, TrialRecord
from studies.result import StudyResult, read_result
from studies.samplers import check_sampler
from studies.screening import Screening
from studies.shared_weights import load_weights, save_weights, train_shared_weights
from studies.store import StudyStore, create_study
from studies.workbench import device_named, open_workbench

#: Trainings in a row that may fail before the search ends.
_MOST_FAILURES = 5


def search(config: SearchConfig, observer: Observer | None = None) -> StudyResult:
    """Run a search, or go on with one that was stopped, and return the study.

    Ctrl-C ends it early with what was found so far (``interrupted`` is set). Raises
    ``DataError``, ``ArchitectureError``, ``BudgetError`` or ``StudyError`` for what the user can
    mend.
    """
    problem = problem_of(config)
    run = Search(problem, observer or Observer())
    return run.run()


class Search:
    """One run of a study in this process."""

    def __init__(self, problem: Problem, observer: Observer) -> None:
        self.problem = problem
        self.config = problem.config
        self.observer = observer
        self.trained = 0
        self.longest_s = 0.0
        check_sampler(self.config.sampler)
        self.proposals = Proposals(problem, device_named(self.config.device).type)
        for architecture in self.config.enqueue:
            problem.space.parameters(architecture)

    def check_feasible(self) -> None:
        """Raise ``StudyError`` with the cheapest cost where no network is within the budget."""
        self.proposals.check_feasible()

    def run(self) -> StudyResult:
        """Prepare, train the baselines, search."""
        begin = time.monotonic()
        self.observer.message(self.config.budget.explain())
        self.check_feasible()
        for note in self.problem.notes:
            self.observer.message(note)
        store = create_study(
            self.config.storage,
            self.problem.name,
            self.problem.objectives,
            study_settings(self.problem),
            self.config.artifacts,
        )
        try:
            self._search(store, begin)
        except KeyboardInterrupt:
            return read_result(store, interrupted=True)
        if self.config.early_stopping:
            store.draw_curves()
        return read_result(store)

    def _search(self, store: StudyStore, begin: float) -> None:
        for number in store.requeue_stale():
            self.observer.message(f"trial {number} was cut off and is queued again")
        records = store.records()
        self.proposals.seen = {
            network_key(r.architecture): r.number
            for r in records
            if r.architecture is not None and r.status in ("complete", "failed", "stopped")
        }
        self.trained = sum(r.status == "complete" for r in records)
        if self.trained >= self.config.trials:
            self.observer.message(f"the study has its {self.config.trials} trained candidates")
            return
        self.observer.progress(self.trained, self.config.trials)
        self.bench = open_workbench(self.problem, self.observer.data)
        store.set_constants(self.bench.constants)
        self._train_baselines(store)
        self._prepare_course(store)
        self.proposals.enqueue_first(store, records)
        self.observer.progress(self.trained, self.config.trials)
        self._search_candidates(store, begin)

    # --- baselines ----------------------------------------------------------------------------

    def _train_baselines(self, store: StudyStore) -> None:
        known = store.baselines()
        for task in self.problem.tasks:
            if task not in known:
                self._train_baseline(store, task)
        metrics = {task: dict(b.metrics) for task, b in store.baselines().items()}
        self.baselines = metrics
        for task in small_denominators(metrics, self.problem.tasks):
            self.observer.message(
                f"Δm of {task} is taken relative to 0.05: its single-task network reaches less"
            )

    def _train_baseline(self, store: StudyStore, task: str) -> None:
        architecture = self.problem.baseline(task)
        self.observer.training_starts(f"single-task {task}", architecture)
        try:
            self.bench.check_memory(architecture)
            trained = self.bench.train_candidate(architecture, self.observer.training_step)
        except (TrainingError, TrainingMemoryError) as error:
            raise StudyError(
                f"the single-task network of {task} cannot be trained: {error}"
            ) from None
        finally:
            self.observer.training_ends()
        self.longest_s = max(self.longest_s, trained.seconds)
        cost = cost_of(architecture, self.config.budget.deployment.resolution)
        store.add_baseline(
            Baseline(
                task=task,
                architecture=architecture,
                metrics=trained.metrics[task],
                macs=cost.macs,
            )
        )

    # --- what candidates share ----------------------------------------------------------------

    def _prepare_course(self, store: StudyStore) -> None:
        use = self.config.shared_weights
        weights = None if use == "off" else self._shared_weights(store)
        self.course = Course(
            bench=self.bench,
            rungs=rungs_of(self.config),
            weights=weights,
            inherit=use == "inherit",
        )
        self.screening = Screening(self.problem.space, self.problem.objectives, self.config.seed)
        self.screening.learn(store.records())
        self.halving = FrontHalving(rungs=self.course.rungs, reduction=self.config.reduction)

    def _shared_weights(self, store: StudyStore) -> ElasticWeights:
        """The weights that candidates share; trained where the study has none yet."""
        kept = store.shared_weights()
        if kept is not None:
            return load_weights(kept, self.bench, self.config.seed)
        self.observer.training_starts("shared weights", self.problem.reference)
        begin = time.monotonic()
        try:
            weights = train_shared_weights(self.problem, self.bench, self.observer.training_step)
        except TrainingError as error:
            raise StudyError(f"{error}; --shared-weights off does without them") from None
        finally:
            self.observer.training_ends()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "shared.safetensors"
            save_weights(weights, file)
            store.keep_shared_weights(file, time.monotonic() - begin)
        return weights

    # --- candidates ---------------------------------------------------------------------------

    def _search_candidates(self, store: StudyStore, begin: float) -> None:
        failures, longest = 0, self.longest_s
        while self.trained < self.config.trials:
            limit = self.config.time_limit_s
            if limit is not None and time.monotonic() - begin + longest > limit:
                self.observer.message("the time is up")
                return
            candidate = self._next(store)
            if candidate is None:
                self.observer.message("no further network within the budget was found")
                return
            start = time.monotonic()
            trained = self._train(store, candidate)
            longest = max(longest, time.monotonic() - start)
            failures = 0 if trained else failures + 1
            if failures >= _MOST_FAILURES:
                raise StudyError(
                    f"{failures} candidates in a row could not be trained, see their reasons with "
                    "neurall-search front"
                )

    def _next(self, store: StudyStore) -> Proposal | None:
        """The next candidate to train, None if none is found; the others are turned away."""
        for proposal in self.proposals.propose(store, self.trained):
            if proposal.accepted and self._fits_memory(store, proposal):
                return proposal
            if proposal.accepted:
                continue
            if proposal.known is None:
                admission = proposal.admission
                store.refuse(proposal.number, "refused", admission.reason, admission.constraints)
            else:
                reason = f"the same network as trial {proposal.known}"
                store.refuse(proposal.number, "repeated", reason, {})
            self.observer.trial_ends(store.record(proposal.number))
        return None

    def _fits_memory(self, store: StudyStore, proposal: Proposal) -> bool:
        try:
            self.bench.check_memory(proposal.architecture)
        except TrainingMemoryError as error:
            store.refuse(proposal.number, "refused", str(error), {"memory": 1.0})
            self.observer.trial_ends(store.record(proposal.number))
            return False
        return True

    # --- one trial ----------------------------------------------------------------------------

    def _train(self, store: StudyStore, candidate: Proposal) -> bool:
        """Train a candidate and write down what came of it; whether it succeeded."""
        number, architecture = candidate.number, candidate.architecture
        self.observer.training_starts(f"trial {number}", architecture)
        self.proposals.seen[network_key(architecture)] = number
        try:
            complete = self._climb(store, candidate)
        except KeyboardInterrupt:
            store.retry(number)
            raise
        except TrainingError as error:
            store.fail(number, "failed", str(error))
            self.observer.trial_ends(store.record(number))
            return False
        finally:
            self.observer.training_ends()
        for axis in self.screening.learn(store.records()):
            self.observer.message(axis.sentence(self.problem.objectives[0].unit))
        self.trained += complete
        if complete:
            self.observer.progress(self.trained, self.config.trials)
        self.observer.trial_ends(store.record(number))
        if complete:
            self.observer.front(read_result(store).front)
        return True

    def _climb(self, store: StudyStore, candidate: Proposal) -> bool:
        """Train a candidate rung by rung, and write down the end; whether it got to the last."""
        climb, seconds = self.course.climb(candidate.architecture), 0.0
        for rung in self._rungs(store, candidate):
            trained = climb.to(rung, self.observer.training_step)
            seconds += trained.seconds
            record = self._record(candidate, trained, seconds)
            store.report_rung(candidate.number, rung, record.values, trained.seconds)
            if rung == self.course.rungs[-1]:
                self._complete(store, candidate, record, trained.network)
                return True
            standing = store.standing(candidate.number, rung, self.halving)
            if not standing.goes_on and not (
                rung == 0 and self.screening.goes_on_anyway(candidate.architecture)
            ):
                reason = self.halving.why_stopped(standing, rung)
                stopped = replace(record, status="stopped", values=(), reason=reason)
                store.stop(stopped, candidate.admission.constraints)
                return False
        raise AssertionError("a course has a last rung")

    def _rungs(self, store: StudyStore, candidate: Proposal) -> Sequence[int]:
        """The rungs that a candidate climbs: not the first where inherited weights mislead."""
        rungs = self.course.rungs
        judged = rungs[0] > 0 or self.screening.trusts(store.record(candidate.number))
        return rungs if judged else rungs[1:]

    def _record(self, candidate: Proposal, trained: Trained, seconds: float) -> TrialRecord:
        admission = candidate.admission
        outcome = Outcome(
            metrics=trained.metrics,
            delta_m=delta_m(trained.metrics, self.baselines, self.problem.tasks),
            cost=admission.cost,
            latency_ms=admission.latency_ms,
        )
        return TrialRecord(
            number=candidate.number,
            status="complete",
            architecture=candidate.architecture,
            values=tuple(o.value(outcome) for o in self.problem.objectives),
            metrics=outcome.metrics,
            delta_m=outcome.delta_m,
            macs=outcome.cost.macs,
            params=outcome.cost.params,
            activation_bytes=outcome.cost.activation_bytes,
            latency_ms=outcome.latency_ms,
            share=self.config.budget.share(outcome.cost, outcome.latency_ms),
            seconds=seconds,
        )

    def _complete(
        self, store: StudyStore, candidate: Proposal, record: TrialRecord, network: Network
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            weights, picture = (
                Path(folder) / "weights.safetensors",
                Path(folder) / "predictions.png",
            )
            save_file(network.cpu().state_dict(), weights)
            predictions_picture(network, self.bench.val, self.problem.tasks).save(picture)
            record = replace(record, weights=store.upload(candidate.number, weights))
            note = trial_note(record, self.baselines, self.problem.tasks)
            store.complete(record, candidate.admission.constraints, [picture], note)


def study_settings(problem: Problem) -> dict[str, object]:
    """What is written on the study, so that it can be read without its data."""
    return {
        "identity": problem.identity,
        "objectives": [
            {"name": o.name, "direction": o.direction, "unit": o.unit} for o in problem.objectives
        ],
        "budget": problem.config.budget.to_dict(),
        "fidelity": problem.config.fidelity.name,
        "shared_weights": problem.config.shared_weights,
        "made_from": made_from(problem),
        "primary": {name: task.primary.name for name, task in problem.tasks.items()},
        "directions": {name: task.primary.direction for name, task in problem.tasks.items()},
    }
