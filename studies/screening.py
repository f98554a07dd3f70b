"""Whether inherited weights may judge a candidate, or it has to be trained first.

They may as long as nothing speaks against it: of the trials that were judged with them and then
trained on, the search compares both values, and no longer trusts the first one on an axis where it
misleads (``studies.trust``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace
from studies.objectives import Objective
from studies.record import TrialRecord
from studies.trust import MisleadingAxis, distrusted, misleading_axes

#: One candidate in so many goes on whatever its first value: only the best would tell little.
_EXEMPT = 8
#: Trials that must come in before the comparison is made again.
_NEWS = 4


class Screening:
    """What is known of the agreement between first values and trained ones in a study.

    It follows from the trials alone, however often the study was stopped.
    """

    def __init__(self, space: SearchSpace, objectives: Sequence[Objective], seed: int) -> None:
        self._space, self._seed = space, seed
        learnt = [index for index, o in enumerate(objectives) if not o.counted]
        self._index = learnt[0] if learnt else 0
        self._objective = objectives[self._index]
        self._compared = 0
        self.misleading: tuple[MisleadingAxis, ...] = ()

    def trusts(self, record: TrialRecord) -> bool:
        """Whether a trial may be judged with the weights that it inherits."""
        if not self.misleading or record.architecture is None:
            return True
        return not distrusted(self._space.parameters(record.architecture), self.misleading)

    def goes_on_anyway(self, architecture: Architecture) -> bool:
        """Whether a candidate is trained whatever its first value: by its id, as good as chance."""
        return int(architecture.id, 16) % _EXEMPT == 0

    def learn(self, records: Sequence[TrialRecord]) -> tuple[MisleadingAxis, ...]:
        """Compare anew where enough trials came in; returns axes that were not known before."""
        ended = [r for r in records if r.status in ("complete", "stopped")]
        pairs = [r for r in ended if len(r.rungs) > 1 and r.rungs[0].samples == 0]
        count = len(pairs) - len(pairs) % _NEWS
        if count == self._compared:
            return ()
        self._compared = count
        before = {axis.axis for axis in self.misleading}
        self.misleading = self._misleading(pairs[:count])
        return tuple(axis for axis in self.misleading if axis.axis not in before)

    def _misleading(self, pairs: Sequence[TrialRecord]) -> tuple[MisleadingAxis, ...]:
        sign = 1.0 if self._objective.direction == "maximize" else -1.0
        values = np.array(
            [[r.rungs[0].values[self._index], r.rungs[1].values[self._index]] for r in pairs]
        ).reshape(len(pairs), 2)
        finite = np.isfinite(values).all(axis=1)
        parameters = [
            self._space.parameters(r.architecture)
            for r, there in zip(pairs, finite, strict=True)
            if there and r.architecture is not None
        ]
        return misleading_axes(
            parameters,
            sign * values[finite, 0],
            sign * values[finite, 1],
            rng=np.random.default_rng([self._seed, len(pairs)]),
        )
