"""One sample at a time, decided by keyboard; see index.js and outbox.js for how
no key is lost, body.js for what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from dvaudit.ui.components.files import source

_SCRIPTS = ("../pack", "../reviewer/kept", "who", "labels", "body", "refusal", "outbox", "index")
_review = st.components.v2.component(
    "dvaudit_review",
    html=source(__file__, "index.html"),
    css=source(__file__, "index.css"),
    js="".join(source(__file__, f"{name}.js") for name in _SCRIPTS),
)


@dataclass(frozen=True)
class Near:
    """A neighbour of a sample; `same` when its label is the sample's given one."""

    position: int
    name: str
    label: str | None
    same: bool


@dataclass(frozen=True)
class Lost:
    """A verdict that was not stored, as the sample was judged elsewhere meanwhile.

    Attributes:
        text: what happened, one line.
        verdict, label, resolves: the verdict, to be repeated by one key.
        version: of the sample now.
    """

    position: int
    text: str
    verdict: str
    label: str | None
    version: int
    resolves: bool


@dataclass(frozen=True)
class Item:
    """One sample to review.

    Attributes:
        rank: its place in the order of suspicion, in words.
        verdict: the stored verdict ({"verdict", "label"}), None where there is none.
        counted: its verdict moves the progress.
        conflict: reviewers differ on it, and a verdict here settles that.
        opinions: who said what of it, in words; None where only this reviewer has, or where it
            would sway a second opinion.
        image: address of the original picture, None for rows.
        pack: address of the neighbours' thumbnails, in the order of `neighbours`; None for rows.
        version: of the sample in the verdict log, which goes with a verdict on it.
        keys: classes of the keys 1 to 9 on this sample, in full and short; None where the
            shortcuts of the window count.
    """

    position: int
    name: str
    given: str | None
    suggestion: str | None
    reason: str
    rank: str
    verdict: Mapping[str, str | None] | None
    counted: bool
    conflict: bool = False
    opinions: str | None = None
    neighbours: Sequence[Near] = ()
    image: str | None = None
    pack: str | None = None
    version: int = 0
    keys: Sequence[tuple[str, str]] | None = None


@dataclass(frozen=True)
class Window:
    """The part of the queue that the browser holds, and what belongs to it.

    Attributes:
        outbox: names the dataset in the browser's storage, where events wait until they are
            acknowledged; a later visit, in whatever tab, sends what was left there.
        ack: ids of the events that were applied or refused; the browser forgets them.
        before, more: the queue goes on before the first or after the last item.
        done, total: reviewed and all samples that count.
        counts: what `done` of `total` are, in words.
        classes: class names, None for regression, where labels are numbers.
        shortcuts: (key, label) pairs.
        columns, rows: for tables, the column names, and the cells of each position in `items`
            and their neighbours.
        jump: {"number", "position"}; the browser goes to the position when the number is new.
        error: the last refusal, one line.
        note: what else there is to say of the last events, one line.
        overtaken: verdicts that were not stored for newer ones.
        undoable: this reviewer has a verdict from before that can be taken back.
        reviewer: the name that goes with each event.
        named: `reviewer` is what was said in this session, be it nobody. Otherwise the name that
            the browser kept goes with each event; Python learns of it by another way, later.
        personal: the queue is another one for each reviewer.
        queue: names the queue; another one begins at its first sample to judge.
    """

    items: Sequence[Item]
    outbox: str
    ack: Sequence[str]
    before: bool
    more: bool
    done: int
    total: int
    classes: Sequence[str] | None
    shortcuts: Sequence[tuple[str, str]]
    columns: Sequence[str] = ()
    rows: Mapping[int, Sequence[str]] | None = None
    counts: str = "reviewed"
    jump: Mapping[str, int] | None = None
    error: str | None = None
    note: str | None = None
    overtaken: Sequence[Lost] = ()
    undoable: bool = False
    reviewer: str = ""
    named: bool = False
    personal: bool = False
    queue: str = ""


def review(window: Window, *, key: str, on_events: Callable[[], None]) -> None:
    """Draw the review of `window`.

    `on_events` runs when events arrive; they lie in `st.session_state[key]["events"]`: the whole
    outbox each time, so those that are acknowledged may come again and are to be skipped.
    """
    data = asdict(window)
    data["rows"] = {str(position): cells for position, cells in (window.rows or {}).items()}
    _review(key=key, data=data, on_events_change=on_events)


def shortcuts(classes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the number key of each class: its own digit where classes are digits, else 1 to 9.

    0 is the tenth. Of more classes none has a key here: see Item.keys.
    """
    if classes and all(len(name) == 1 and name in "0123456789" for name in classes):
        return [(name, name) for name in classes]
    return [] if len(classes) > 10 else list(zip("1234567890", classes, strict=False))
