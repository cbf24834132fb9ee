"""Sphinx settings: MyST pages, Furo theme, the API from its docstrings."""

import mooring

project = "mooring"
author = "The mooring maintainers"
copyright = "2026, The mooring maintainers"
version = release = mooring.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

# The build asks nothing of the network, so what lies outside is not looked up; and
# napoleon takes the words before a colon in a property's docstring for its type.
# Of the standard library.
nitpick_ignore = [
    ("py:exc", "json.JSONDecodeError"),
    ("py:exc", "netrc.NetrcParseError"),
]
nitpick_ignore_regex = [("py:class", r".* .*")]

autodoc_member_order = "bysource"
# Signatures show the types; a second list of them under each method tells nothing.
autodoc_typehints = "none"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"mooring {release}"
