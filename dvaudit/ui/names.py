"""Names of reviewers, as people type them and as they are stored; no Streamlit."""

from __future__ import annotations

import unicodedata

from dvaudit.core.errors import SettingsError
from dvaudit.core.people import folded

LONGEST = 40
NOBODY = "no name"
_JOINERS = "\u200c\u200d"  # scripts and emoji need them; the other unseen ones disguise a name


def tidy(name: object) -> str:
    """Return a name given from outside in the form it is stored in; "" where it is none.

    Raises:
        SettingsError: a name over LONGEST letters, or with letters that cannot be seen.
    """
    if not isinstance(name, str):
        return ""
    found = unicodedata.normalize("NFC", " ".join(name.split()))
    if len(found) > LONGEST:
        raise SettingsError(
            f"The reviewer's name has {len(found)} letters; give one of {LONGEST} at most."
        )
    unseen = [letter for letter in found if _unseen(letter)]
    if unseen or (found and not folded(found)):
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in dict.fromkeys(unseen or found))
        raise SettingsError(
            f"The reviewer's name holds letters that cannot be seen ({codes}), such as control or "
            "direction marks; type it without them."
        )
    return found


def _unseen(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") and (
        letter not in _JOINERS
    )


def shown(name: str) -> str:
    """Return a reviewer's name for the screen, unescaped."""
    return name or NOBODY
