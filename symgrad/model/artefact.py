"""What every compiled object gives: source, a file, a picture, equations, a report."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any

from symgrad.ir.graph import Graph
from symgrad.model.passes import PassRow

if TYPE_CHECKING:
    from symgrad.viz.picture import Picture
    from symgrad.viz.report import Report

__all__ = ["Artefact"]


class Artefact:
    """The part of ``Function`` and ``Model`` that shows and saves what was compiled."""

    @property
    def source(self) -> str:
        """The generated source, all of it."""
        raise NotImplementedError

    @property
    def _declared_graph(self) -> Graph:
        """The graph as it was declared."""
        raise NotImplementedError

    def _pictured(self) -> Graph:
        """The graph that pictures and equations show: simplified, its compositions whole."""
        raise NotImplementedError

    def _planned(self) -> Graph:
        """The graph that became source, for its costs."""
        raise NotImplementedError

    def _pass_rows(self) -> list[PassRow]:
        """What each pass did."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Write the source as a module that needs NumPy and nothing else.

        Only where it calls functions of ``sg.special`` that NumPy cannot express does it import
        SciPy too; its first lines say so.

        Returns
        -------
        pathlib.Path
            Of the file.

        Examples
        --------
        >>> import tempfile, pathlib, symgrad as sg
        >>> x = sg.input("x", ())
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "f.py"
        >>> sg.function([x], sg.exp(x), name="f").save(path).name
        'f.py'
        """
        target = pathlib.Path(path)
        target.write_text(self.source, encoding="utf-8")
        return target

    @property
    def graph(self) -> Picture:
        """The graph, forward and backward: ``.dot()``, ``.render(path)``, ``.to_networkx()``."""
        from symgrad.viz.picture import Picture

        return Picture(self._pictured())

    def latex(self) -> str:
        """Each named value and gradient as an equation."""
        from symgrad.viz.equations import latex

        return latex(self._pictured())

    def report(self, **sizes: int) -> Report:
        """Nodes before and after each pass, rules fired, FLOPs, bytes, compile time.

        Parameters
        ----------
        **sizes : int
            Values for symbolic sizes; costs are formulas in the others.
        """
        from symgrad.viz.report import Report

        return Report.of(self._declared_graph, self._pass_rows(), self._planned(), sizes)

    def _repr_html_(self) -> str:
        """How a notebook shows it: picture and source."""
        import html

        return f"{self.graph.svg()}<pre>{html.escape(self.source)}</pre>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}
