"""FILE:NAME: a user's file is run, and what it declared under a name is compiled."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import symgrad as sg
from symgrad.cli.errors import CommandError
from symgrad.model.function import Function
from symgrad.model.model import Model

__all__ = [
    "Compiled",
    "compiled",
    "declared",
    "described",
    "found_in",
    "is_foreign",
    "load",
    "located",
    "users_errors",
]

Compiled = Function | Model

#: frames of these folders are not the user's
_FOREIGN = tuple(
    str(Path(folder).resolve())
    for folder in (
        str(Path(str(sg.__file__)).parent),
        *[sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")],
    )
)


def declared(target: str) -> Any:
    """The expression, Function or Model that FILE:NAME means.

    Parameters
    ----------
    target : str
        ``"net.py:loss"``. A function is called without arguments.

    Raises
    ------
    CommandError
    """
    path, name = located(target)
    return found_in(load(path), path, name)


def located(target: str) -> tuple[Path, str]:
    """The file and the name of FILE:NAME."""
    file, colon, name = target.rpartition(":")
    if not colon or not file or not name:
        raise CommandError(f"expected FILE:NAME, such as net.py:loss; got {target!r}")
    return Path(file), name


def found_in(module: ModuleType, path: Path, name: str) -> Any:
    """The expression, Function or Model that a name means in a file that has been run."""
    try:
        found = getattr(module, name)
    except AttributeError:
        usable = [n for n, v in vars(module).items() if isinstance(v, (sg.Expr, Function, Model))]
        known = f"; it has {', '.join(usable)}" if usable else ""
        raise CommandError(f"{path} has no {name!r}{known}") from None
    if inspect.isroutine(found):
        with users_errors(path, f"{name}() of {path}"):
            inspect.signature(found).bind()  # a function that needs arguments says which
            found = found()
    if not isinstance(found, (sg.Expr, Function, Model)):
        raise CommandError(
            f"{name!r} in {path} is {described(found)}; expected an expression, a compiled "
            "Function or Model, or a function without arguments that returns one"
        )
    return found


def compiled(target: str, style: str | None = None) -> Compiled:
    """What FILE:NAME means, compiled.

    An expression of shape () with parameters becomes a model, any other a function of its
    inputs and parameters.
    """
    found = declared(target)
    name = target.rpartition(":")[2]
    if isinstance(found, (Function, Model)):
        if style is not None:
            raise CommandError(
                f"{name!r} is compiled already, so --style has no say: give style={style!r} where "
                "it is compiled, or name the expression"
            )
        return found
    leaves = _leaves(found)
    if found.shape == () and any(leaf.op.name == "param" for leaf in leaves):
        model: Model = sg.compile(found, style=style or "fast")
        return model
    function: Function = sg.function(leaves, found, style=style or "fast", name=name)
    return function


def described(value: Any) -> str:
    """What a value is, for a message."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__}"
    return f"of type {type(value).__name__}"


def _leaves(root: sg.Expr) -> list[sg.Expr]:
    """Inputs, parameters and states below an expression, in the order of its arguments."""
    found: dict[sg.Expr, None] = {}
    seen = {root}
    pending = [root]
    while pending:
        node = pending.pop()
        if not node.args and node.op.identity and "name" in node.attrs:
            found[node] = None
        for arg in reversed(node.args):
            if arg not in seen:
                seen.add(arg)
                pending.append(arg)
    return list(found)


def load(path: Path) -> ModuleType:
    """Run a user's file as a module; what it prints goes to stderr, its folder to ``sys.path``.

    Raises
    ------
    CommandError
        If there is no such file, or it raises: with the user's own lines of the traceback.
    """
    if not path.is_file():
        raise CommandError(f"no such file: {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    if spec is None or spec.loader is None:
        raise CommandError(f"not a Python file: {path}")
    module = importlib.util.module_from_spec(spec)
    previous = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # pickles and dataclasses look their module up
    try:
        with users_errors(path, str(path)):
            spec.loader.exec_module(module)
    except CommandError:
        del sys.modules[path.stem]
        raise
    finally:
        if previous is not None:  # a file called numpy.py must not replace NumPy
            sys.modules[path.stem] = previous
    return module


@contextlib.contextmanager
def users_errors(path: Path, what: str) -> Iterator[None]:
    """An exception of the user's code becomes one message, without the lines of others."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        raise CommandError(f"{what} exited with {error.code!r}") from None
    except Exception as error:
        raise CommandError(f"{what} raised\n{_users_traceback(error, path)}") from None


def _users_traceback(error: BaseException, path: Path) -> str:
    """The traceback without the frames of libraries and of symgrad itself."""
    own = str(path.resolve())
    stack = traceback.StackSummary()
    for frame, line in traceback.walk_tb(error.__traceback__):
        if _is_users(frame, own):
            code = frame.f_code
            stack.append(traceback.FrameSummary(code.co_filename, line, code.co_name))
    lines = ["Traceback (your lines):\n", *stack.format()] if stack else []
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def _is_users(frame: FrameType, own: str) -> bool:
    file = frame.f_code.co_filename
    if file == own:
        return True
    return not is_foreign(file)


def is_foreign(file: str) -> bool:
    """Whether a file is of a library, of Python or of symgrad, and not the user's."""
    return file.startswith(("<", *_FOREIGN))
