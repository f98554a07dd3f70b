from __future__ import annotations

import pytest

from search_spaces.default_tasks import DEFAULT_TASKS
from search_spaces.space import SearchSpace


@pytest.fixture(scope="session")
def space() -> SearchSpace:
    return SearchSpace.for_tasks(DEFAULT_TASKS)
