from __future__ import annotations

from nas.tasks.kinds import make_task
from search_spaces.default_tasks import DEPTH
from studies.note import trial_note
from studies.record import TrialRecord


def test_a_note_sets_each_task_beside_its_single_task_network() -> None:
    record = TrialRecord(
        number=3,
        status="complete",
        metrics={"depth": {"delta_1_25": 0.6}},
        delta_m=20.0,
        macs=12_000_000_000,
        params=2_500_000,
        share=0.32,
    )
    note = trial_note(record, {"depth": {"delta_1_25": 0.5}}, {"depth": make_task(DEPTH)})
    assert "| depth | delta_1_25 | 0.6000 | 0.5000 | +20.0 % |" in note
    assert "Δm +20.00 %, 12.00 GMAC per frame, 32% of the budget, 2.50 M parameters." in note
