"""The entry of a generated function: its arguments checked, sizes bound, labels in range."""

from __future__ import annotations

from symgrad.emit.literals import quoted
from symgrad.emit.printer import Context
from symgrad.errors import CompileError
from symgrad.ir.aval import format_shape
from symgrad.ir.node import Expr
from symgrad.ir.size import Dim, dim, symbols_in
from symgrad.ops.labels import Within
from symgrad.ops.loop import trips
from symgrad.plan.program import Entry

__all__ = ["Signature"]


class Signature:
    """Prints the statements that bind inputs, parameters and sizes of an entry."""

    def __init__(self, entry: Entry, context: Context) -> None:
        self.entry = entry
        self.context = context
        self.lines: list[str] = []
        self.bound: set[str] = set()
        self.later: dict[Expr, Within] = {}  # labels of an axis whose size parameters decide
        given = set(entry.residuals)  # what they are is settled: their sizes need no names
        parts = [(n.shape, *n.attrs.values()) for n in entry.nodes() if n not in given]
        self.needed = symbols_in(*parts, *((c.left, c.right) for c in entry.checks))

    def inputs(self, bounds: dict[Expr, Within]) -> list[str]:
        """Check and bind data, then sizes that it decides, then labels."""
        for x in self.entry.inputs:
            name = self.context.leaf_names[x]
            self.context.use("_array")
            self.lines.append(
                f"{name} = _array({quoted(str(x.attrs['name']))}, {name}, np.{_dtype(x)}, "
                f'{x.ndim}, "{format_shape(x.shape)}")'
            )
        self._sizes(self.entry.inputs)
        self.later = self._labels(bounds)
        return self.lines

    def sizes_of(self, leaves: list[Expr]) -> list[str]:
        """Bind the sizes that parameters decide."""
        self.lines = []
        self._sizes(leaves)
        return self.lines

    def _sizes(self, leaves: list[Expr]) -> None:
        for x in leaves:  # sizes that stand alone decide first
            self._bind(x, alone=True)
        for x in leaves:
            self._bind(x, alone=False)
        for x in leaves:
            if x.op.name == "input" and x.shape:
                self.context.use("_sized")
                name = self.context.leaf_names[x]
                text = format_shape(x.shape)
                if all(s in self.bound for d in x.shape if isinstance(d, Dim) for s in d.symbols):
                    self.lines.append(
                        f'_sized({quoted(str(x.attrs["name"]))}, {name}, {text}, "{text}")'
                    )
            elif any(isinstance(d, Dim) for d in x.shape):
                self.context.use("_sized")
                name = self.context.leaf_names[x]
                text = format_shape(x.shape)
                self.lines.append(
                    f'_sized({quoted(str(x.attrs["name"]))}, {name}, {text}, "{text}")'
                )

    def _bind(self, x: Expr, alone: bool) -> None:
        name = self.context.leaf_names[x]
        for axis, size in enumerate(x.shape):
            if not isinstance(size, Dim):
                continue
            new = [s for s in size.symbols if s not in self.bound]
            if len(new) != 1 or (alone and str(size) != new[0]):
                continue
            solved = size.solve(f"{name}.shape[{axis}]", self.bound)
            if solved is not None:
                symbol, source = solved
                self.bound.add(symbol)
                self.lines.append(f"{symbol} = {source}")

    def _labels(self, bounds: dict[Expr, Within]) -> dict[Expr, Within]:
        """Check labels; what is given back needs sizes that are not known yet."""
        later = {}
        for x, (size, mark, lengths) in bounds.items():
            if not symbols_in(size) <= self.bound:
                later[x] = bounds[x]
                continue
            name = self.context.leaf_names[x]
            self.context.use("_within")
            looked_at = name if mark is None else f"np.where({name} == {mark}, 0, {name})"
            if lengths is not None:
                inside = f"np.arange({name}.shape[1]) < {self.context.leaf_names[lengths]}[:, None]"
                looked_at = f"np.where({inside}, {name}, 0)"
            self.lines.append(f"_within({quoted(str(x.attrs['name']))}, {looked_at}, {size})")
        return later

    def checks(self) -> list[str]:
        """What could not be proved of sizes at declaration, and labels that waited for a size."""
        self.lines = lines = []
        self._labels(self.later)
        for check in dict.fromkeys(self.entry.checks):
            symbols = {
                s
                for part in (check.left, check.right)
                if isinstance(part, Dim)
                for s in part.symbols
            }
            if not symbols <= self.bound:
                continue
            self.context.use("_require")
            text = f"{check.left} {check.relation} {check.right}"
            message = f"{check.reason}: {text} must hold"
            values = ", ".join(f"{s} = {{{s}}}" for s in sorted(symbols))
            message = message.replace("{", "(").replace("}", ")")
            lines.append(f"_require({text}, f{message + '; got ' + values!r})")
        missing = {size for size in self.needed - self.bound if not trips(dim(size))}
        if missing:
            known = ", ".join(str(x.attrs["name"]) for x in self.entry.inputs)
            raise CompileError(
                f"{self.entry.name}: the size {sorted(missing)[0]!r} is not decided by the shape "
                f"of any input ({known or 'there are none'})"
            )
        return lines


def _dtype(x: Expr) -> str:
    return "bool_" if x.dtype.kind == "b" else x.dtype.name
