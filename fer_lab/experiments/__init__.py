"""Experiments of the course: arms x seeds, each resumable, with a table and a figure."""
