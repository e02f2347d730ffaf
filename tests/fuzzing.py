"""How many examples a property test tries: few in the suite, many more under ``make fuzz``."""

from __future__ import annotations

from hypothesis import settings

__all__ = ["examples"]

#: under ``make fuzz``, so many times those of the suite
_MORE = 25


def examples(count: int) -> settings:
    """Settings of a property test of which each example costs much.

    Examples
    --------
    >>> examples(30).max_examples % 30
    0
    """
    fuzzing = settings().max_examples > settings.get_profile("suite").max_examples
    return settings(max_examples=count * _MORE if fuzzing else count)
