"""doctor: what it says of the BLAS, the settings, the dependencies."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from symgrad.cli import blas, doctor
from symgrad.cli.blas import Blas
from tests.cli.conftest import Command

AVX512 = ["X86_V2", "X86_V3", "X86_V4"]
AVX2 = ["X86_V2", "X86_V3"]


def openblas(core: str, threads: int = 4) -> Blas:
    return Blas("openblas", "0.3.31", core=core, threads=threads)


@pytest.mark.parametrize(
    ("found", "features", "environment", "advice"),
    [
        (openblas("SkylakeX"), AVX512, {}, []),
        (openblas("Cooperlake"), AVX512, {"OMP_NUM_THREADS": "4"}, []),
        (openblas("Haswell"), AVX2, {}, []),
        (openblas("Zen"), AVX2, {}, []),
        (openblas("neoversen1"), ["NEON", "ASIMD"], {}, []),
        (Blas("accelerate", ""), ["NEON"], {}, []),
        (
            openblas("Haswell"),
            AVX512,
            {"OPENBLAS_CORETYPE": "Haswell"},
            ["unset OPENBLAS_CORETYPE (it is 'Haswell')", "AVX-512, and OpenBLAS runs the kernel"],
        ),
        (openblas("SkylakeX"), AVX512, {"OPENBLAS_L2_SIZE": "262144"}, ["unset OPENBLAS_L2_SIZE"]),
        (openblas("Haswell"), AVX512, {}, ["a newer NumPy may know this CPU"]),
        (openblas("Nehalem"), AVX2, {}, ["AVX2, and OpenBLAS runs the kernel Nehalem"]),
        (
            openblas("Zen", 1),
            AVX2,
            {"OMP_NUM_THREADS": "1"},
            ["unset OMP_NUM_THREADS: BLAS uses 1 of 4"],
        ),
        (openblas("Zen", 2), AVX2, {}, ["set OPENBLAS_NUM_THREADS: BLAS uses 2 of 4"]),
        (openblas("Zen", 64), AVX2, {}, ["set OPENBLAS_NUM_THREADS=4: BLAS starts 64 threads"]),
    ],
)
def test_advice(
    found: Blas, features: list[str], environment: dict[str, str], advice: list[str]
) -> None:
    given = blas.advice(found, features, 4, environment)
    assert len(given) == len(advice)
    for text, expected in zip(given, advice, strict=True):
        assert expected in text


def test_the_library_is_the_one_that_numpy_multiplies_with() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    np.eye(2) @ np.eye(2)
    pools = [p for p in threadpoolctl.threadpool_info() if p["internal_api"] == "openblas"]
    ours = [p for p in pools if "numpy" in p["filepath"]]
    if not ours:
        pytest.skip("NumPy brings no OpenBLAS here")
    found = blas.inspect()
    assert found.path is not None and os.path.samefile(found.path, ours[0]["filepath"])
    assert found.core == ours[0]["architecture"]
    assert found.threads == ours[0]["num_threads"]


def test_a_forced_kernel_is_seen() -> None:
    if (blas.inspect().core or "").lower() not in (*blas.AVX512_KERNELS, *blas.AVX2_KERNELS):
        pytest.skip("not an x86-64 with OpenBLAS")
    script = "from symgrad.cli import blas; print(blas.inspect().core)"
    forced = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "OPENBLAS_CORETYPE": "Nehalem"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert forced.stdout == "Nehalem\n"


def test_gemm_measures_both_precisions() -> None:
    rates = blas.gemm(os.environ)
    assert set(rates) == {"float64", "float32"}
    assert all(0.01 < rate < 1e6 for rate in rates.values())


def test_doctor_prints_an_examination(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "gemm", lambda environment: {"float64": 10.0, "float32": 20.0})
    monkeypatch.delenv("OPENBLAS_L2_SIZE", raising=False)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    ran = command("doctor")
    assert (ran.status, ran.err) == (0, "")
    assert f"numpy            {np.__version__}" in ran.out
    assert re.search(r"as it is set +float64 10 GFLOP/s, float32 20 GFLOP/s", ran.out)
    assert "without OPENBLAS_CORETYPE" in ran.out
    assert "unset OPENBLAS_CORETYPE" in ran.out
    assert "picture          drawn" in ran.out


def test_doctor_exits_with_1_if_something_is_missing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blas, "gemm", lambda environment: {})
    monkeypatch.setattr(doctor, "REQUIRED", ("numpy", "no-such-package-at-all"))
    ran = command("doctor")
    assert ran.status == 1
    assert "Missing: no-such-package-at-all. pip install no-such-package-at-all" in ran.out
