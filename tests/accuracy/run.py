"""The work of one process."""

from __future__ import annotations

import time
from typing import Any

from tests.accuracy.cases import cases
from tests.accuracy.measure import measure
from tests.accuracy.report import digest
from tests.accuracy.systems import installed, naive, symgrad

__all__ = ["work"]


def work(number: int) -> tuple[list[dict[str, Any]], float]:
    """All measurements of one case, as data, and the seconds that they took."""
    start = time.perf_counter()
    case = cases()[number]
    systems = [symgrad, naive, *installed()]
    found = [
        digest(one) for dtype in ("float64", "float32") for one in measure(case, dtype, systems)[0]
    ]
    return found, time.perf_counter() - start
