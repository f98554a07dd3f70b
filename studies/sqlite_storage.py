"""Optuna's storage in a SQLite file, in which two processes cannot take the same queued trial."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import TrialState
from sqlalchemy import text
from sqlalchemy.orm import Session

from studies.row_storage import RowStorage


class SqliteStorage(RowStorage):
    """Takes queued trials one process at a time.

    Optuna reads the state and then writes it, with a row lock that SQLite does not know: of 60
    queued trials two processes both took 2 or 3. Here the file is locked before it is read.
    """

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """End a trial or take it from the queue; False where another process took it."""
        if state != TrialState.RUNNING:
            return super().set_trial_state_values(trial_id, state, values)
        try:
            self.scoped_session().execute(text("BEGIN IMMEDIATE"))  # Optuna uses this session, too
            return super().set_trial_state_values(trial_id, state, values)
        finally:
            self.scoped_session.remove()

    def _lock_writers(self, session: Session) -> None:
        session.execute(text("BEGIN IMMEDIATE"))
