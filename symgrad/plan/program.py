"""The Program: a list of statements over named storage, between a graph and its text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.ir.checks import Check
from symgrad.ir.graph import Graph
from symgrad.ir.node import Expr
from symgrad.ir.region import everything, regions
from symgrad.ir.size import Size
from symgrad.ops.loop import BLOCKS, Parts
from symgrad.plan.scalars import is_number

__all__ = ["Block", "Buffer", "Commit", "Compute", "Entry", "Loop", "Program", "Section"]


@dataclass(frozen=True)
class Buffer:
    """Memory that a function keeps between calls, for each thread and set of sizes."""

    index: int
    shape: tuple[Size, ...]
    dtype: np.dtype[Any]


@dataclass
class Entry:
    """What is to become one function.

    Parameters
    ----------
    name : str
    graph : Graph
        Simplified and lowered; its outputs are what the entry computes, in order.
    inputs : list of Expr
        Data, in the order of the function's arguments.
    params, states, slots : list of Expr
        Leaves that live in dictionaries of the caller's.
    commits : dict of Expr to Expr
        Leaf -> its new value, written in place at the end.
    residuals : list of Expr
        Nodes that the entry is given instead of computing them.
    seam : list of Expr
        Gradients that stand between backward and update: computed before any commit.
    groups : list of lists of Expr
        The leaves that are committed together, for each parameter.
    handed_on : set of str
        Labels of outputs that another entry is given: they may share the caller's memory.
    """

    name: str
    graph: Graph
    inputs: list[Expr]
    params: list[Expr] = field(default_factory=list)
    states: list[Expr] = field(default_factory=list)
    slots: list[Expr] = field(default_factory=list)
    commits: dict[Expr, Expr] = field(default_factory=dict)
    residuals: list[Expr] = field(default_factory=list)
    seam: list[Expr] = field(default_factory=list)
    groups: list[list[Expr]] = field(default_factory=list)
    checks: tuple[Check, ...] = ()
    #: numbers of the random draws in the declared model, the same in all its entries
    draws: dict[Expr, int] = field(default_factory=dict)
    #: scope -> the mathematics of what is declared in it
    equations: dict[str, str] = field(default_factory=dict)
    handed_on: set[str] = field(default_factory=set)
    #: in a side of a branch: parameter -> the leaf of the function that it stands for
    stands: dict[Expr, Expr] = field(default_factory=dict)

    def typed_seed(self) -> Expr | None:
        """The cotangent that backward is given, if a number of Python's will not do for it.

        A loop indexes what it carries; and where the loss is not float64, NumPy's number has the
        right dtype, while Python's takes that of what it meets.
        """
        if not self.residuals:
            return None
        seed = self.residuals[-1]
        numbers = {seed}
        for node in self.graph.nodes():
            if any([arg in numbers for arg in node.args]):
                if node.op in BLOCKS:
                    return seed
                if node.op.elementwise and not node.shape:
                    numbers.add(node)
        return None if seed.dtype == np.float64 else seed

    def nodes(self) -> list[Expr]:
        """All that the entry returns or commits, and what it is made of, bodies of loops too.

        What residuals are made of is the concern of the entry that made them.
        """
        outputs = [*self.graph.outputs.values(), *self.commits.values()]
        return everything(outputs, set(self.residuals).__contains__)


@dataclass
class Compute:
    """One statement: the value of `node`, with what is inlined into it.

    ``how`` is

    - ``"fresh"``: a new array or number, or a view;
    - ``"into"``: written into the kept `buffer`;
    - ``"reuse"``: written over `over`, an operand that nobody reads afterwards;
    - ``"update"``: `over` (or a copy, or what its own expression makes) is changed in place;
    - ``"commit"``: written into the caller's own array, the leaf `over`.

    A node that gives several arrays names them in `parts`; None for one that nobody reads.
    """

    node: Expr
    how: str = "fresh"
    buffer: Buffer | None = None
    over: Expr | None = None
    parts: tuple[Expr | None, ...] = ()

    @property
    def values(self) -> list[Expr]:
        """What the statement gives a name."""
        return [part for part in self.parts if part is not None] or [self.node]


@dataclass
class Block:
    """A loop or branch: a program for each of its regions, by the attribute that holds it.

    `parts` are its results; None for one that nobody reads, or that a side writes into the leaf
    that it is the new value of: `written` holds these.
    """

    node: Expr
    parts: tuple[Expr | None, ...]
    programs: dict[str, Program]
    #: part -> memory that is kept, for the values of all steps of a loop
    memory: dict[int, Buffer] = field(default_factory=dict)
    #: result -> leaf
    written: dict[Expr, Expr] = field(default_factory=dict)

    def lists(self, part: int) -> bool:
        """Whether the values of all steps are put into a list: numbers of Python's."""
        parts = Parts.of(self.node)
        return self.scalar and is_number((*parts.carry, *parts.rows)[part])

    @property
    def values(self) -> list[Expr]:
        """What the statement gives a name."""
        return [part for part in self.parts if part is not None]

    @property
    def scalar(self) -> bool:
        """Whether all of its programs are such of numbers, and it carries and gives numbers."""
        results = [out for _, region in regions(self.node) for out in region.outputs]
        return all(p.scalar for p in self.programs.values()) and all(map(is_number, results))


@dataclass
class Section:
    """A heading: the following statements belong to `scope`, forward or backward."""

    scope: str
    backward: bool
    title: str = ""


@dataclass
class Commit:
    """The new value of a leaf of the caller's, written into its own memory."""

    leaf: Expr
    node: Expr


@dataclass
class Loop:
    """The same update for several parameters, written once.

    ``columns`` are the leaves and values that differ, ``buffers`` the memory that they use: one
    tuple a column, an item a parameter. ``body`` is the update of the first.
    """

    columns: list[tuple[Expr, ...]]
    buffers: list[tuple[Buffer, ...]]
    body: list[Compute | Commit]


@dataclass
class Program:
    """Statements in order; which nodes have a name of their own; the buffers that are kept."""

    entry: Entry
    statements: list[Compute | Block | Section | Commit | Loop]
    materialised: set[Expr]
    buffers: list[Buffer]
    copies: set[str]
    kept: bool
    #: all that is computed are numbers: written in Python's own arithmetic
    scalar: bool = False
