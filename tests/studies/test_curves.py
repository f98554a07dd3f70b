from __future__ import annotations

import json
import math

import optuna
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._serializer import serialize_frozen_trial

from studies.curves import save_learning_curves
from studies.halving import FrontHalving


def _study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize", "minimize"])
    halving = FrontHalving(rungs=(0, 300))
    for number, values in enumerate(([1.0, 3.0], [0.5], [math.nan])):
        trial = study.ask()
        for rung, value in zip(halving.rungs, values, strict=False):
            halving.report(trial, rung, (value, 7.0))
        if number:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, (3.0, 7.0))
    return study


def test_the_dashboard_gets_a_curve_for_each_trial_with_stopped_ones_apart() -> None:
    study = _study()
    save_learning_curves(study, title="Δm")
    save_learning_curves(study, title="Δm in %")
    attributes = study._storage.get_study_system_attrs(study._study_id)
    (text,) = get_plotly_graph_objects(attributes).values()
    figure = json.loads(text)
    stopped, others = figure["data"]
    assert (others["x"], others["y"]) == ([0, 300, None], [1.0, 3.0, None])
    assert (stopped["x"], stopped["y"]) == ([0, None, 0, None], [0.5, None, None, None])
    assert stopped["text"][2] == "trial 2"
    assert figure["layout"]["yaxis"]["title"]["text"] == "Δm in %"
    assert len(text) < 1500


def test_the_dashboard_can_read_what_stands_on_stopped_trials() -> None:
    study = _study()
    for trial in study.trials:
        shown = json.dumps(serialize_frozen_trial(study._study_id, trial, {}), default=str)
        assert "NaN" not in shown
        assert "rung 0" in shown


def test_a_study_without_rungs_has_no_curves() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.tell(study.ask(), (1.0, 2.0))
    save_learning_curves(study)
    assert study._storage.get_study_system_attrs(study._study_id) == {}
