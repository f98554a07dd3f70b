"""Learning curves in the dashboard: it draws them by itself only where there is one objective."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from studies.rungs import read_rungs

_NAME = "learning-curves"
_STOPPED, _WENT_ON = "#9aa0a6", "#d62728"


def save_learning_curves(study: optuna.Study, *, objective: int = 0, title: str = "") -> None:
    """Keep a picture of all trials' rungs with a study; a later one takes its place.

    One objective's values over samples, but for failed trials. The dashboard shows it among the
    study's analytics (``optuna_dashboard.save_plotly_graph_object``). Does nothing where no trial
    has rungs.
    """
    states = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
    trials = study.get_trials(deepcopy=False, states=states)
    trials = [trial for trial in trials if read_rungs(trial.user_attrs)]
    if not trials:
        return
    import plotly.graph_objects as go
    from optuna_dashboard import save_plotly_graph_object  # takes a third of a second to import

    stopped = [t for t in trials if t.state == TrialState.PRUNED]
    others = [t for t in trials if t.state != TrialState.PRUNED]
    figure = go.Figure(layout={"template": go.layout.Template()})  # the default one has 7 kB
    for name, colour, some in (("stopped early", _STOPPED, stopped), ("others", _WENT_ON, others)):
        line = {"color": colour, "width": 1}
        figure.add_scatter(name=name, line=line, mode="lines+markers", **_points(some, objective))
    figure.update_layout(xaxis_title="samples", yaxis_title=title, title="learning curves")
    save_plotly_graph_object(study, figure, graph_object_id=_NAME)


def _points(trials: Iterable[FrozenTrial], objective: int) -> dict[str, list[Any]]:
    """All curves as one line with gaps between trials: a trace each would be many times larger."""
    x: list[Any] = []
    y: list[Any] = []
    text: list[Any] = []
    for trial in trials:
        for rung in read_rungs(trial.user_attrs):
            x.append(rung.samples)
            y.append(rung.values[objective])
            text.append(f"trial {trial.number}")
        x.append(None)
        y.append(None)
        text.append(None)
    return {"x": x, "y": y, "text": text}
