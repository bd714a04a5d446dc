"""The exception tree: each message says what, how many, which, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable


class DvauditError(Exception):
    """Any refusal dvaudit makes on purpose; the CLI prints it as one line and exits with 2."""


class UnreadableInputError(DvauditError):
    """A file or folder that no reader can turn into a dataset."""


class MissingSourceError(UnreadableInputError):
    """The file or folder that holds the samples is gone, so none of them can be read."""


class UnsuitableDataError(DvauditError):
    """Readable data that a method or feature extractor cannot work on."""


class SettingsError(DvauditError):
    """An unknown setting, or a value outside its bounds."""


class ResourceError(DvauditError):
    """The work does not fit in this machine's memory or on its device."""


class MissingDependencyError(DvauditError):
    """An optional library is absent, or does not work with the rest of the installation."""


class NumericalError(DvauditError):
    """A factorisation or solve failed beyond what a bounded, reported repair may mend."""


class ConflictError(DvauditError):
    """Somebody else changed the same sample first."""


class NotFoundError(DvauditError):
    """A dataset, run or sample that is not in the workspace."""


def some(items: Iterable[object], limit: int = 3) -> str:
    """Return the first `limit` items as text, with a count of the rest, for use in a message."""
    listed = [str(item) for item in items]
    shown = ", ".join(listed[:limit])
    rest = len(listed) - limit
    return f"{shown} and {rest:,} more" if rest > 0 else shown
