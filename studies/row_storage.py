"""Optuna's database, in which what belongs together is written in few statements.

Optuna takes three statements for each parameter of a new trial and two for each attribute, some 120
a trial: 50 ms of this process (``benchmarks/scale.py``), and more the farther away a server is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Insert, func, insert, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session

#: A table of attributes of trials.
Table: TypeAlias = type[models.TrialUserAttributeModel] | type[models.TrialSystemAttributeModel]
#: Values by table, trial id and name.
Attributes: TypeAlias = Mapping[Table, Mapping[int, Mapping[str, Any]]]


class RowStorage(RDBStorage):
    """Writes new trials and attributes many rows at a time, and tells cheaply what is new."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._compatible: dict[tuple[int, str], BaseDistribution] = {}

    def newest_trial_id(self, study_id: int) -> int:
        """The largest id of a study's trials, -1 where it has none or is not there."""
        try:
            newest = self.scoped_session().scalar(
                select(func.max(models.TrialModel.trial_id)).where(
                    models.TrialModel.study_id == study_id
                )
            )
        finally:
            self.scoped_session.remove()
        return -1 if newest is None else int(newest)

    def write_attributes(self, session: Session, attributes: Attributes) -> None:
        """Write values on running trials, in place of those of the same names.

        Raises ``UpdateFinishedTrialError``.
        """
        trial_ids = {trial_id for values in attributes.values() for trial_id in values}
        for trial_id in sorted(trial_ids):
            trial: Any = models.TrialModel.find_or_raise_by_id(trial_id, session)
            self.check_trial_is_updatable(trial_id, trial.state)
        for table, by_trial in attributes.items():
            rows = [row for trial_id, values in by_trial.items() for row in _rows(trial_id, values)]
            if rows:
                session.execute(_upsert(self.engine.name, table), rows)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> models.TrialModel:
        """What Optuna's own does, in a statement for each table.

        Whether a parameter's distribution may stand beside those of other trials is Optuna's to
        check, once for each of them: it goes through all trials for it.
        """
        known = self._compatible
        if (
            template_trial is None
            or template_trial.values
            or template_trial.intermediate_values
            or any(
                known.get((study_id, name)) != distribution
                for name, distribution in template_trial.distributions.items()
            )
        ):
            made = super()._get_prepared_new_trial(study_id, template_trial, session)
            if template_trial is not None:
                known |= {(study_id, n): d for n, d in template_trial.distributions.items()}
            return made
        trial = models.TrialModel(
            study_id=study_id,
            number=None,
            state=template_trial.state,
            datetime_start=template_trial.datetime_start,
            datetime_complete=template_trial.datetime_complete,
        )
        session.add(trial)
        session.flush()
        trial_id: Any = trial.trial_id
        tables: dict[Any, Sequence[Mapping[str, Any]]] = {
            models.TrialParamModel: [
                {
                    "trial_id": trial_id,
                    "param_name": name,
                    "param_value": distribution.to_internal_repr(template_trial.params[name]),
                    "distribution_json": distribution_to_json(distribution),
                }
                for name, distribution in template_trial.distributions.items()
            ],
            models.TrialUserAttributeModel: _rows(trial_id, template_trial.user_attrs),
            models.TrialSystemAttributeModel: _rows(trial_id, template_trial.system_attrs),
        }
        for table, rows in tables.items():
            if rows:
                session.execute(insert(table), rows)
        trial.number = trial.count_past_trials(session)
        return trial


def _rows(trial_id: int, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
        for name, value in values.items()
    ]


def _upsert(database: str, table: Table) -> Insert:
    """Inserts a row, or changes the one of the same trial and name."""
    if database == "mysql":
        mine = mysql.insert(table)
        changing: Insert = mine.on_duplicate_key_update(value_json=mine.inserted.value_json)
    else:
        theirs = (postgresql if database == "postgresql" else sqlite).insert(table)
        changing = theirs.on_conflict_do_update(
            index_elements=["trial_id", "key"], set_={"value_json": theirs.excluded.value_json}
        )
    return changing
