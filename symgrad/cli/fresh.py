"""A saved model in an interpreter of its own, in which only NumPy can be imported."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.cli.errors import CommandError

__all__ = ["outputs_in_a_fresh_interpreter"]

Array = np.ndarray[Any, Any]

#: the interpreter starts isolated and without site-packages (-I -S); NumPy's folder is then put
#: on the path, and whatever else lies in it is refused
_SCRIPT = """
import importlib.util, sys

class OnlyNumPy:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "numpy" and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not NumPy", name=name)

packages, net, params, data, out = sys.argv[1:]
sys.meta_path.insert(0, OnlyNumPy())
sys.path.append(packages)
import numpy as np

spec = importlib.util.spec_from_file_location("net", net)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with np.load(params, allow_pickle=False) as p, np.load(data, allow_pickle=False) as d:
    found = module.predict(dict(p), **dict(d))
assert "symgrad" not in sys.modules
np.save(out, found, allow_pickle=False)
"""


def outputs_in_a_fresh_interpreter(net: Path, params: Path, data: Mapping[str, Array]) -> Array:
    """What ``predict`` of a saved model gives where symgrad cannot be imported.

    Parameters
    ----------
    net : Path
        The module that ``save`` wrote.
    params : Path
        An .npz file.
    data : dict of arrays
        By the names that ``predict`` gives them.
    """
    packages = Path(np.__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        inputs, out = Path(folder, "data.npz"), Path(folder, "out.npy")
        np.savez(inputs, allow_pickle=False, **data)
        arguments = [str(p) for p in (packages, net.resolve(), params.resolve(), inputs, out)]
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _SCRIPT, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode != 0:
            raise CommandError(f"{net} does not run by itself:\n{done.stderr.strip()}")
        found: Array = np.load(out, allow_pickle=False)
    return found
