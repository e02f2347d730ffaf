"""The picture of a graph: forward and backward in one drawing."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any

from symgrad.errors import CompileError
from symgrad.ir.graph import Graph
from symgrad.ops.loop import plain_trips
from symgrad.viz.diagram import diagram
from symgrad.viz.dot import dot_text
from symgrad.viz.outline import Outline
from symgrad.viz.render import SUFFIXES, draw, renderer

if TYPE_CHECKING:
    import networkx

__all__ = ["Picture"]

DETAILS = ("names", "ops")


class Picture:
    """A graph that can be drawn; a notebook shows it by itself.

    Values flow down, gradients up beside them; what the user declared in a scope stands in a
    frame. With ``detail="names"`` there is a box for what has a name or is used more than once,
    with its formula; with ``detail="ops"`` one for each operation. Above 400 boxes, scopes are
    folded into one box each.

    Parameters
    ----------
    graph : Graph

    Examples
    --------
    >>> import symgrad as sg
    >>> x = sg.input("x", ("B", 3))
    >>> picture = sg.function([x], sg.tanh(x * 2)).graph
    >>> picture
    <Picture of 4 nodes>
    >>> "tanh(x * 2)" in picture.dot()
    True
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __repr__(self) -> str:
        return f"<Picture of {len(self._graph)} nodes>"

    def dot(self, detail: str = "names", legend: bool = True) -> str:
        """The drawing in the DOT language: the same bytes for the same declaration.

        Parameters
        ----------
        detail : {"names", "ops"}
        legend : bool
            Whether to say what colours and arrows mean.
        """
        if detail not in DETAILS:
            raise CompileError(f"detail: expected 'names' or 'ops'; got {detail!r}")
        return dot_text(diagram(self._graph, detail), legend)

    def svg(self, detail: str = "names", legend: bool = True) -> str:
        """The drawing as an ``<svg>`` element."""
        text = draw(self.dot(detail, legend), "svg").decode()
        return text[text.index("<svg") :]

    def render(
        self,
        path: str | os.PathLike[str],
        detail: str = "names",
        legend: bool = True,
        dpi: int = 96,
    ) -> pathlib.Path:
        """Write the drawing to a file, in the format that its suffix names.

        Parameters
        ----------
        path : path
            Ends with ``.svg``, ``.png``, ``.pdf`` or ``.dot``.
        detail : {"names", "ops"}
        legend : bool
        dpi : int
            Resolution of a PNG.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        CompileError
            If the suffix is another, or what renders it is not installed.

        Examples
        --------
        >>> import pathlib, tempfile, symgrad as sg
        >>> x = sg.input("x", ())
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "flow.svg"
        >>> sg.function([x], sg.exp(x)).graph.render(path).name
        'flow.svg'
        """
        where = pathlib.Path(path)
        suffix = where.suffix.lower()
        if suffix not in SUFFIXES:
            raise CompileError(
                f"render: expected a path that ends with {', '.join(SUFFIXES)}; got {str(path)!r}"
            )
        text = self.dot(detail, legend)
        where.write_bytes(text.encode() if suffix == ".dot" else draw(text, suffix[1:], dpi))
        return where

    def to_networkx(self) -> networkx.DiGraph[str]:
        """Every node of the graph, for algorithms and other formats.

        Nodes ``"n0"``, ``"n1"``, ... stand in the order of the walk and have the attributes
        ``op``, ``name`` (or None), ``shape`` (ints, and text for symbolic sizes), ``dtype``,
        ``scope``, ``backward`` and ``outputs`` (labels). An edge has ``position``, the first
        place among the arguments where the value is read, and ``positions``, all of them.

        Examples
        --------
        >>> import symgrad as sg
        >>> x = sg.input("x", ("B",))
        >>> g = sg.function([x], x @ x).graph.to_networkx()
        >>> g.nodes["n0"]["name"], g.nodes["n0"]["shape"], g.edges["n0", "n1"]["positions"]
        ('x', ('B',), (0, 1))
        """
        import networkx

        outline = Outline(self._graph)
        graph: networkx.DiGraph[str] = networkx.DiGraph()
        for node, i in outline.index.items():
            graph.add_node(
                f"n{i}",
                op=node.op.name,
                name=outline.names.get(node),
                shape=tuple([s if isinstance(s, int) else plain_trips(str(s)) for s in node.shape]),
                dtype=node.dtype.name,
                scope=outline.scopes[node],
                backward=node in outline.backward,
                outputs=tuple(outline.labels.get(node, ())),
            )
            places: dict[int, tuple[int, ...]] = {}
            for position, arg in enumerate(node.args):
                tail = outline.index[arg]
                places[tail] = (*places.get(tail, ()), position)
            for tail, positions in places.items():
                graph.add_edge(f"n{tail}", f"n{i}", position=positions[0], positions=positions)
        return graph

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if renderer() is not None:
            bundle["image/svg+xml"] = self.svg()
        return bundle

    def _repr_svg_(self) -> str | None:
        return self.svg() if renderer() is not None else None
