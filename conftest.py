"""Packages in which a function and its module share a name, as ``nn.dropout`` does.

To run the doctests of one file pytest imports it and, if its package was not imported before, puts
the module where the package has the function.
"""

import symgrad.init
import symgrad.loops
import symgrad.losses
import symgrad.nn
import symgrad.train  # noqa: F401
