"""Files -> Dataset and back."""

from dvaudit.readers.correction import write_corrected
from dvaudit.readers.formats import FORMATS, read_bytes
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
    "read_bytes",
    "write_corrected",
]
