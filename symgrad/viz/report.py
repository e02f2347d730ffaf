"""The report: what each pass did, and what the compiled graph costs."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from symgrad.ir.graph import Graph
from symgrad.ir.size import Size
from symgrad.ops.loop import plain_trips
from symgrad.viz.outline import Outline
from symgrad.viz.work import bytes_of, evaluated, flops_of, peak

__all__ = ["PassReport", "Report"]


class Row(Protocol):
    """What the compiler records of a pass."""

    name: str
    nodes: int
    rules: Counter[str]
    seconds: float


@dataclass(frozen=True)
class PassReport:
    """One pass: nodes before and after, the rules that fired with their counts, seconds."""

    name: str
    before: int
    after: int
    rules: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Report:
    """What a compilation did and what its result costs; made by ``.report()``.

    Costs are ints, or formulas in the symbolic sizes that were not given.

    Parameters
    ----------
    passes : tuple of PassReport
    seconds : float
        Of all passes.
    forward_flops, backward_flops : int or Dim
    parameter_bytes : int or Dim
        Of parameters and states.
    intermediate_bytes : int or Dim
        Of every value between inputs and outputs that has memory of its own.
    peak_bytes : int or Dim
        Of the intermediate values and outputs that live at once, at the worst moment.
    sizes : dict of str to int
        The symbolic sizes that were put in.

    Examples
    --------
    >>> import symgrad as sg
    >>> x, w = sg.input("x", ("B", 64)), sg.param("w", (64, 32))
    >>> report = sg.compile((x @ w).sum()).report()
    >>> report.forward_flops, report.parameter_bytes
    (Dim('4128*B'), 16384)
    """

    passes: tuple[PassReport, ...]
    seconds: float
    forward_flops: Size
    backward_flops: Size
    parameter_bytes: Size
    intermediate_bytes: Size
    peak_bytes: Size
    sizes: dict[str, int]

    @property
    def flops(self) -> Size:
        """Of forward and backward together."""
        return self.forward_flops + self.backward_flops

    @property
    def rules(self) -> dict[str, int]:
        """Each rule that fired in any pass, with its count."""
        total: Counter[str] = Counter()
        for row in self.passes:
            total.update(row.rules)
        return dict(total.most_common())

    @classmethod
    def of(
        cls,
        declared: Graph,
        rows: Sequence[Row],
        compiled: Graph | None = None,
        sizes: dict[str, int] | None = None,
    ) -> Report:
        """The report of a compilation.

        Parameters
        ----------
        declared : Graph
        rows : list of PassRow
        compiled : Graph, optional
            The graph after the last pass, whose cost is reported; `declared` if None.
        sizes : dict of str to int, optional
            Values for symbolic sizes.
        """
        known = dict(sizes or {})
        passes = []
        before = len(declared)
        for row in rows:
            passes.append(PassReport(row.name, before, row.nodes, dict(row.rules), row.seconds))
            before = row.nodes
        outline = Outline(declared if compiled is None else compiled)
        forward: Size = 0
        backward: Size = 0
        for node in outline.order:
            if node in outline.backward:
                backward = backward + flops_of(node)
            else:
                forward = forward + flops_of(node)
        stored = [n for n in outline.order if n.op.name in ("param", "state")]
        between = [
            n for n in outline.order if n.args and not n.op.is_view(n) and n not in outline.labels
        ]
        outputs = list(outline.graph.outputs.values())
        return cls(
            tuple(passes),
            sum(row.seconds for row in rows),
            evaluated(forward, known),
            evaluated(backward, known),
            evaluated(bytes_of(stored), known),
            evaluated(bytes_of(between), known),
            evaluated(peak(outline.order, outputs, known), known),
            known,
        )

    def _costs(self) -> list[tuple[str, str]]:
        return [
            ("FLOPs forward", _amount(self.forward_flops)),
            ("FLOPs backward", _amount(self.backward_flops)),
            ("FLOPs", _amount(self.flops)),
            ("bytes of parameters", _amount(self.parameter_bytes)),
            ("bytes of intermediates", _amount(self.intermediate_bytes)),
            ("peak bytes", _amount(self.peak_bytes)),
            ("compile time", f"{self.seconds * 1e3:.1f} ms"),
            *([("sizes", ", ".join(f"{k}={v}" for k, v in self.sizes.items()))] * bool(self.sizes)),
        ]

    def _rows(self) -> list[tuple[str, str, str, str, str]]:
        return [
            (p.name, str(p.before), str(p.after), f"{p.seconds * 1e3:.2f}", _rules(p.rules))
            for p in self.passes
        ]

    def __str__(self) -> str:
        head = ("pass", "before", "after", "ms", "rules")
        table = [head, *self._rows()]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        lines = []
        for row in table:
            cells = [row[0].ljust(widths[0])]
            cells += [row[i].rjust(widths[i]) for i in range(1, 4)]
            lines.append("  ".join([*cells, row[4]]).rstrip())
        costs = self._costs()
        width = max(len(name) for name, _ in costs)
        lines += ["", *[f"{name.ljust(width)}  {value}" for name, value in costs]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """How a notebook shows it: two tables."""

        def cells(row: Sequence[str], tag: str = "td") -> str:
            return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in row)

        head = cells(("pass", "nodes before", "after", "ms", "rules"), "th")
        passes = "".join(f"<tr>{cells(row)}</tr>" for row in self._rows())
        costs = "".join(f"<tr>{cells(row)}</tr>" for row in self._costs())
        return f"<table><tr>{head}</tr>{passes}</table><table>{costs}</table>"

    def to_dict(self) -> dict[str, Any]:
        """Numbers, text for symbolic costs, lists and dicts: what JSON can hold."""
        return {
            "passes": [
                {
                    "name": p.name,
                    "before": p.before,
                    "after": p.after,
                    "rules": dict(p.rules),
                    "seconds": p.seconds,
                }
                for p in self.passes
            ],
            "rules": self.rules,
            "seconds": self.seconds,
            "flops": _plain(self.flops),
            "forward_flops": _plain(self.forward_flops),
            "backward_flops": _plain(self.backward_flops),
            "parameter_bytes": _plain(self.parameter_bytes),
            "intermediate_bytes": _plain(self.intermediate_bytes),
            "peak_bytes": _plain(self.peak_bytes),
            "sizes": dict(self.sizes),
        }


def _plain(size: Size) -> int | str:
    return size if isinstance(size, int) else plain_trips(str(size))


def _amount(size: Size) -> str:
    return f"{size:,}" if isinstance(size, int) else plain_trips(str(size))


def _rules(rules: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" if n > 1 else name for name, n in rules.items())
