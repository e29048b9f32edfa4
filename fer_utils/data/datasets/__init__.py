"""The data sets, one module each: its card, how its files lie on disk, how it is opened.

A module ends with its ``DATASET`` (a `fer_utils.data.catalog.Dataset`). Most of them have
``scan(root, **options) -> DatasetIndex``, which reads names and label files and opens no picture;
those whose faces have one form only have ``load(root, **options) -> FaceSet``. What several need
stands in `fer_utils.data._tree` (folders and names) and `fer_utils.data.splits.draw` (the papers'
splits). To add a data set, write its module and put its name here.
"""

__all__ = ["EMBEDDED", "NAMES"]

#: The data set that comes with the kit.
EMBEDDED = "facs3d"

#: All of them, in the order in which they are shown.
NAMES = (
    EMBEDDED, "fer2013", "ferplus", "ckplus", "jaffe", "kdef", "ferg", "rafdb", "rafd", "sfew",
    "amfed", "folder",
)  # fmt: skip
