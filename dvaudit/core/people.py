"""Names of people, compared as people compare them."""

from __future__ import annotations

import unicodedata


def folded(name: str) -> str:
    """Return a name such that two spellings of one person's name are equal.

    Case, surrounding and repeated spaces, Unicode forms (NFKC) and characters without a glyph make
    no difference.
    """
    seen = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).casefold().split())
