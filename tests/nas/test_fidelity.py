from __future__ import annotations

from nas.fidelity import FIDELITIES


def test_each_fidelity_sees_more_and_larger_frames_than_the_one_before() -> None:
    quick, standard, full = FIDELITIES.values()
    assert quick.samples < standard.samples < full.samples
    assert quick.resolution < standard.resolution < full.resolution


def test_names_are_the_keys_and_batches_fill_the_samples() -> None:
    for name, fidelity in FIDELITIES.items():
        assert fidelity.name == name
        assert fidelity.samples % fidelity.batch_size == 0
