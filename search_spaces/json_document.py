"""JSON from elsewhere, as a value: of bounded size, and no name twice in one object."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from search_spaces.spelling import one_line


class JsonError(ValueError):
    """A text that is no JSON document as it is read here; says why in a few words."""


def read_json(text: str, *, longest: int) -> Any:
    """The value of a JSON text of at most ``longest`` characters; raises ``JsonError``.

    Of two values under one name Python would keep the last and others the first: such a document
    says different things to different readers, so it is refused.
    """
    if len(text) > longest:
        raise JsonError(f"{len(text)} characters, at most {longest} are read")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg}: line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise JsonError("its lists and objects are nested too deeply") from None
    except JsonError:
        raise
    except ValueError:  # Python bounds the digits of an integer, for they take quadratic time
        raise JsonError("a number has too many digits") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise JsonError(f"the name {one_line(twice, 40)!r} stands twice in one object")
    return values
