"""The measurements as data, ``docs/accuracy.json``, and as a document, ``docs/accuracy.md``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from tests.accuracy.measure import Measure

__all__ = ["digest", "document", "summary", "ulps"]

#: systems in the order of the tables
ORDER = ("symgrad", "naive", "JAX", "PyTorch", "PyTensor", "autograd")
PACKAGES = {
    "NumPy": "numpy", "JAX": "jax", "PyTorch": "torch", "PyTensor": "pytensor",
    "autograd": "autograd", "mpmath": "mpmath",
}  # fmt: skip
WHAT = {"value": "values", "gradient": "gradients", "second": "second derivatives"}

HEADER = """\
# Measured accuracy

Every operation, and every formula that symgrad promises to recognise in several spellings, against
mpmath with as many digits as the formula cancels and 50 more. `make accuracy` measures it and
writes this page.

An error is in units in the last place (ulps) of the exact result: half of one is what correct
rounding costs. Points are ordinary numbers; 0, subnormal and tiny ones, 1e3, 1e8 and 1e300, of
both signs; where functions change over (log 2, 36.7, 88.7, 709.78, ...); infinities, where the
limit is the truth; and random magnitudes with a fixed seed. Rows of numbers are spread, equal,
large, tiny, tied, and with a large common part. ∞ stands for a result that is not finite though
the exact one is, or the other way round; — for what a system lacks, or refuses.

*naive* is the formula as it stands, evaluated by NumPy operation by operation, and the derivatives
of its parts, with no rewriting. The other systems run the same formula as it stands, without
compilation.

The rule: at every point the error of symgrad is at most 4 ulps, or that of the best of the others.
What exceeds it is listed at the end.
"""


def _kind(quantity: str) -> str:
    return "value" if quantity == "value" else "second" if "2" in quantity else "gradient"


def digest(m: Measure) -> dict[str, Any]:
    """What of a measurement is reported, as plain data."""
    known = m.exact.known
    found: dict[str, Any] = {
        "case": str(m.case),
        "kind": m.case.kind,
        "dtype": m.dtype,
        "quantity": m.quantity,
        "errors": {n: m.errors[n][known].tolist() for n in ORDER if n in m.errors and known.any()},
        "places": [place for place, k in zip(m.places, known, strict=True) if k],
    }
    if m.beyond:
        first = (m.unexplained or m.beyond)[0]
        found["beyond"] = {
            "case": str(m.case),
            "dtype": m.dtype,
            "quantity": m.quantity,
            "points": len(m.beyond),
            "unexplained": len(m.unexplained),
            "at": m.places[first],
            "error": _rounded(float(m.errors["symgrad"][first])),
            "allowed": _rounded(float(m.bound[first])),
        }
    return found


def summary(digests: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What is kept: worst and median errors of each case, totals, and what exceeds the rule."""
    cases: dict[str, Any] = {}
    beyond: list[dict[str, Any]] = []
    totals: dict[str, dict[str, list[int]]] = {}
    for one in digests:
        what = _kind(one["quantity"])
        entry = cases.setdefault(one["case"], {"kind": one["kind"], "results": {}})
        slot = entry["results"].setdefault(one["dtype"], {}).setdefault(what, {})
        for name, errors in one["errors"].items():
            worst = int(np.argmax(errors))
            found = slot.setdefault(name, {"worst": -1.0, "at": "", "errors": []})
            if errors[worst] > found["worst"]:
                found["worst"], found["at"] = errors[worst], one["places"][worst]
            found["errors"] += errors
            counts = totals.setdefault(what, {}).setdefault(name, [0, 0, 0])
            counts[0] += len(errors)
            counts[1] += sum(e > 4 for e in errors)
            counts[2] += sum(math.isinf(e) for e in errors)
        if "beyond" in one:
            beyond.append(one["beyond"])
    for entry in cases.values():
        for by_kind in entry["results"].values():
            for by_system in by_kind.values():
                for found in by_system.values():
                    found["median"] = _rounded(float(np.median(found.pop("errors"))))
                    found["worst"] = _rounded(found["worst"])
    return {"versions": versions(), "totals": totals, "cases": cases, "beyond": beyond}


def _rounded(x: float) -> float | str:
    return "inf" if math.isinf(x) else float(f"{x:.3g}")


def versions() -> dict[str, str]:
    found = {}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found


# ---------------------------------------------------------------- the document


def document(data: dict[str, Any]) -> str:
    """The page, from the data."""
    shown = ", ".join(f"{name} {v}" for name, v in data["versions"].items())
    parts = [HEADER, f"\nMeasured with {shown}.\n", _totals(data)]
    for kind, title in (("op", "Operations"), ("family", "Formulas as they are written")):
        cases = {k: c for k, c in data["cases"].items() if c["kind"] == kind}
        parts.append(f"\n## {title}\n")
        for what in WHAT:
            parts.append(f"\n### {title}: {WHAT[what]}\n\n")
            parts.append(
                "Largest error in float64, and in brackets that of symgrad in float32.\n\n"
            )
            parts.append(_table(cases, what))
    parts.append(_exceeding(data["beyond"]))
    return "".join(parts)


def _systems(data: dict[str, Any]) -> list[str]:
    present = {name for by in data["totals"].values() for name in by}
    return [name for name in ORDER if name in present]


def _totals(data: dict[str, Any]) -> str:
    rows = []
    for what, by in data["totals"].items():
        for name in _systems(data):
            if name in by:
                n, far, infinite = by[name]
                rows.append(
                    [
                        WHAT[what],
                        name,
                        str(n),
                        f"{100 * far / n:.1f}%",
                        f"{100 * infinite / n:.1f}%",
                    ]
                )
    head = ["", "system", "results", "beyond 4 ulps", "not finite, or wrongly so"]
    return "\n" + _markdown(head, rows)


def _table(cases: dict[str, Any], what: str) -> str:
    systems = [n for n in ORDER if any(_found(c, "float64", what, n) for c in cases.values())]
    head = ["", *systems, "symgrad at"]
    rows = []
    for key, case in cases.items():
        own = _found(case, "float64", what, "symgrad")
        if own is None:
            continue
        cells = []
        for name in systems:
            found = _found(case, "float64", what, name)
            text = "—" if found is None else ulps(found["worst"])
            single = _found(case, "float32", what, name)
            if name == "symgrad" and single is not None:
                text += f" ({ulps(single['worst'])})"
            cells.append(text)
        at = own["at"] if float(own["worst"]) > 4 else ""
        rows.append([_code(key), *cells, _code(at) if at else ""])
    return _markdown(head, rows)


def _found(case: dict[str, Any], dtype: str, what: str, system: str) -> Any:
    return case["results"].get(dtype, {}).get(what, {}).get(system)


def _exceeding(beyond: list[dict[str, Any]]) -> str:
    lines = ["\n## Beyond the rule\n\n"]
    explained = [b for b in beyond if not b["unexplained"]]
    open_ = [b for b in beyond if b["unexplained"]]
    lines.append(
        "Points where symgrad's error is beyond 4 ulps and beyond that of the best other. "
        f"At {sum(b['points'] - b['unexplained'] for b in beyond)} of "
        f"{sum(b['points'] for b in beyond)} such points the exact result itself moves by as much "
        "when each argument moves by its last bit: where large numbers are subtracted, or a result "
        "crosses zero, and one of several systems is nearer by luck. The others are:\n\n"
    )
    head = ["formula", "result", "points", "the worst of them", "error", "allowed"]
    rows = [
        [_code(b["case"]), f"{b['quantity']}, {b['dtype']}", str(b["unexplained"]), _code(b["at"]),
         ulps(b["error"]), ulps(b["allowed"])]
        for b in open_
    ]  # fmt: skip
    lines.append(_markdown(head, rows) if rows else "None.\n")
    if explained:
        lines.append("\nExplained so entirely:\n\n")
        rows = [
            [_code(b["case"]), f"{b['quantity']}, {b['dtype']}", str(b["points"]), _code(b["at"]),
             ulps(b["error"]), ulps(b["allowed"])]
            for b in explained
        ]  # fmt: skip
        lines.append(_markdown(head, rows))
    return "".join(lines)


def ulps(x: Any) -> str:
    """A number of them, as the documents show it."""
    value = float(x)
    if math.isinf(value):
        return "∞"
    if value >= 1e5:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [
        "| " + " | ".join(head) + " |",
        "| " + " | ".join(["---"] * len(head)) + " |",
        *["| " + " | ".join(row) + " |" for row in rows],
    ]
    return "\n".join(lines) + "\n"
