"""Builds the web site: notebooks as run, the guide, the glossary, every docstring, explorers.

    python -m scripts.site

The pages need no network and no server: they open from the folder they are written to.
"""
