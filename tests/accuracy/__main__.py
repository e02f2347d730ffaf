"""``python -m tests.accuracy``: measure everything, and write ``docs/accuracy.md`` and ``.json``.

It uses the frameworks that are installed: ``pip install '.[test,bench]'`` brings them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.accuracy.cases import cases
from tests.accuracy.report import document, summary
from tests.accuracy.run import work
from tests.accuracy.systems import installed

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name contains this; writes nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = [i for i, case in enumerate(cases()) if options.only in str(case)]
    peers = ", ".join(p.name for p in installed()) or "none: pip install '.[bench]' brings them"
    print(f"{len(chosen)} formulas; peers: {peers}")
    start = time.perf_counter()
    digests: list[dict[str, Any]] = []
    with get_context("spawn").Pool(options.jobs) as pool:
        for n, (found, seconds) in enumerate(pool.imap(work, chosen)):
            digests += found
            if seconds > 30 or n % 20 == 19 or sys.stdout.isatty():
                print(f"{n + 1:4} {found[0]['case']} {seconds:.1f} s", flush=True)
    data = summary(digests)
    _print(data)
    print(f"{time.perf_counter() - start:.0f} s")
    if options.only:
        return 0
    text = json.dumps(data, indent=None, separators=(",", ":"), ensure_ascii=False)
    (DOCS / "accuracy.json").write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
    (DOCS / "accuracy.md").write_text(document(data), encoding="utf-8")
    print("docs/accuracy.md")
    return 0


def _print(data: dict[str, Any]) -> None:
    for b in data["beyond"]:
        mark = "!" if b["unexplained"] else " "
        print(
            f"{mark} {b['case']} | {b['quantity']} {b['dtype']} | {b['unexplained']} unexplained "
            f"of {b['points']} | at {b['at']}: {b['error']} ulps, allowed {b['allowed']}"
        )


if __name__ == "__main__":
    sys.exit(main())
