"""Settings of Sphinx: ``python -m sphinx docs docs/_build`` with the extra ``docs`` installed."""

import symgrad

project = "symgrad"
release = symgrad.__version__
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]  # as GitHub writes equations
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"symgrad {release}"
# links to examples/ lead to files outside the documentation
suppress_warnings = ["myst.xref_missing"]
