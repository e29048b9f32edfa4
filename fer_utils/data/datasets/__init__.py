"""How the files of each data set lie on disk: one module per data set.

Each module has ``scan(root, **options) -> Listing``, which reads names and label files and opens no
picture, and ``SIZE``, the side in pixels to which pictures are resized unless another is asked for.
What two modules need stands in `tree` (folders and names) and `protocols` (the papers' splits).
"""

#: The data sets that are read through a Listing.
NAMES = ("ckplus", "jaffe", "kdef", "ferg", "rafdb", "rafd", "sfew", "amfed", "folder")
