"""What decisions do to classes and targets."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.reports.effects import CLASS_COLUMNS, class_effects, target_effects

labels = st.sampled_from(["a", "b", None])
verdicts = st.sampled_from([None, "keep", "unsure", "drop", "=a", "=b", "=new"])


def decided(what: str | None, name: str) -> Decision | None:
    if what is None:
        return None
    if what.startswith("="):
        return Decision(name, Verdict.RELABEL, what[1:])
    return Decision(name, Verdict(what))


@given(st.lists(st.tuples(labels, verdicts), max_size=30))
def test_counts_after_are_those_of_the_data_with_verdicts_applied(
    pairs: list[tuple[str | None, str | None]],
) -> None:
    names = [f"s{at}" for at in range(len(pairs))]
    given_labels = pd.Series([label for label, _ in pairs], dtype=object)
    samples = pd.DataFrame({"id": names, "given_label": given_labels})
    made = {
        name: item
        for name, (_, what) in zip(names, pairs, strict=True)
        if (item := decided(what, name)) is not None
    }
    frame = class_effects(samples, made)
    assert tuple(frame.columns) == CLASS_COLUMNS
    after: Counter[str] = Counter()
    for label, what in pairs:
        if what == "drop":
            continue
        final = what[1:] if what and what.startswith("=") else label
        if final is not None:
            after[final] += 1
    assert {row["class"]: row["after"] for row in frame.to_dict("records") if row["after"]} == after
    before = Counter(label for label, _ in pairs if label is not None)
    told = dict(zip(frame["class"], frame["before"], strict=True))
    assert {name: number for name, number in told.items() if number} == before
    assert (frame["change"] == frame["after"] - frame["before"]).all()


def test_classes_are_told_apart_by_where_samples_went() -> None:
    samples = pd.DataFrame({"id": list("pqrst"), "given_label": ["a", "a", "a", "b", None]})
    made = {
        "p": Decision("p", Verdict.RELABEL, "b"),
        "q": Decision("q", Verdict.DROP),
        "r": Decision("r", Verdict.RELABEL, "a"),
        "t": Decision("t", Verdict.RELABEL, "new"),
    }
    rows = class_effects(samples, made).to_numpy().tolist()
    assert rows == [["a", 3, 1, 1, 0, 1, -2], ["b", 1, 0, 0, 1, 2, 1], ["new", 0, 0, 0, 1, 1, 1]]


def test_targets_before_and_after() -> None:
    samples = pd.DataFrame({"id": list("pqr"), "given_label": ["1", "2", "6.0"]})
    made = {"r": Decision("r", Verdict.RELABEL, "3"), "p": Decision("p", Verdict.DROP)}
    before, after = target_effects(samples, made).to_dict("records")
    assert before == {
        "labels": "before", "samples": 3, "mean": 3.0, "std": pytest.approx(7**0.5),
        "min": 1.0, "max": 6.0,
    }  # fmt: skip
    assert after == {
        "labels": "after", "samples": 2, "mean": 2.5, "std": pytest.approx(0.5**0.5),
        "min": 2.0, "max": 3.0,
    }  # fmt: skip
