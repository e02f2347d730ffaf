"""Functions and methods of NumPy that expressions cannot have, and what to use instead."""

from __future__ import annotations

__all__ = ["ABSENT", "METHODS", "advice"]

_IN_PLACE = "it changes its argument, and expressions are immutable; use "
_SIZE = "the size of its result depends on values, which a static graph does not know; "
_VALUE = "an expression has no values before the compiled function is called; "
_MEMORY = "an expression has no memory before the compiled function is called"

#: name -> why it is absent, and what does the same
ABSENT: dict[str, str] = {
    "copyto": f"{_IN_PLACE}x = sg.where(mask, values, x)",
    "putmask": f"{_IN_PLACE}x = sg.where(mask, values, x)",
    "place": f"{_IN_PLACE}x = sg.where(mask, values, x)",
    "put": f"{_IN_PLACE}x = x.at[index].set(values)",
    "fill_diagonal": f"{_IN_PLACE}x = x.at[sg.diag_indices(n)].set(values)",
    "as_strided": f"{_MEMORY}; use sg.sliding_window_view",
    "shares_memory": _MEMORY,
    "may_share_memory": _MEMORY,
    "trim_zeros": f"{_SIZE}use a slice",
    "save": f"{_VALUE}compile it with sg.function and save the result",
    "savetxt": f"{_VALUE}compile it with sg.function and save the result",
    "unique": f"{_SIZE}sg.sort puts equal elements side by side, sg.bincount counts integers",
    "unique_all": f"{_SIZE}sg.sort puts equal elements side by side",
    "unique_counts": f"{_SIZE}sg.bincount counts integers",
    "unique_inverse": f"{_SIZE}sg.searchsorted finds elements in an array of known values",
    "unique_values": f"{_SIZE}sg.sort puts equal elements side by side",
    "union1d": f"{_SIZE}sg.concatenate and sg.sort keep all elements",
    "intersect1d": f"{_SIZE}sg.isin(x, y) is the mask of the elements of x that are in y",
    "setdiff1d": f"{_SIZE}sg.isin(x, y, invert=True) is the mask of the elements not in y",
    "setxor1d": f"{_SIZE}sg.isin gives the masks of what is in one and not in the other",
}

#: name of a method of arrays -> why it is absent, and what does the same
METHODS: dict[str, str] = {
    "sort": f"{_IN_PLACE}x = sg.sort(x)",
    "partition": f"{_IN_PLACE}x = sg.sort(x)",
    "fill": f"{_IN_PLACE}sg.full_like(x, value)",
    "put": f"{_IN_PLACE}x = x.at[index].set(values)",
    "resize": f"{_IN_PLACE}x = sg.resize(x, shape)",
    "setflags": f"{_IN_PLACE}sg.const for what is constant",
    "item": f"{_VALUE}keep it an expression, or compile it with sg.function",
    "tolist": f"{_VALUE}keep it an expression, or compile it with sg.function",
    "tobytes": f"{_VALUE}compile it with sg.function",
    "tofile": f"{_VALUE}compile it with sg.function",
    "view": f"{_MEMORY}; use x.astype(dtype)",
    "byteswap": f"{_MEMORY}; use x.astype(dtype)",
}


def advice(name: str) -> str:
    """What to add to a message that there is no function `name`; empty, if nothing is known."""
    return f": {ABSENT[name]}" if name in ABSENT else ""
