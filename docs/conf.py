"""The site: sphinx-build -W docs docs/_build, after pip install -e ".[docs]"."""

import pathlib
import sys

DOCS = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_extensions")]

import nanogan  # noqa: E402  once it can be found

project = "nanogan"
author = copyright = "nanogan contributors"
release = version = nanogan.__version__
html_title = "nanogan"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton", "mathml", "repository", "docstrings", "words"]
exclude_patterns = ["_build", "jupyter_execute", "**.ipynb_checkpoints", "_extensions", "_static"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"  # they are run by the tests; the pages show what is stored in them
nb_merge_streams = True
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]
nitpicky = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
autodoc_mock_imports = ["pytest"]  # of which grading is a plug-in; the site does without
autodoc_preserve_defaults = True
add_module_names = False
python_use_unqualified_type_names = True

html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["nanogan.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "a11y-light", "github-dark-high-contrast"  # those whose comments can be read
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#a3195b", "color-brand-content": "#a3195b"},
    "dark_css_variables": {"color-brand-primary": "#f48fb1", "color-brand-content": "#f48fb1"},
    "navigation_with_keys": True,
}
