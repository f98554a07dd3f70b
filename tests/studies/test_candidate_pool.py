"""What the pool offers: small spaces whole, large ones little by little."""

import random

from optuna.distributions import CategoricalDistribution

from studies.candidate_pool import CandidatePool
from studies.candidate_space import Value
from studies.seen_space import SeenSpace

NAMES, CHOICES = [f"p{i}" for i in range(6)], ["a", "b", "c", "d"]
DISTRIBUTIONS = {name: CategoricalDistribution(CHOICES) for name in NAMES}


class Counting(SeenSpace):
    """A space of 4,096 candidates, too many to name, that counts its draws."""

    def __init__(self) -> None:
        super().__init__(DISTRIBUTIONS, [])
        self.drawn = 0

    def sample(self, rng: random.Random) -> dict[str, Value]:
        self.drawn += 1
        return super().sample(rng)


def _pool(space: Counting) -> CandidatePool:
    return CandidatePool(space, {1: lambda p: 1.0 + CHOICES.index(str(p["p0"]))}, None, seed=0)


def test_a_whole_space_of_few_is_judged_whole() -> None:
    pool = CandidatePool(SeenSpace({"p0": DISTRIBUTIONS["p0"]}, []), {}, None, seed=0)
    assert len(pool.candidates([], 0).params) == len(CHOICES)


def test_the_first_trial_draws_little_and_the_pool_grows() -> None:
    space = Counting()
    pool = _pool(space)
    first = len(pool.candidates([], 0).params)
    assert space.drawn <= 250
    later = [len(pool.candidates([], count).params) for count in range(1, 31)]
    assert first <= 200
    assert later[-1] >= 1200
    assert later[-1] > later[3] > first
