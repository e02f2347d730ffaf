"""What is done to loops and branches as wholes: merged, pruned, relieved of work."""

from symgrad.loops.steps import unmasked
from symgrad.loops.tidy import tidy
from symgrad.loops.trails import with_trails

__all__ = ["tidy", "unmasked", "with_trails"]
