"""Examples of public functions that are compositions of ops, and have no op of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.op import FUNCTIONS, Example
from symgrad.ops.examples import joined, like_numpy, parts


def _put(x: Any, indices: Any, values: Any) -> Any:
    x = x.copy()
    np.put_along_axis(x, indices, values, axis=1)
    return x


INDEXED = {"dtypes": ("float64", "int64"), "domain": ((-2.0, 2.0), (0.0, 3.0))}


COMPOSITIONS: dict[str, tuple[Example, ...]] = {
    "array_split": (parts("array_split", ((7, 2),), 3), parts("array_split", ((2, 5),), 2, axis=1)),
    "atleast_1d": (like_numpy("atleast_1d", ((),)), like_numpy("atleast_1d", ((2, 3),))),
    "atleast_2d": (like_numpy("atleast_2d", ((),)), like_numpy("atleast_2d", ((3,),))),
    "broadcast_arrays": (
        Example(
            lambda x, y: FUNCTIONS["broadcast_arrays"](x, y)[1] * 2.0,
            lambda x, y: np.broadcast_arrays(x, y)[1] * 2.0,
            ((3, 4), (3, 1)),
        ),
    ),
    "column_stack": (joined("column_stack", (3,), (3, 2), (3,)),),
    "dot": (
        like_numpy("dot", ((3,), (3,))),
        like_numpy("dot", ((2, 3), (3,))),
        like_numpy("dot", ((2, 3), (3, 4))),
        like_numpy("dot", ((2, 3), (4, 3, 5))),
        like_numpy("dot", ((), (2, 3))),
    ),
    "flip": (
        like_numpy("flip", ((3, 4),)),
        like_numpy("flip", ((3, 4),), axis=-1),
        like_numpy("flip", ((2, 3, 4),), axis=(0, 2)),
    ),
    "fliplr": (like_numpy("fliplr", ((3, 4),)),),
    "flipud": (like_numpy("flipud", ((3, 4),)),),
    "full_like": (
        Example(
            lambda x: x * FUNCTIONS["full_like"](x, 2.5),
            lambda x: x * np.full_like(x, 2.5),
            ((3, 4),),
        ),
    ),
    "hsplit": (parts("hsplit", ((3, 4),), 2), parts("hsplit", ((6,),), 3)),
    "hstack": (joined("hstack", (3,), (4,)), joined("hstack", (3, 1), (3, 2))),
    "identity": (
        Example(lambda x: x @ FUNCTIONS["identity"](3), lambda x: x @ np.identity(3), ((2, 3),)),
    ),
    "inner": (
        like_numpy("inner", ((3,), (3,))),
        like_numpy("inner", ((2, 3), (4, 3))),
        like_numpy("inner", ((2, 3), ())),
    ),
    "moveaxis": (
        like_numpy("moveaxis", ((2, 3, 4),), 0, -1),
        like_numpy("moveaxis", ((2, 3, 4, 5),), (0, 1), (-1, -2)),
    ),
    "ones_like": (
        Example(
            lambda x: x + FUNCTIONS["ones_like"](x), lambda x: x + np.ones_like(x), ((3, 4),)
        ),
    ),
    "outer": (
        like_numpy("outer", ((2,), (3,))),
        like_numpy("outer", ((2, 3), (4,))),
    ),
    "positive": (like_numpy("positive", ((3, 4),)),),
    "put_along_axis": (
        # one index a row: what is written twice has no derivative that differences could see
        Example(
            lambda x, i, v: FUNCTIONS["put_along_axis"](x, i, v, axis=1, inplace=False),
            _put,
            ((3, 4), (3, 1), (3, 1)),
            dtypes=("float64", "int64", "float64"),
            domain=((-2.0, 2.0), (0.0, 4.0), (-2.0, 2.0)),
        ),
    ),
    "ravel": (like_numpy("ravel", ((2, 3),)), like_numpy("ravel", ((),))),
    "roll": (
        like_numpy("roll", ((3, 4),), 1),
        like_numpy("roll", ((3, 4),), -2, axis=1),
        like_numpy("roll", ((3, 4),), (1, 5), axis=(0, 1)),
    ),
    "split": (
        parts("split", ((6, 2),), 3),
        parts("split", ((2, 7),), (2, 3), axis=1),
        parts("split", ((5,),), (-1,)),
    ),
    "take": (
        like_numpy("take", ((3, 4), (2,)), axis=0, **INDEXED),
        like_numpy("take", ((4, 3), (2, 5)), axis=-1, **INDEXED),
        like_numpy("take", ((3, 4), (5,)), **INDEXED),
    ),
    "take_along_axis": (
        like_numpy("take_along_axis", ((3, 4), (2, 4)), axis=0, **INDEXED),
        like_numpy("take_along_axis", ((4, 3), (4, 2)), axis=-1, **INDEXED),
    ),
    "tensordot": (
        like_numpy("tensordot", ((2, 3, 4), (3, 4, 5))),
        like_numpy("tensordot", ((2, 3, 4), (4, 2, 5)), axes=((0, 2), (1, 0))),
        like_numpy("tensordot", ((2,), (3,)), axes=0),
    ),
    "trace": (
        like_numpy("trace", ((3, 3),)),
        like_numpy("trace", ((2, 3, 4),), offset=1, axis1=1, axis2=2),
        like_numpy("trace", ((3, 4),), offset=-1),
    ),
    "vdot": (like_numpy("vdot", ((3,), (3,))), like_numpy("vdot", ((2, 3), (2, 3)))),
    "vsplit": (parts("vsplit", ((4, 3),), 2),),
    "vstack": (joined("vstack", (3,), (3,)), joined("vstack", (1, 3), (2, 3))),
    "zeros_like": (
        Example(
            lambda x: x + FUNCTIONS["zeros_like"](x), lambda x: x + np.zeros_like(x), ((3, 4),)
        ),
    ),
}  # fmt: skip
