"""The softmax cross-entropy of ``docs/numerics.md``, written by hand, in every framework.

``python -m tests.accuracy.example`` puts the table into the document. Frameworks that are not
installed keep the rows that they have: ``pip install '.[bench]'`` brings them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.accuracy.systems import Problem, System, installed, naive, symgrad

__all__ = ["PAGE", "rows", "table"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "numerics.md"
TABLE = re.compile(r"(<!-- python -m tests\.accuracy\.example -->\n\n)(.*?)(\n\n)", re.DOTALL)
LOGITS = np.array([1000.0, 0.0, -1000.0])
LABEL = 1
#: the value is log(e^1000 + e^0 + e^-1000) - 0, the gradient softmax - onehot
EXACT = (1000.0, np.array([1.0, -1.0, 0.0]))


def formula(xp: Any, z: Any) -> Any:
    """-log(softmax(z))[label], as a textbook has it."""
    e = xp.exp(z)
    p = e / xp.sum(e)
    return -xp.log(p[LABEL])


def _row(name: str, value: Any, gradient: Any) -> str:
    shown = "none" if gradient is None else np.array2string(np.asarray(gradient) + 0.0, precision=3)
    return f"| {name} | {float(value):g} | `{shown}` |"


def _of(system: System) -> tuple[Any, Any]:
    out = system.run(Problem(formula, [LOGITS]))
    assert not out.refused, out.refused
    return out.value, out.slopes[0]


def _compiled(torch: Any) -> tuple[Any, Any]:
    """PyTorch's compiler, where it finds what it needs."""
    z = torch.tensor(LOGITS, requires_grad=True)
    value = torch.compile(lambda z: formula(torch, z))(z)
    [gradient] = torch.autograd.grad(value, [z])
    return value.detach().numpy(), gradient.numpy()


def rows() -> dict[str, str]:
    """Framework -> its row, of those that are installed."""
    with np.errstate(all="ignore"):
        plain = formula(np, LOGITS)
    found = {
        "exact": _row("exact", *EXACT),
        "symgrad": _row("symgrad", *_of(symgrad)),
        "NumPy": _row("NumPy", plain, _of(naive)[1]),
    }
    for system in installed():
        found[system.name] = _row(system.name, *_of(system))
        if system.name == "PyTorch":
            import torch

            try:
                found["torch.compile"] = _row("torch.compile", *_compiled(torch))
            except Exception as error:  # it lacks a C++ compiler, say
                print(f"torch.compile: {type(error).__name__}")
    return found


def table(document: str, renew: Callable[[], dict[str, str]] = rows) -> str:
    """The document with the rows as they are now; others stay."""
    head = ["| formula in | loss | gradient |", "| --- | --- | --- |"]
    match = TABLE.search(document)
    assert match is not None, "the document has lost the mark of its table"
    old = {line.split("|")[1].strip(): line for line in match[2].splitlines()[2:]}
    body = [*head, *(old | renew()).values()]
    return document[: match.start(2)] + "\n".join(body) + document[match.end(2) :]


if __name__ == "__main__":
    PAGE.write_text(table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print("\n".join(rows().values()))
