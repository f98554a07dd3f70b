"""Which of several runs makes what all of them share."""

from __future__ import annotations

from studies.lost_trials import LostTrials
from studies.store import StudyStore


class Claims:
    """Gives a thing to one run at a time, with nothing but values that anyone may overwrite.

    A splitter (Lamport, A fast mutual exclusion algorithm, 1987; Moir and Anderson, 1995): whoever
    comes writes its name on the bell, turns back where the door is closed, closes it, and wins
    where its name is still on the bell. So of runs that come at once at most one wins, and where
    none does, whoever closed the door last may try again: a second later, in which a winner has
    long written that it is.
    """

    def __init__(self, store: StudyStore, lost: LostTrials) -> None:
        self._store, self._lost = store, lost

    def take(self, what: str) -> bool:
        """Whether this run is to make it; where none does, one will that asks again later."""
        if self._is_others(what):
            return False
        bell, door = f"{what}, bell", f"{what}, door"
        self._store.runs.claim(bell)
        if self._is_others(door):
            return False
        self._store.runs.claim(door)
        if self._is_others(bell):
            return False
        self._store.runs.claim(what)
        return True

    def _is_others(self, what: str) -> bool:
        """Whether another run that is still there wrote its name last."""
        owner = self._store.runs.claimed(what)
        return owner is not None and owner != self._store.owner and not self._lost.is_gone(owner)
