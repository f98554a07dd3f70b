"""Decides what is trained next and what becomes of it, whoever trains and wherever.

A runner asks for jobs, brings back their answers and tells which workers were lost; all that is
written to the study is written here, by one process. Several such processes may work on one study.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from nas.interrupts import held_back
from studies.baselines import Baselines
from studies.delta_m import delta_m
from studies.errors import StudyError, TrialTakenError
from studies.halving import FrontHalving
from studies.job import LATER, MOST_ATTEMPTS, Answer, Failure, Job, Judged, Later
from studies.lost_trials import LostTrials
from studies.objectives import Outcome
from studies.observer import Observer
from studies.problem import Problem
from studies.proposals import Proposal, Proposals
from studies.record import TrialRecord
from studies.result import front_of
from studies.screening import Screening
from studies.store import StudyStore
from studies.trial_files import complete_trial

#: Candidates in a row that may fail before the search ends.
_MOST_FAILURES = 5


@dataclass(kw_only=True)
class _Running:
    """A candidate that some worker trains."""

    job: Job
    proposal: Proposal
    attempt: int
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0


class Conductor:
    """One study in this process: hands out jobs, takes in answers.

    ``workers`` is how many jobs run at a time; ``deadline`` is the time, as ``time.monotonic``
    tells it, when all is to have ended. In a ``deterministic`` search candidates come in rounds of
    one for each worker: the next ones are asked for when all of a round have ended, and whether one
    is stopped early depends on the rounds before and itself, so on no one's speed.
    """

    def __init__(
        self,
        problem: Problem,
        store: StudyStore,
        proposals: Proposals,
        observer: Observer,
        *,
        rungs: tuple[int, ...],
        workers: int = 1,
        deadline: float | None = None,
    ) -> None:
        self.problem = problem
        self.config = problem.config
        self.workers = workers
        self.screening = Screening(problem.space, problem.objectives, problem.config.seed)
        self._store, self._proposals, self._observer = store, proposals, observer
        self._lost = LostTrials(store)
        self._baselines = Baselines(problem, store, observer, self._lost)
        self._halving = FrontHalving(rungs=rungs, reduction=problem.config.reduction)
        self._deadline = deadline
        self._begun: deque[Job] = deque()
        self._round_begins = 0
        self._running: dict[str, _Running] = {}
        self._trained = -1
        self._longest_s = 0.0
        self._failures = 0
        self._told: set[str] = set()
        self._queued_first = False

    # --- jobs ---------------------------------------------------------------------------------

    @held_back()
    def next_job(self) -> Job | Later | None:
        """What to train next; None once nothing is left to begin.

        Raises ``StudyError`` where the search cannot go on.
        """
        if self._begun:
            return self._begun.popleft()
        return self._baselines.next_job() or self._next_candidate()

    def _next_candidate(self) -> Job | Later | None:
        for told in self._lost.queue_again(r.proposal.number for r in self._running.values()):
            self._observer.message(told)
        if not self._queued_first:
            self._queued_first = True
            self._proposals.enqueue_first(self._store)
        refused = self._refusal()
        if refused is not True:
            return refused
        self._round_begins = 0
        begun: bool | Later = True
        for _ in range(self.workers if self.config.deterministic else 1):
            if begun is True and self._refusal() is True:
                begun = self._begin_candidate()
        if self._begun:
            return self._begun.popleft()
        return LATER if begun else self._none_found()

    def _refusal(self) -> Literal[True] | Later | None:
        """True where another candidate may begin now; of those that run, all may get to the end."""
        records = self._store.records()
        self._count(records)
        if self._trained >= self.config.trials:
            return LATER if self._running else None
        if self._deadline is not None and time.monotonic() + self._longest_s > self._deadline:
            self._tell_once("the time is up")
            return None
        going_on = sum(record.status == "running" for record in records)
        if self._trained + going_on >= self.config.trials:
            return LATER
        if self._failures >= _MOST_FAILURES:
            raise StudyError(
                f"{self._failures} candidates in a row could not be trained, see their reasons "
                "with neurall-search front"
            )
        in_round = len(self._running) > len(self._begun)
        return LATER if self.config.deterministic and in_round else True

    def _count(self, records: Sequence[TrialRecord]) -> None:
        trained = sum(record.status == "complete" for record in records)
        if trained != self._trained:
            self._trained = trained
            self._observer.progress(trained, self.config.trials)

    def _none_found(self) -> Later | None:
        if self._running:
            return LATER
        self._tell_once("no further network within the budget was found")
        return None

    def _begin_candidate(self) -> bool | Later:
        """Put the next candidate among those that begin; false where none is found.

        ``LATER`` where another process was faster.
        """
        records = self._store.records()
        if self._halving.rungs[0] == 0:
            for axis in self.screening.learn(records):
                self._observer.message(axis.sentence(self.problem.objectives[0].unit))
        for proposal in self._proposals.propose(self._store, records):
            if proposal.accepted:
                return self._begin(proposal) if self._is_wanted(proposal) else LATER
            self._turn_away(proposal)
        return False

    def _turn_away(self, proposal: Proposal) -> None:
        with suppress(TrialTakenError):
            if proposal.known is None:
                admission = proposal.admission
                self._store.refuse(
                    proposal.number, "refused", admission.reason, admission.constraints
                )
            else:
                reason = f"the same network as trial {proposal.known}"
                self._store.refuse(proposal.number, "repeated", reason, {})
        self._observer.trial_ends(self._store.record(proposal.number))

    def _is_wanted(self, proposal: Proposal) -> bool:
        """Whether it is among as many as were asked for, also where others began one meanwhile.

        Of several that are begun or queued at once the later ones turn back. Numbers only grow, so
        no process has to know what another one is about to do.
        """
        number = proposal.number
        ahead = sum(
            record.status == "complete"
            or (record.status in ("running", "waiting") and record.number < number)
            for record in self._store.records()
        )
        if ahead < self.config.trials:
            return True
        attempt = self._store.record(number).attempt
        reason = "another process began the last one that was asked for; queued again"
        self._store.queue_again(number, reason, attempt=attempt, same_seed=True)
        return False

    def _begin(self, proposal: Proposal) -> Literal[True]:
        record = self._store.record(proposal.number)
        job = Job(
            title=f"trial {proposal.number}",
            trial=proposal.number,
            architecture=proposal.architecture,
            seed=seed_of(self.config.seed, proposal.number, record.origin),
            rungs=self._rungs_for(record),
        )
        if not self._begun:
            self._round_begins = proposal.number
        self._begun.append(job)
        self._running[job.title] = _Running(job=job, proposal=proposal, attempt=record.attempt)
        self._observer.training_starts(job.title, job.architecture)
        return True

    def _rungs_for(self, record: TrialRecord) -> tuple[int, ...]:
        """The rungs that a candidate climbs: not the first where inherited weights mislead."""
        rungs = self._halving.rungs
        judged = rungs[0] > 0 or self.screening.trusts(record)
        return rungs if judged else rungs[1:]

    # --- answers ------------------------------------------------------------------------------

    @held_back()
    def answered(self, job: Job, answer: Answer) -> bool:
        """Take in what a worker answered; returns whether it is to train on."""
        if job.trial is None:
            self._baselines.answered(job, answer)
            if isinstance(answer, Judged):
                self._longest_s = max(self._longest_s, answer.seconds)
            return False
        running = self._running[job.title]
        try:
            if isinstance(answer, Failure):
                self._failed(running, answer)
            elif self._judged(running, answer):
                return True
        except TrialTakenError as error:
            self._observer.message(str(error))
        self._end(running)
        return False

    @held_back()
    def lost(self, job: Job, reason: str) -> bool:
        """A worker was lost with its job; returns whether another one is to begin it anew."""
        if job.trial is None:
            return self._baselines.lost(job, reason)
        running = self._running[job.title]
        try:
            if running.attempt < MOST_ATTEMPTS:
                self._store.attempt_on(running.proposal.number, running.attempt + 1)
            else:
                self._fail(running, f"{reason}, at the last of {MOST_ATTEMPTS} attempts")
        except TrialTakenError as error:
            self._observer.message(str(error))
            running.attempt = MOST_ATTEMPTS
        if running.attempt >= MOST_ATTEMPTS:
            self._end(running)
            return False
        running.attempt += 1
        running.seconds = 0.0
        self._observer.message(
            f"{job.title}: {reason}; attempt {running.attempt} of {MOST_ATTEMPTS} begins"
        )
        return True

    def interrupt(self) -> None:
        """Queue again what runs: nothing of it will be answered."""
        for running in list(self._running.values()):
            try:
                self._store.queue_again(
                    running.proposal.number,
                    "stopped before its end; queued again",
                    attempt=running.attempt,
                    same_seed=True,
                )
            except TrialTakenError:
                continue
        self._running.clear()
        self._begun.clear()

    def _judged(self, running: _Running, judged: Judged) -> bool:
        """Write down a rung, and the end where it is one; returns whether it goes on."""
        running.seconds += judged.seconds
        number, rung = running.proposal.number, judged.rung
        record = self._record(running, judged)
        self._store.report_rung(number, rung, record.values, judged.seconds)
        if rung == self._halving.rungs[-1]:
            self._complete(record, running, judged)
            return False
        below = self._round_begins if self.config.deterministic else None
        standing = self._store.standing(number, rung, self._halving, below=below)
        anyway = rung == 0 and self.screening.goes_on_anyway(running.job.architecture)
        if standing.goes_on or anyway:
            return True
        reason = self._halving.why_stopped(standing, rung)
        stopped = replace(record, status="stopped", values=(), reason=reason)
        self._store.stop(stopped, running.proposal.admission.constraints)
        return False

    def _complete(self, record: TrialRecord, running: _Running, judged: Judged) -> None:
        complete_trial(
            self._store,
            record,
            judged,
            constraints=running.proposal.admission.constraints,
            baselines=self._baselines.metrics,
            tasks=self.problem.tasks,
        )
        records = self._store.records()
        self._count(records)
        directions = [objective.direction for objective in self.problem.objectives]
        self._observer.front(front_of(records, directions))

    def _failed(self, running: _Running, failure: Failure) -> None:
        number = running.proposal.number
        if failure.too_large:
            self._store.refuse(number, "refused", failure.reason, {"memory": 1.0})
        elif running.attempt < MOST_ATTEMPTS:
            self._store.queue_again(
                number,
                f"{failure.reason}; queued again with another seed",
                attempt=running.attempt + 1,
                same_seed=False,
            )
            self._observer.message(
                f"trial {number}: {failure.reason}; attempt {running.attempt + 1} of "
                f"{MOST_ATTEMPTS} follows"
            )
        else:
            self._fail(running, failure.reason)

    def _fail(self, running: _Running, reason: str) -> None:
        self._failures += 1
        self._store.fail(running.proposal.number, "failed", reason)

    def _end(self, running: _Running) -> None:
        """A candidate runs no more, however it ended."""
        del self._running[running.job.title]
        self._observer.training_ends(running.job.title)
        record = self._store.record(running.proposal.number)
        if record.status in ("complete", "stopped"):
            self._failures = 0
            self._longest_s = max(self._longest_s, time.monotonic() - running.began)
        if record.status != "interrupted":
            self._observer.trial_ends(record)

    def _record(self, running: _Running, judged: Judged) -> TrialRecord:
        admission = running.proposal.admission
        outcome = Outcome(
            metrics=judged.metrics,
            delta_m=delta_m(judged.metrics, self._baselines.metrics, self.problem.tasks),
            cost=admission.cost,
            latency_ms=admission.latency_ms,
        )
        return TrialRecord(
            number=running.proposal.number,
            status="complete",
            architecture=running.job.architecture,
            values=tuple(o.value(outcome) for o in self.problem.objectives),
            metrics=outcome.metrics,
            delta_m=outcome.delta_m,
            macs=outcome.cost.macs,
            params=outcome.cost.params,
            activation_bytes=outcome.cost.activation_bytes,
            latency_ms=outcome.latency_ms,
            share=self.config.budget.share(outcome.cost, outcome.latency_ms),
            seconds=running.seconds,
        )

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._observer.message(text)


def seed_of(study_seed: int, number: int, origin: int | None = None) -> int:
    """The seed of a trial's weights, from the study's and its number.

    ``origin`` is the trial that it repeats after that was cut off, whose seed it has.
    """
    return zlib.crc32(f"{study_seed}/trial {number if origin is None else origin}".encode())
