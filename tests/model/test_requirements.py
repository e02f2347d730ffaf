"""Source that needs more than NumPy: what it imports, what it says, and what happens without."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.special

import symgrad as sg
from symgrad.errors import CompileError
from symgrad.ir.imports import bound_names, imported
from symgrad.ir.op import NAMESPACES, OPS
from symgrad.ops.interpret import evaluate

#: runs where SciPy cannot be imported
WITHOUT_SCIPY = """
import sys
sys.modules["scipy"] = None
import numpy as np
import symgrad as sg
x = sg.input("x", (3,))
y = sg.special.gamma(x) + sg.special.jv(2, x)
dy = sg.grad(y.sum(), x)
print(y.shape, dy.dtype)
try:
    sg.function([x], y)([1.0, 2.0, 3.0])
except sg.CompileError as error:
    print(error)
f = sg.function([x], sg.grad((sg.special.gammaln(x) + sg.special.log_ndtr(x)).sum(), x))
print(np.isfinite(f([1.0, 2.0, 3.0])).all())
"""


def test_the_source_imports_scipy_only_where_it_calls_it() -> None:
    x = sg.input("x", ("B",))
    with_scipy = sg.function([x], sg.special.gamma(x))
    assert "from scipy import special" in with_scipy.source
    assert "It needs NumPy and SciPy." in with_scipy.source.split('"""')[1]
    alone = sg.function([x], sg.special.gammaln(x))
    assert "scipy" not in alone.source.lower()


def test_a_model_says_so_too() -> None:
    x, w = sg.input("x", ("B",)), sg.param("w", (), init=1.5)
    made = sg.compile(sg.special.gamma(w * x).sum(), optimizer=sg.optim.SGD(0.1))
    document = made.source.split('"""')[1]
    assert "It needs NumPy and SciPy." in document and "\n\n\n" not in document
    params = made.init()
    loss, grads = made.value_and_grad(params, x=np.array([1.0, 2.0]))
    assert loss == pytest.approx(scipy.special.gamma([1.5, 3.0]).sum(), rel=1e-14)
    expected = (scipy.special.gamma([1.5, 3]) * scipy.special.psi([1.5, 3]) * [1, 2]).sum()
    assert grads["w"] == pytest.approx(expected, rel=1e-13)


def test_a_saved_file_runs_by_itself(tmp_path: Path) -> None:
    x = sg.input("x", (3,))
    path = sg.function([x], sg.grad(sg.special.k0e(x).sum(), x), name="f").save(tmp_path / "net.py")
    spec = importlib.util.spec_from_file_location("net", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    point = np.array([0.5, 1.5, 1e6])
    expected = scipy.special.k0e(point) - scipy.special.k1e(point)
    np.testing.assert_allclose(module.f(point), expected, rtol=1e-9)


def test_without_scipy_declaring_works_and_calling_says_what_to_install() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIPY], capture_output=True, text=True, check=True
    )
    shape, message, alone = run.stdout.splitlines()
    assert shape == "(3,) float64"
    assert "scipy" in message and "pip install symgrad[special]" in message
    assert alone == "True"


def test_the_interpreter_says_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    from symgrad.ir import imports
    from symgrad.ops import interpret

    imports._executed.cache_clear()
    interpret._compiled.cache_clear()
    x = sg.input("x", ())
    with pytest.raises(CompileError, match=r"needs scipy.*pip install symgrad\[special\]"):
        evaluate([sg.special.ndtri(x)], {x: 0.25})
    imports._executed.cache_clear()


@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("name", ["special", "scipy", "gammaln", "horner", "LOG_GAMMA"])
def test_no_name_of_the_user_hides_what_is_imported(name: str, style: str) -> None:
    x = sg.input(name, (2,))
    h = sg.name(sg.special.gamma(x), name)
    made = sg.function([x], h * h + sg.special.gammaln(h), name=name, style=style)
    value = scipy.special.gamma([1.5, 4.0])
    got = made([1.5, 4.0])
    np.testing.assert_allclose(got, value**2 + scipy.special.gammaln(value), rtol=1e-14)


def test_what_a_statement_binds() -> None:
    assert bound_names("import numpy as np, scipy.special") == ("np", "scipy")
    assert bound_names("from scipy import special, linalg as la") == ("special", "la")
    assert imported(("from scipy import special",)) == {"special": scipy.special}
    for op in OPS.values():
        for statement in op.imports():
            assert bound_names(statement) == ("sparse" if op.name == "csr" else "special",)


#: ufuncs with one argument before the array
_ONE_BEFORE = [
    "jv",
    "yv",
    "iv",
    "ive",
    "kv",
    "kve",
    "gammainc",
    "gammaincc",
    "xlogy",
    "xlog1py",
    "beta",
    "betaln",
    "poch",
    "binom",
    "stdtr",
    "chdtr",
    "chdtrc",
    "boxcox",
    "boxcox1p",
    "inv_boxcox",
    "inv_boxcox1p",
    "huber",
    "pseudo_huber",
    "rel_entr",
    "kl_div",
    "gammaincinv",
    "gammainccinv",
    "stdtrit",
    "hyp0f1",
]
#: ufuncs of SciPy with other arguments than one array
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    name: (0.5,)
    for name in _ONE_BEFORE
} | {
    "jn": (2,), "kn": (2,), "yn": (2,), "expn": (2,), "betainc": (1.5, 2.5), "betaincc": (1.5, 2.5),
    "betaincinv": (1.5, 2.5), "gdtr": (1.0, 2.0), "gdtrc": (1.0, 2.0), "fdtr": (3.0, 4.0),
    "fdtrc": (3.0, 4.0), "hyp2f1": (0.5, 1.5, 2.5), "hyp1f1": (0.5, 1.5), "hyperu": (0.5, 1.5),
}  # fmt: skip
UFUNCS = [
    name
    for name in NAMESPACES["special"]
    if isinstance(getattr(scipy.special, name, None), np.ufunc)
]


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs_of_scipy_take_expressions(name: str) -> None:
    """``scipy.special.<name>`` of an expression is ``sg.special.<name>``, and has its value."""
    x = sg.input("x", (2,))
    before, ufunc = ARGUMENTS.get(name, ()), getattr(scipy.special, name)
    made = ufunc(*before, x)
    assert made is NAMESPACES["special"][name](*before, x) or isinstance(made, tuple)
    point = np.array([0.3, 0.6]) - (1 if name in ("ndtri_exp",) else 0)
    parts, wanted = (v if isinstance(v, tuple) else (v,) for v in (made, ufunc(*before, point)))
    for part, want in zip(parts, wanted, strict=True):
        np.testing.assert_allclose(evaluate([part], {x: point})[0], want, rtol=1e-13)


def test_python_functions_of_scipy_that_end_in_a_ufunc() -> None:
    x = sg.input("x", (2,))
    assert scipy.special.zeta(2.0, x) is sg.special.zeta(2.0, x)
    assert scipy.special.zeta(x) is sg.special.zeta(x)
    assert scipy.special.lambertw(x) is sg.special.lambertw(x)
    assert scipy.special.softplus(x) is not None


def test_python_functions_of_scipy_name_where_the_others_are() -> None:
    x = sg.input("x", (2,))
    for call in (
        lambda: scipy.special.polygamma(1, x),
        lambda: scipy.special.logsumexp(x),
        lambda: scipy.special.multigammaln(x, 2),
        lambda: scipy.special.comb(5, x),
    ):
        with pytest.raises(sg.ExpressionUseError, match=r"sg\.special"):
            call()
    with pytest.raises(sg.ExpressionUseError, match="struve is not available"):
        scipy.special.struve(0.5, x)


def test_the_namespace() -> None:
    assert sg.special.gammaln is sg.gammaln
    assert sg.special.softmax is not sg.softmax
    assert sg.special.expit is sg.sigmoid and sg.psi is sg.digamma
    with pytest.raises(AttributeError, match=r"symgrad\.special"):
        sg.special.nothing  # noqa: B018
    assert "special" in dir(sg)
