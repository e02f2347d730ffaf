"""All public names of NumPy: each is supported, NumPy's own, or absent for a reason."""

from __future__ import annotations

import importlib
import inspect
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import symgrad as sg
import symgrad.numpy as snp
from symgrad.ir.op import FUNCTIONS, NAMESPACES
from symgrad.numpy.names import ABSENCES, OWN

assert "sum" in dir(snp)  # which fills the registry

SPACES: dict[str, ModuleType] = {"": np, "linalg": np.linalg, "fft": np.fft}


def original(space: str, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(SPACES[space], name)


def view(space: str) -> ModuleType:
    return importlib.import_module(f"symgrad.numpy.{space}" if space else "symgrad.numpy")


def registered(space: str) -> set[str]:
    if space:
        return set(NAMESPACES[space])
    modules = {name for name in dir(np) if isinstance(original("", name), ModuleType)}
    return set(FUNCTIONS) - modules


NAMES = [
    (space, name)
    for space, module in SPACES.items()
    for name in sorted(dir(module))
    if not name.startswith("_") and (space, name) not in (("", "linalg"), ("", "fft"))
]
if "linalg" not in SPACES:
    NAMES = [n for n in NAMES if n[1] not in {"cross", "kron", "matvec", "vecdot", "vecmat"}]
SUPPORTED = [(space, name) for space, name in NAMES if name in registered(space)]


def test_there_is_much_to_sort() -> None:
    assert len(NAMES) > 450
    assert len(SUPPORTED) > 250


@pytest.mark.parametrize(("space", "name"), NAMES)
def test_every_name_has_one_class(space: str, name: str) -> None:
    classes = {
        "supported": name in registered(space),
        "NumPy's own": name in OWN[space],
        "absent": name in ABSENCES[space],
    }
    assert [c for c, holds in classes.items() if holds], f"np.{space}.{name} is unclassified"
    assert sum(classes.values()) == 1, classes
    module = view(space)
    if classes["absent"]:
        reason = ABSENCES[space][name]
        with pytest.raises(AttributeError) as caught:
            getattr(module, name)
        assert str(caught.value).endswith(f"has no {name!r}: {reason}")
        assert name not in dir(module)
    else:
        found = getattr(module, name)
        assert name in dir(module)
        assert (found is original(space, name)) == classes["NumPy's own"]
        if classes["supported"] and (not space or name not in FUNCTIONS):
            assert found is (getattr(getattr(sg, space), name) if space else FUNCTIONS[name])


@pytest.mark.skipif("linalg" not in SPACES, reason="reasons name functions of linalg")
def test_reasons_name_what_there_is() -> None:
    """What a reason says to use, in place of what is absent, exists."""
    for reasons in ABSENCES.values():
        for name, reason in reasons.items():
            for word in reason.replace("(", " ").replace(",", " ").replace(";", " ").split():
                if word.startswith("sg."):
                    target: Any = sg
                    for part in word.removeprefix("sg.").rstrip(".:").split("."):
                        assert hasattr(target, part), f"{name}: {word}"
                        target = getattr(target, part)


def test_what_numpy_has_not_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"that has no .softmax.; use sg\.softmax"):
        snp.softmax  # noqa: B018
    with pytest.raises(AttributeError, match=r"has no .summ.$"):
        snp.summ  # noqa: B018
    with pytest.raises(AttributeError, match="has no function 'sine'"):
        sg.special.sine  # noqa: B018
    assert set(dir(snp)) <= set(dir(np))


# ---- signatures

#: (namespace, name) -> why it takes more arguments by position than NumPy's does
LONGER = {
    ("", "arange"): "the dtype, as in NumPy before 2.4",
    ("linalg", "tensordot"): "it is the function of np.tensordot",
}
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
#: arguments about memory, which no function has
MEMORY = {"out", "order", "subok", "like", "device", "casting", "copy", "where", "overwrite_input"}


def parameters(fn: Any) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(fn).parameters)
    except (TypeError, ValueError):
        return None


@pytest.mark.parametrize(("space", "name"), SUPPORTED)
def test_signature_is_that_of_numpy(space: str, name: str) -> None:
    """Each argument that both have, by position or by name, is called and placed as NumPy's is."""
    numpys, ours = parameters(original(space, name)), parameters(getattr(view(space), name))
    assert ours is not None
    if numpys is None or isinstance(original(space, name), np.ufunc):
        ufunc = original(space, name)
        if isinstance(ufunc, np.ufunc):
            required = [p for p in ours.values() if p.default is p.empty and p.kind in POSITIONAL]
            assert len(required) == ufunc.nin
        return
    if any(p.kind is p.VAR_POSITIONAL for p in [*numpys.values(), *ours.values()]):
        return
    theirs = [p for p in numpys.values() if p.kind in POSITIONAL]
    mine = [p for p in ours.values() if p.kind in POSITIONAL]
    for index, parameter in enumerate(mine):
        if index >= len(theirs):
            assert (space, name) in LONGER, f"{parameter.name} is one more than NumPy has"
            continue
        if theirs[index].kind is not inspect.Parameter.POSITIONAL_ONLY:
            assert parameter.name == theirs[index].name, f"argument {index}"
    required = [p.name for p in ours.values() if p.default is p.empty and p.kind in POSITIONAL]
    needed = [p.name for p in theirs if p.default is p.empty]
    assert len(required) <= len(needed), f"{required}, where NumPy requires {needed}"
    for parameter in ours.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.name in numpys:
            before = [p.name for p in theirs]
            if parameter.name in before:  # by name alone only after one that is about memory
                earlier = before[: before.index(parameter.name)]
                assert MEMORY & set(earlier) or parameter.name in MEMORY, parameter.name


@pytest.mark.parametrize(("space", "name"), SUPPORTED)
def test_help_is_of_use(space: str, name: str) -> None:
    text = inspect.getdoc(getattr(view(space), name))
    assert text
    assert len(text.splitlines()[0]) > 3
