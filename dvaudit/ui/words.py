"""Numbers, times and other people's text, ready for the screen."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from dvaudit.core.words import count as count

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$^=&])")
# Streamlit's Markdown looks for these once more in text whose escapes are resolved: shortcodes of
# icons and emoji, addresses of the web and of mail, and arrows and signs it draws as one letter.
_BROKEN_AT = re.compile(
    r":(?=[\w+-][\w+/-]*:)"
    r"|(?<=http):(?=//)|(?<=https):(?=//)|(?<=www)\."
    r"|(?<=[\w.+-])@(?=[\w-])"
    r"|[<-](?=-)|-(?=>)|[<>~](?==)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Escape Markdown, so that a file name or a class name is shown as it is written.

    Unescaped, it could load a remote picture, take another colour or be a link. A letter without
    which no pattern is left stands in a coloured text without a colour: a plain span, which is
    neither seen nor copied.
    """
    line = " ".join(text.split())
    shown, done = [], 0
    for found in _BROKEN_AT.finditer(line):
        shown.append(_escaped(line[done : found.start()]) + f":color[{_escaped(found[0])}]{{}}")
        done = found.end()
    return "".join([*shown, _escaped(line[done:])])


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def shortened(text: str, longest: int) -> str:
    """Return a name in `longest` letters; cut in the middle, as names often begin alike."""
    if len(text) <= longest:
        return text
    last = (longest - 1) // 2
    return f"{text[: longest - 1 - last].rstrip()}…{text[-last:].lstrip()}"


def duration(seconds: float) -> str:
    """Return "less than 1 s", "40 s", "3 min", "1 h 5 min"."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago an aware time was: "just now", "5 min ago", "3 d ago"."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    for step, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= step:
            return f"{int(seconds // step)} {unit} ago"
    raise AssertionError(seconds)
