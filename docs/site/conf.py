"""Sphinx's settings for the site; scripts/site lays out what it reads."""

import re

from docutils import nodes
from latex2mathml.converter import convert

import fer_utils

project = "fer_utils"
html_title = project
author, release = "fer_utils contributors", fer_utils.__version__
copyright = "2026, fer_utils contributors; text and figures CC BY 4.0, code MIT"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = ["*.md", "notebooks/*.ipynb", "docs/*.md", "docs/**/*.md", "api/*.rst"]
# Glossary and references go from # to ###, without a ##; two attributes may have one name.
suppress_warnings = ["myst.header", "ref.python"]
exclude_patterns = ["docs/teaching/slides/*"]
language = "en"

nb_execution_mode = "off"  # notebooks are shown as they ran
nb_merge_streams = True
nb_render_markdown_format = "myst"
nb_ipywidgets_js = {}  # explorers are mounted by mount.js; nothing is fetched
nb_code_prompt_show = "Show the solution as code"
nb_code_prompt_hide = "Hide the solution"
myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 6
myst_links_external_new_tab = False

default_role = "code"  # docstrings put code into single backticks
autodoc_default_options = {"exclude-members": "set"}  # matplotlib writes one into each artist
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css", "../explorers/pointer.css", "../explorers/matrix.css"]
html_js_files = [
    (f"../explorers/{name}.js", {"defer": "defer"}) for name in ("mount", "pointer", "matrix")
]
html_copy_source = False
html_show_search_summary = False  # it would fetch pages, which a page from a folder may not
html_show_sphinx = False
# Arrow keys belong to the explorers and to what scrolls; beside them one would leave the page.
html_theme_options = {"navigation_with_keys": False}
pygments_style, pygments_dark_style = "friendly", "monokai"


def math(translator, node):
    """Write a formula as MathML, which browsers draw by themselves."""
    translator.body.append(convert(node.astext(), display="inline"))
    raise nodes.SkipNode


def math_block(translator, node):
    """Write a formula on its own."""
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def escaped_star(found):
    """Leave code as it is; a star that is by itself gets a backslash."""
    return r"\*" if found[0] == "*" else found[0]


def plain_stars(app, what, name, thing, options, lines):
    """Keep the stars of docstrings, such as those of (*shape): none of them means emphasis."""
    lines[:] = [re.sub(r"`[^`]*`|\*", escaped_star, line) for line in lines]


def setup(app):
    """Tell Sphinx who writes formulas, and how docstrings are read."""
    app.connect("autodoc-process-docstring", plain_stars, priority=100)  # before napoleon
    app.add_html_math_renderer("mathml", (math, None), (math_block, None))
    app.config.html_math_renderer = "mathml"
