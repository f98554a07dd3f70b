"""Optuna's database, in which what belongs together is written in few statements.

Optuna takes three statements for each parameter of a new trial and two for each attribute, some 120
a trial: 50 ms of this process (``benchmarks/scale.py``), and more the farther away a server is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Insert, func, insert, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

#: A table of attributes of trials.
_Table: TypeAlias = type[models.TrialUserAttributeModel] | type[models.TrialSystemAttributeModel]
#: Values as JSON by table, trial id and name.
_Attributes: TypeAlias = dict[_Table, dict[int, dict[str, str]]]
#: On a session: the attributes that are to be written together.
_TOGETHER = "together"


class RowStorage(RDBStorage):
    """Writes new trials and attributes many rows at a time, and tells cheaply what is new."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scoped_session = scoped_session(sessionmaker(bind=self.engine, class_=_Session))
        self._compatible: dict[tuple[int, str], BaseDistribution] = {}

    def newest_trial_id(self, study_id: int) -> int:
        """The largest id of a study's trials, -1 where it has none or is not there."""
        session = self.scoped_session()
        newest_of_study = select(func.max(models.TrialModel.trial_id)).where(
            models.TrialModel.study_id == study_id
        )
        try:
            newest = session.scalar(newest_of_study)
        finally:
            session.close()
        return -1 if newest is None else int(newest)

    def together(self, write: Callable[[], None]) -> None:
        """Commit once what ``write`` writes from this thread: 20 commits take a disk 0.3 s.

        Attributes of trials come last, in a statement for each table. Raises
        ``UpdateFinishedTrialError`` where one of the trials has ended.
        """
        session = self.scoped_session()
        attributes: _Attributes = {}
        session.info[_TOGETHER] = attributes
        try:
            self._lock_writers(session)
            write()
            self._write_attributes(session, attributes)
            session.info[_TOGETHER] = None
            session.commit()
        except SQLAlchemyError as error:
            session.rollback()
            raise StorageInternalError("written together") from error
        finally:
            session.info[_TOGETHER] = None
            session.close()

    def delete_study(self, study_id: int) -> None:
        """Delete a study; raises ``KeyError`` where there is none."""
        self._compatible = {
            known: d for known, d in self._compatible.items() if known[0] != study_id
        }
        super().delete_study(study_id)

    def _lock_writers(self, session: Session) -> None:
        """Nothing where rows can be locked."""

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a value on a running trial."""
        if not self._collects(models.TrialUserAttributeModel, trial_id, key, value):
            super().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a value of Optuna's on a running trial."""
        if not self._collects(models.TrialSystemAttributeModel, trial_id, key, value):
            super().set_trial_system_attr(trial_id, key, value)

    def _collects(self, table: _Table, trial_id: int, key: str, value: Any) -> bool:
        """Put an attribute with those that are written together, if any are."""
        attributes: _Attributes | None = self.scoped_session().info.get(_TOGETHER)
        if attributes is None:
            return False
        attributes.setdefault(table, {}).setdefault(trial_id, {})[key] = json.dumps(value)
        return True

    def _write_attributes(self, session: Session, attributes: _Attributes) -> None:
        trial_ids = {trial_id for values in attributes.values() for trial_id in values}
        for trial_id in sorted(trial_ids):
            state = session.scalar(
                select(models.TrialModel.state)
                .where(models.TrialModel.trial_id == trial_id)
                .with_for_update()
            )
            if state is None:
                raise KeyError(f"there is no trial of id {trial_id}")
            self.check_trial_is_updatable(trial_id, state)
        for table, by_trial in attributes.items():
            rows = [
                {"trial_id": trial_id, "key": name, "value_json": text}
                for trial_id, values in by_trial.items()
                for name, text in values.items()
            ]
            session.execute(_upsert(self.engine.name, table), rows)

    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        made = super()._create_new_trial(study_id, template_trial)
        self._compatible |= {(study_id, name): d for name, d in made.distributions.items()}
        return made

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
            return super()._get_prepared_new_trial(study_id, template_trial, session)
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


class _Session(Session):
    """A session of Optuna's: it commits and closes after every call but within ``together``."""

    def commit(self) -> None:
        if self.info.get(_TOGETHER) is not None:
            self.flush()
        else:
            super().commit()

    def close(self) -> None:
        if self.info.get(_TOGETHER) is None:
            super().close()


def _rows(trial_id: int, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"trial_id": trial_id, "key": name, "value_json": json.dumps(value)}
        for name, value in values.items()
    ]


def _upsert(database: str, table: _Table) -> Insert:
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
