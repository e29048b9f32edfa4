"""Experiments of the course: arms x seeds, each resumable, with a table and a figure."""

__all__ = [
    "architectures",
    "deep_parts",
    "first_layers",
    "leakage",
    "recipe_parts",
    "table_one",
    "training_parts",
]
