"""Files -> Dataset and back."""

from dvaudit.readers.correction import write_corrected
from dvaudit.readers.formats import FORMATS
from dvaudit.readers.images import ArrayImages, FolderImages, ZipImages
from dvaudit.readers.loading import load
from dvaudit.readers.previewing import ColumnPreview, Preview, preview

__all__ = [
    "FORMATS",
    "ArrayImages",
    "ColumnPreview",
    "FolderImages",
    "Preview",
    "ZipImages",
    "load",
    "preview",
    "write_corrected",
]
