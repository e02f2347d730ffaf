"""DOT becomes SVG, PNG or PDF, by the first renderer that is installed."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sysconfig

from symgrad.errors import CompileError

__all__ = ["SUFFIXES", "draw", "renderer"]

SUFFIXES = (".svg", ".png", ".pdf", ".dot")


def renderer() -> str | None:
    """The path of ``graphviz-pure``, else of a system ``dot``, else None."""
    scripts = sysconfig.get_path("scripts")
    return (
        shutil.which("graphviz-pure", path=scripts)
        or shutil.which("graphviz-pure")
        or shutil.which("dot")
    )


def draw(dot: str, form: str, dpi: int = 96) -> bytes:
    """Render DOT text.

    Parameters
    ----------
    dot : str
    form : {"svg", "png", "pdf"}
    dpi : int
        Resolution of a PNG.

    Raises
    ------
    CompileError
        If no renderer is installed, or the renderer refuses the text.
    """
    if form == "pdf":
        return _pdf(dot)
    program = renderer()
    if program is None:
        raise CompileError(
            f"a picture as {form} needs a renderer, and none is installed: "
            "pip install graphviz-pure, or install Graphviz so that `dot` is found; "
            "the suffix .dot needs none"
        )
    options = [f"-Gdpi={dpi}"] if form == "png" else []
    done = subprocess.run(
        [program, f"-T{form}", *options], input=dot.encode(), capture_output=True, check=False
    )
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or "no message"
        name = pathlib.Path(program).name
        raise CompileError(f"{name} could not draw the picture (exit {done.returncode}): {said}")
    return done.stdout


def _pdf(dot: str) -> bytes:
    try:
        import pygraphviz  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise CompileError(
            "a picture as pdf needs pygraphviz: pip install 'symgrad[pdf]'; "
            "without it, .svg, .png and .dot can be written"
        ) from None
    return bytes(pygraphviz.AGraph(string=dot).draw(format="pdf", prog="dot"))
