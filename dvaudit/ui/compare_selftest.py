"""The Self-test tab: setting one up, its cost, and which one the tab shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import streamlit as st

from dvaudit import audits, valuators
from dvaudit.core.dataset import Kind
from dvaudit.core.errors import DvauditError, NotFoundError
from dvaudit.core.machine import available_memory, size_text
from dvaudit.findings import Plant, confusion_pairs
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames
from dvaudit.ui.compare_results import results
from dvaudit.ui.following import follow
from dvaudit.ui.history import number
from dvaudit.ui.session import empty_state, refusals_shown
from dvaudit.ui.trusted_choice import trusted_choice
from dvaudit.ui.words import count, duration, plain

MOST_SEED, MOST_ROUNDS, MOST_PERCENT = 2**31 - 100, 20, 50
MOST_PAIRS = 4
KINDS = {
    Plant.UNIFORM: (
        "Wrong labels, any class",
        "A label becomes any other class, all as likely. The easiest errors to find.",
    ),
    Plant.PAIRS: (
        "Wrong labels, along confusions",
        "A label becomes a class it is confused with in the audit, in proportion. Closer to the "
        "errors people make, and harder to find.",
    ),
    Plant.NOISE: (
        "Noisy features",
        "Normal noise of two standard deviations is added to every number of a sample; labels "
        "stay.",
    ),
}
_PICTURE_NOISE = (
    "Normal noise is added to the feature vector of an image, not to its pixels: of a deviation "
    "drawn for each evenly from 0 to 3 (of the standardised features), so the weakest cannot be "
    "found by any method. All methods then value feature vectors; labels stay."
)
_WHAT_FOR = (
    "Errors are planted in a copy of this data, so that their places are known. You see which "
    "method finds them here, and how many you would have to review. Your data and its labels stay "
    "as they are."
)


@dataclass(frozen=True)
class Plan:
    """A self-test as the form describes it."""

    names: tuple[str, ...]
    kind: Plant
    share: float
    seeds: tuple[int, ...]
    trusted: str | None


def selftest(ws: Workspace, dataset: DatasetRecord, audit: RunRecord | None) -> None:
    """Show the self-tests of a dataset, or what one would show and the form that starts it."""
    if not audits.kinds_for(dataset):
        empty_state(
            "No errors can be planted here",
            "Label flips need two classes or more; feature noise needs labels and images, vectors "
            "or numeric columns.",
        )
        return
    done = audit if audit is not None and audit.status is RunStatus.DONE else None
    runs = audits.selftests_of(ws, dataset.id)
    if not runs:
        empty_state("No self-test yet", _WHAT_FOR)
        _set_up(ws, dataset, done)
        return
    run = _choose(dataset, runs)
    if run.status is RunStatus.DONE:
        results(ws, dataset, run)
    else:
        follow(ws, run)
    # Under another key it is closed again once a run was started from it.
    again = f"selftest_again_{len(runs)}"
    with st.expander("Another self-test", icon=":material/play_arrow:", key=again):
        _set_up(ws, dataset, done)


def _chosen_key(dataset_id: str) -> str:
    return f"selftest_of_{dataset_id}"


def _choose(dataset: DatasetRecord, runs: Sequence[RunRecord]) -> RunRecord:
    """Return the self-test to show: the one chosen, else the newest."""
    known, key = {run.id: run for run in runs}, _chosen_key(dataset.id)
    if st.session_state.get(key) not in known:
        st.session_state[key] = runs[0].id
    if len(known) == 1:
        return runs[0]
    chosen = st.selectbox(
        "Self-test",
        list(known),
        format_func=lambda key: _words(known[key]),
        key=key,
        persist_state="session",
        width=520,
    )
    return known[str(chosen)]


def _words(run: RunRecord) -> str:
    params = run.params
    state = "" if run.status is RunStatus.DONE else f", {run.status}"
    return (
        f"{number(run)}: {KINDS[Plant(params['kind'])][0].lower()}, {params['share']:.0%}, "
        f"{count(len(params['valuators']), 'method')}, "
        f"{count(len(params['seeds']), 'round')}{state}"
    )


def _set_up(ws: Workspace, dataset: DatasetRecord, audit: RunRecord | None) -> None:
    """Draw the form on the left and its cost, with the start button, on the right."""
    form, cost = st.columns([3, 2], gap="large")
    with form:
        plan = _form(ws, dataset, audit)
    with cost, st.container(border=True):
        _cost(ws, dataset, plan, audit)


def _form(ws: Workspace, dataset: DatasetRecord, audit: RunRecord | None) -> Plan:
    infos = {info.name: info for info in valuators.describe() if _fits(info, dataset)}
    asked = audits.DEFAULT_VALUATORS if audit is None else audit.params.get("valuators", ())
    names = st.multiselect(
        "Methods",
        list(infos),
        [name for name in asked if name in infos],
        format_func=lambda name: infos[name].title,
        key=f"selftest_methods_{dataset.id}",
        help="With their default settings. At first those of the chosen audit.",
        persist_state="session",
    )
    kinds = list(audits.kinds_for(dataset))
    kind = Plant(
        st.radio(
            "What to plant",
            [kind.value for kind in kinds],
            format_func=lambda kind: KINDS[Plant(kind)][0],
            captions=[_caption(kind, dataset) for kind in kinds],
            key=f"selftest_kind_{dataset.id}",
            persist_state="session",
        )
    )
    if kind is Plant.PAIRS:
        _pairs(ws, audit)
    noisy = kind is Plant.NOISE
    left_out = [name for name in names if noisy and audits.takes_pictures(dataset, name)]
    if left_out:
        st.caption(
            f"Left out: {plain(', '.join(infos[name].title for name in left_out))}. They train on "
            "the pictures themselves, and noise is planted in feature vectors."
        )
    share, rounds, seed = st.columns(3)
    percent = share.number_input(
        "Share, %",
        1,
        MOST_PERCENT,
        10,
        key="selftest_share",
        persist_state="session",
        help="Each labelled sample is hit with this probability; those marked as trusted never.",
    )
    many = rounds.number_input(
        "Rounds",
        1,
        MOST_ROUNDS,
        3,
        key="selftest_rounds",
        persist_state="session",
        help="Each plants other errors and values all samples anew. More rounds tell methods "
        "apart that are close.",
    )
    first = seed.number_input(
        "First seed",
        0,
        MOST_SEED,
        0,
        key="selftest_seed",
        persist_state="session",
        help="The same seed gives the same result; each further round takes the next one.",
    )
    trusted = None
    if any("trusted" in infos[name].needs for name in names):
        trusted = trusted_choice(
            ws,
            dataset,
            itself="None: one random half of this dataset against the other",
            warning="**There is no trusted set.** Some of these methods need one; each half of "
            "the data, with planted errors, is measured against the other instead.",
            help="Samples whose labels are known to be right; nothing is planted in them.",
        )
    seeds = tuple(range(int(first), int(first) + int(many)))
    return Plan(tuple(names), kind, int(percent) / 100, seeds, trusted)


def _caption(kind: Plant, dataset: DatasetRecord) -> str:
    if kind is Plant.NOISE and dataset.kind is Kind.IMAGE:
        return _PICTURE_NOISE
    return KINDS[kind][1]


def _fits(info: valuators.ValuatorInfo, dataset: DatasetRecord) -> bool:
    return (
        info.level is valuators.Level.SAMPLE
        and dataset.task in info.tasks
        and (info.requires is None or find_spec(info.requires) is not None)
    )


def _pairs(ws: Workspace, audit: RunRecord | None) -> None:
    """Say along which confusions labels will be flipped."""
    pairs = {}
    if audit is not None:
        try:
            pairs = confusion_pairs(frames.tables(ws, audit, "confusions"))
        except NotFoundError:
            pairs = {}
    if not pairs:
        st.warning(
            "The chosen audit suggests no other class for any sample, or there is no finished "
            "one. Run one with kernel-loo first.",
            icon=":material/warning:",
        )
        return
    largest = sorted(pairs.items(), key=lambda item: -item[1])
    listed = ", ".join(
        f"{plain(right)} to {plain(wrong)} ({samples:,.0f})"
        for (right, wrong), samples in largest[:MOST_PAIRS]
    )
    rest = len(largest) - MOST_PAIRS
    st.caption(f"From right to wrong: {listed}" + (f" and {rest:,} more." if rest > 0 else "."))


def _cost(ws: Workspace, dataset: DatasetRecord, plan: Plan, audit: RunRecord | None) -> None:
    st.markdown("## Before you start")
    if not plan.names:
        st.markdown("Choose at least one method.")
        return
    try:
        costs = audits.estimate(ws, dataset.id, plan.names)
        rest = audits.estimate_rest(ws, dataset.id)
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        return
    rounds = len(plan.seeds)
    seconds = rounds * (rest.seconds + sum(cost.seconds for cost in costs.values()))
    most, free = max(cost.bytes for cost in (*costs.values(), rest)), available_memory()
    left, right = st.columns(2)
    left.metric(
        "Time, at most about",
        duration(seconds),
        help="Every round valued from the start. Rounds share what they can.",
    )
    right.metric("Memory, at most", size_text(most), help=f"{size_text(free)} are free here now.")
    for name, cost in costs.items():
        title = valuators.lookup(name).title
        each = f"{duration(cost.seconds)} each" if rounds > 1 else duration(cost.seconds)
        st.caption(f"**{title}**: {count(rounds, 'round')}, {each}")
    if most > free:
        st.warning(
            f"This needs more memory than is free ({size_text(free)}). Leave out the method that "
            "needs most.",
            icon=":material/warning:",
        )
    st.button(
        "Start the self-test",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_start,
        args=(ws, dataset.id, plan, None if audit is None else audit.id),
    )
    st.caption("It runs in the background: this page may be closed or reloaded.")


def _start(ws: Workspace, dataset_id: str, plan: Plan, audit: str | None) -> None:
    with refusals_shown():
        made = audits.start_selftest(
            ws,
            dataset_id,
            plan.names,
            share=plan.share,
            kind=plan.kind,
            seeds=plan.seeds,
            trusted=plan.trusted,
            audit=audit,
        )
        st.session_state[_chosen_key(dataset_id)] = made
