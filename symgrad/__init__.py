"""symgrad: mathematics compiled to NumPy source, forward and backward.

A model is declared as a static expression graph; the compiler derives its gradient, keeps it
stable, and generates source that a person can read, keep and ship. See ``docs/``.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: public name -> module that holds it; loaded when first asked for, so that import is cheap
_HOMES = {
    "symgrad.errors": (
        "CheckpointError",
        "CompileError",
        "DTypeError",
        "DeclarationError",
        "ExpressionUseError",
        "GradientMismatch",
        "NonFiniteError",
        "ShapeError",
        "SymgradError",
    ),
    "symgrad.ir.node": ("Expr", "as_expr"),
    "symgrad.ir.size": ("Dim", "dim"),
    "symgrad.ir.config": ("config",),
    "symgrad.ir.dtypes": ("default_dtype",),
    "symgrad.ir.provenance": ("scope",),
    "symgrad.model.declare": (
        "const",
        "input",
        "name",
        "param",
        "state",
        "training",
        "update",
    ),
    "symgrad.model.trace": ("Spec", "leaves", "spec", "subexpressions", "trace"),
    "symgrad.model.control": ("cond", "map", "scan", "while_loop"),
    "symgrad.model.jacobian": (
        "gauss_newton",
        "hessian",
        "jacobian",
        "taylor",
    ),
    "symgrad.model.sparse": ("sparse_hessian", "sparse_jacobian"),
    "symgrad.ops.sparse": ("SparseExpr",),
    "symgrad.model.custom": ("custom_jvp", "custom_vjp", "implicit"),
    "symgrad.model.objective": ("Objective", "objective"),
    "symgrad.model.grad": ("grad", "hvp", "jvp", "value_and_grad", "vjp"),
    "symgrad.model.arrays": ("load_arrays", "save_arrays"),
    "symgrad.model.checking": ("check_gradients",),
    "symgrad.model.function": ("Function", "function"),
    "symgrad.model.model": ("Model", "compile"),
    "symgrad.autodiff.along_axis": ("apply_along_axis",),
    "symgrad.model.sympy_door": ("from_sympy", "to_sympy"),
    "symgrad.model.lambdify": ("Lambdified", "lambdify"),
    "symgrad.model.formula": ("FormulaFunction", "elementwise"),
    "symgrad.autodiff.vmap": ("vmap",),
}
_LAZY = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = {
    "init": "symgrad.init",
    "losses": "symgrad.losses",
    "optim": "symgrad.optim",
    "train": "symgrad.train",
    "nn": "symgrad.nn",
    "numpy": "symgrad.numpy",
    "linalg": "symgrad.numpy.linalg",
    "fft": "symgrad.numpy.fft",
    "special": "symgrad.special",
    "random": "symgrad.ops.random",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value: Any = importlib.import_module(_MODULES[name])
    elif name in _LAZY:
        importlib.import_module("symgrad.ops")
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name.startswith("_"):
        raise AttributeError(f"module 'symgrad' has no attribute {name!r}")
    else:
        importlib.import_module("symgrad.ops")
        from symgrad.ir.absent import advice
        from symgrad.ir.op import FUNCTIONS

        if name not in FUNCTIONS:
            raise AttributeError(f"module 'symgrad' has no attribute {name!r}" + advice(name))
        value = FUNCTIONS[name]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    importlib.import_module("symgrad.ops")
    from symgrad.ir.op import FUNCTIONS

    return sorted({*globals(), *_LAZY, *_MODULES, *FUNCTIONS})
