"""Colouring of sparse matrices: columns that share no row are found by one product."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

__all__ = ["columns_coloured", "symmetric_coloured"]

Array = np.ndarray[Any, Any]


def columns_coloured(rows: Array, columns: Array, count: int) -> Array:
    """A colour for each of `count` columns, so that no two of one colour meet in a row.

    References
    ----------
    A. H. Gebremedhin, F. Manne, A. Pothen, *What Color Is Your Jacobian?*, SIAM Review 47 (2005)
    """
    import networkx as nx

    graph: Any = nx.Graph()
    graph.add_nodes_from(range(count))
    in_row: dict[int, list[int]] = defaultdict(list)
    for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
        in_row[r].append(c)
    for members in in_row.values():
        graph.add_edges_from([(a, b) for i, a in enumerate(members) for b in members[i + 1 :]])
    found = nx.greedy_color(graph, strategy="smallest_last")
    return np.array([found[i] for i in range(count)], np.int64)


def symmetric_coloured(rows: Array, columns: Array, count: int) -> Array:
    """A star colouring: of a symmetric matrix, each entry is found in one column or the other.

    No two neighbours have one colour, and no path of four has two: Gebremedhin et al., section 4.
    """
    near: list[set[int]] = [set() for _ in range(count)]
    for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
        if r != c:
            near[r].add(c)
            near[c].add(r)
    colour = [-1] * count
    for v in sorted(range(count), key=lambda i: (-len(near[i]), i)):
        forbidden: set[int] = set()
        for w in near[v]:
            if colour[w] < 0:
                forbidden.update([colour[x] for x in near[w] if colour[x] >= 0])
                continue
            forbidden.add(colour[w])
            for x in near[w]:
                if x != v and colour[x] >= 0:
                    others = near[x] - {w}
                    if any([colour[y] == colour[w] for y in others]):
                        forbidden.add(colour[x])
        free = 0
        while free in forbidden:
            free += 1
        colour[v] = free
    return np.array(colour, np.int64)
