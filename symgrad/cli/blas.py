"""The BLAS that NumPy uses: which library and kernel, how many threads, how fast."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["SETTINGS", "Blas", "advice", "available_cpus", "cpu", "gemm", "inspect"]

#: what may stand in an environment, and what a value there does
SETTINGS = {
    "OPENBLAS_CORETYPE": "forces OpenBLAS to use one kernel, whatever the CPU has",
    "OPENBLAS_L2_SIZE": "overrides the cache size from which OpenBLAS chooses its blocks",
    "OPENBLAS_NUM_THREADS": "fixes the number of threads of OpenBLAS",
    "OMP_NUM_THREADS": "fixes the number of threads, of OpenBLAS too",
    "MKL_NUM_THREADS": "fixes the number of threads of MKL",
    "VECLIB_MAXIMUM_THREADS": "fixes the number of threads of Accelerate",
}
FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")

#: kernels of OpenBLAS for CPUs with AVX-512; on such a CPU, all others leave half of it idle
AVX512_KERNELS = ("skylakex", "cooperlake", "sapphirerapids", "graniterapids", "zen4", "zen5")
#: kernels of OpenBLAS for x86-64 CPUs that have AVX2 and fused multiply-add, but no AVX-512
AVX2_KERNELS = ("haswell", "zen")


@dataclass(frozen=True)
class Blas:
    """What the BLAS in this process says of itself; None for what it does not tell.

    Attributes
    ----------
    name, version : str
        As NumPy was built.
    path : str or None
        The library in this process.
    config, core : str or None
        OpenBLAS's own account, and the kernel that it picked when it was loaded.
    threads : int or None
    """

    name: str
    version: str
    path: str | None = None
    config: str | None = None
    core: str | None = None
    threads: int | None = None


def inspect() -> Blas:
    """Ask NumPy how it was built, and the library itself what it runs on."""
    built = _numpy_config().get("Build Dependencies", {}).get("blas", {})
    name, version = str(built.get("name", "unknown")), str(built.get("version", ""))
    for path in _libraries():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        core = _ask(library, "openblas_get_corename", ctypes.c_char_p)
        if core is not None:
            config = _ask(library, "openblas_get_config", ctypes.c_char_p)
            threads = _ask(library, "openblas_get_num_threads", ctypes.c_int)
            return Blas(name, version, path, " ".join(config.split()), core, threads)
    return Blas(name, version, threads=_threads_by_threadpoolctl())


def _numpy_config() -> dict[str, Any]:
    found: Any = np.show_config(mode="dicts")
    return dict(found)


def _libraries() -> list[str]:
    """Libraries in this process, or beside NumPy, that may be OpenBLAS."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            mapped = {line.split(maxsplit=5)[-1].strip() for line in maps if "blas" in line}
        if mapped:
            return sorted(mapped, key=lambda path: ("numpy" not in path, path))
    except OSError:
        pass
    package = Path(np.__file__).parent  # wheels bring it along
    folders = (package.parent / "numpy.libs", package / ".dylibs")
    return [str(p) for folder in folders if folder.is_dir() for p in sorted(folder.glob("*blas*"))]


def _ask(library: ctypes.CDLL, function: str, kind: Any) -> Any:
    """Call a function without arguments, under whichever name this build gives it."""
    for prefix in ("", "scipy_"):
        for suffix in ("64_", "", "_64", "64"):
            found = getattr(library, f"{prefix}{function}{suffix}", None)
            if found is not None:
                found.restype, found.argtypes = kind, []
                value = found()
                return value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return None


def _threads_by_threadpoolctl() -> int | None:
    try:
        from threadpoolctl import threadpool_info  # type: ignore[import-untyped]
    except ImportError:
        return None
    pools = [pool for pool in threadpool_info() if pool.get("user_api") == "blas"]
    return int(pools[0]["num_threads"]) if pools else None


def cpu() -> tuple[str, list[str]]:
    """The processor's name, and the instruction sets that NumPy has found in it."""
    import platform

    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        name = names[0] if names else name
    except OSError:
        pass
    simd = _numpy_config().get("SIMD Extensions", {})
    return name, [*simd.get("baseline", []), *simd.get("found", [])]


def available_cpus() -> int:
    """CPUs that this process may use: fewer than there are in a container, say."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        if quota != "max":
            count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return count


def advice(blas: Blas, features: list[str], cpus: int, environment: Mapping[str, str]) -> list[str]:
    """What to change, and why; nothing if all is well.

    Examples
    --------
    >>> from symgrad.cli.blas import Blas, advice
    >>> forced = Blas("openblas", "0.3.31", core="Haswell", threads=2)
    >>> for text in advice(forced, ["X86_V4"], 2, {"OPENBLAS_CORETYPE": "Haswell"}):
    ...     print(text.partition(":")[0])
    unset OPENBLAS_CORETYPE (it is 'Haswell')
    this CPU has AVX-512, and OpenBLAS runs the kernel Haswell without it
    """
    found = [
        f"unset {name} (it is {environment[name]!r}): it {SETTINGS[name]}"
        for name in FORCED
        if environment.get(name)
    ]
    wide = any(f == "X86_V4" or f.startswith("AVX512") for f in features)
    core = (blas.core or "").lower()
    if core and wide and core not in AVX512_KERNELS:
        found.append(
            f"this CPU has AVX-512, and OpenBLAS runs the kernel {blas.core} without it"
            + ("" if environment.get("OPENBLAS_CORETYPE") else ": a newer NumPy may know this CPU")
        )
    elif core and not wide and {"X86_V3", "AVX2"} & set(features) and core not in AVX2_KERNELS:
        found.append(f"this CPU has AVX2, and OpenBLAS runs the kernel {blas.core} without it")
    if blas.threads is not None and blas.threads < cpus:
        setters = [name for name in THREADS if environment.get(name)]
        remedy = f"unset {' and '.join(setters)}" if setters else "set OPENBLAS_NUM_THREADS"
        found.append(
            f"{remedy}: BLAS uses {blas.threads} of {cpus} CPUs, which is right only where "
            "several processes share them"
        )
    if blas.threads is not None and blas.threads > cpus:
        found.append(
            f"set OPENBLAS_NUM_THREADS={cpus}: BLAS starts {blas.threads} threads, this process "
            f"may use {cpus} CPUs, and threads that wait for one another are slow"
        )
    return found


#: run in an interpreter of its own: BLAS reads its environment once, when it is loaded
_GEMM = """
import json, time
import numpy as np
n, found = 768, {}
for dtype in ("float64", "float32"):
    a = np.random.default_rng(0).random((n, n)).astype(dtype)
    out = a @ a
    best, end = float("inf"), time.perf_counter() + 0.25
    while time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        best = min(best, time.perf_counter() - start)
    found[dtype] = 2 * n**3 / best / 1e9
print(json.dumps(found))
"""


def gemm(environment: Mapping[str, str]) -> dict[str, float]:
    """GFLOP/s of a matrix product of 768 x 768, by dtype, in an environment."""
    done = subprocess.run(
        [sys.executable, "-c", _GEMM],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return dict(json.loads(done.stdout))
