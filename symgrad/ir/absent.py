"""Functions of NumPy that expressions cannot have, and what to use instead."""

from __future__ import annotations

__all__ = ["ABSENT", "advice"]

_IN_PLACE = "it changes its argument, and expressions are immutable; use "
_SIZE = "the size of its result depends on values, which a static graph does not know; "

#: name -> why it is absent, and what does the same
ABSENT: dict[str, str] = {
    "copyto": f"{_IN_PLACE}x = sg.where(mask, values, x)",
    "putmask": f"{_IN_PLACE}x = sg.where(mask, values, x)",
    "place": f"{_IN_PLACE}x = sg.where(mask, values, x)",
    "put": f"{_IN_PLACE}x = x.at[index].set(values)",
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


def advice(name: str) -> str:
    """What to add to a message that there is no function `name`; empty, if nothing is known."""
    return f": {ABSENT[name]}" if name in ABSENT else ""
