"""What the pool offers: small spaces with the front's neighbours, large ones little by little."""

import itertools
import random
from collections.abc import Hashable

import pytest
from optuna.distributions import CategoricalDistribution

from studies import candidate_pool
from studies.candidate_pool import CandidatePool
from studies.candidate_space import Params, Value
from studies.seen_space import SeenSpace

NAMES, CHOICES = [f"p{i}" for i in range(6)], ["a", "b", "c", "d"]
DISTRIBUTIONS = {name: CategoricalDistribution(CHOICES) for name in NAMES}


class Counting(SeenSpace):
    """A space that counts its draws, and names all it has only if it is told to."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__(DISTRIBUTIONS, [])
        self.drawn, self._whole = 0, whole

    def sample(self, rng: random.Random) -> dict[str, Value]:
        self.drawn += 1
        return super().sample(rng)

    def everything(self) -> list[dict[str, Value]] | None:
        every = itertools.product(CHOICES, repeat=len(NAMES))
        return [dict(zip(NAMES, v, strict=True)) for v in every] if self._whole else None

    def key(self, params: Params) -> Hashable:
        return tuple(params[name] for name in NAMES)


def _pool(space: Counting) -> CandidatePool:
    return CandidatePool(space, {1: lambda p: 1.0 + CHOICES.index(str(p["p0"]))}, None, seed=0)


def test_of_a_whole_space_some_are_judged_and_all_beside_the_front(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidate_pool, "_MOST_JUDGED", 50)
    space = Counting(whole=True)
    member = dict.fromkeys(NAMES, "c")
    offered = _pool(space).candidates([(0, member)], 7)
    keys = {space.key(params) for params in offered.params}
    beside = {space.key(member | {n: c}) for n in NAMES for c in CHOICES}
    assert beside <= keys
    assert 50 <= len(keys) <= 50 + len(beside)
    again = _pool(space).candidates([(0, member)], 7)
    assert [space.key(p) for p in again.params] == [space.key(p) for p in offered.params]


def test_a_whole_space_of_few_is_judged_whole() -> None:
    pool = CandidatePool(SeenSpace({"p0": DISTRIBUTIONS["p0"]}, []), {}, None, seed=0)
    assert len(pool.candidates([], 0).params) == len(CHOICES)


def test_the_first_trial_draws_little_and_the_pool_grows() -> None:
    space = Counting(whole=False)
    pool = _pool(space)
    first = len(pool.candidates([], 0).params)
    assert space.drawn <= 250
    later = [len(pool.candidates([], count).params) for count in range(1, 31)]
    assert first <= 200
    assert later[-1] >= 1200
    assert later[-1] > later[3] > first
