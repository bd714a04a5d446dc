"""Small tables and random verdicts on them, for tests of patches."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from dvaudit.core.decisions import Decision, Verdict

Row = tuple[str, str, str]  # a number, a colour, a label


def write_rows(path: Path, rows: Sequence[Row], *, key: bool = False) -> Path:
    """Write rows as CSV with the columns a, colour and label; with `key`, an id column first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["key"] if key else []), "a", "colour", "label"])
    for number, row in enumerate(rows):
        writer.writerow([*([f"k{number}"] if key else []), *row])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote, without the id column."""
    with path.open(encoding="utf-8", newline="") as file:
        a, colour, label = list(zip(*list(csv.reader(file)), strict=True))[-3:]
    return list(zip(a, colour, label, strict=True))[1:]


#: Few distinct rows, so that exact duplicates with equal and with other labels are common.
tables = st.lists(
    st.tuples(
        st.sampled_from(["1.5", "2.5", "7"]),
        st.sampled_from(["red", "blue"]),
        st.sampled_from(["x", "y", "z"]),
    ),
    min_size=4,
    max_size=12,
).map(lambda rows: [("0.5", "green", "x"), ("0.25", "green", "y"), *rows])

_verdicts = st.one_of(
    st.none(),
    st.sampled_from([Verdict.KEEP, Verdict.DROP, Verdict.UNSURE]),
    st.sampled_from(["=x", "=y", "=new"]),
)


@st.composite
def verdicts_on(draw: st.DrawFn, ids: Sequence[str]) -> dict[str, Decision]:
    """Verdicts on some of the samples; the first two are neither dropped nor left to one class."""
    made = {}
    for name in ids[2:]:
        what = draw(_verdicts)
        if isinstance(what, Verdict):
            made[name] = Decision(name, what)
        elif what is not None:
            made[name] = Decision(name, Verdict.RELABEL, what[1:])
    return made
