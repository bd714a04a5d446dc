"""Setting up a pruning: the values, the orders, the model, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dvaudit import audits, valuators
from dvaudit.core.dataset import Role, Task
from dvaudit.core.errors import DvauditError, SettingsError
from dvaudit.core.machine import available_memory, size_text
from dvaudit.findings.pruning import MOST_REMOVED, Proxy, Series, order_words
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.compare_data import CONSENSUS, rankings
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.trusted_choice import trusted_choice
from dvaudit.ui.words import duration, plain

MOST_SEED, MOST_ROUNDS = 2**31 - 100, 10
PROXY_WORDS = {
    Proxy.KERNEL: (
        "Kernel ridge",
        "The kernel and ridge of kernel-loo; exact at every cut, from one factorisation an order. "
        "Above 10,000 samples a subsample, stratified by class.",
    ),
    Proxy.LOGISTIC: (
        "Logistic regression",
        "Fitted anew at every cut, on standardised features.",
    ),
    Proxy.NET: ("Small net", "Two hidden layers, ten epochs, trained anew at every cut."),
}


@dataclass(frozen=True)
class Plan:
    """A pruning as the form describes it."""

    valuator: str
    series: tuple[Series, ...]
    proxy: Proxy
    balanced: bool
    seeds: tuple[int, ...]
    steps: int
    most: float
    width: float
    trusted: str | None


def set_up(ws: Workspace, dataset: DatasetRecord, audit: RunRecord) -> None:
    """Draw the form on the left and its cost, with the start button, on the right."""
    form, cost = st.columns([3, 2], gap="large")
    with form:
        plan = _form(ws, dataset, audit)
    with cost, st.container(border=True):
        _cost(ws, audit, plan)


def method_words(name: str) -> str:
    """Return a method by its title."""
    if name == CONSENSUS:
        return "Consensus rank"
    try:
        return valuators.lookup(name).title
    except SettingsError:  # of an older version
        return name


def _form(ws: Workspace, dataset: DatasetRecord, audit: RunRecord) -> Plan:
    names = rankings(frames.findings(ws, audit)) or [CONSENSUS]
    method = str(
        st.selectbox(
            "Values",
            names,
            format_func=method_words,
            key=f"pruning_method_{audit.id}",
            persist_state="session",
            help="Of the chosen audit; they rank the samples.",
        )
    )
    series = _orders(method)
    classes = dataset.task is Task.CLASSIFICATION
    models = [proxy for proxy in Proxy if classes or proxy is not Proxy.LOGISTIC]
    proxy = Proxy(
        st.radio(
            "Model to score with",
            [model.value for model in models],
            format_func=lambda name: PROXY_WORDS[Proxy(name)][0],
            captions=[PROXY_WORDS[model][1] for model in models],
            key="pruning_proxy",
            persist_state="session",
        )
    )
    balanced = classes and st.toggle(
        "Remove the same share of every class",
        key="pruning_balanced",
        persist_state="session",
        help="Without it, a class that a method values lower is thinned out first.",
    )
    numbers = _numbers(Series.WINDOW in series)
    trusted = _held_out(ws, dataset, audit)
    return Plan(method, series, proxy, bool(balanced), *numbers, trusted)


def _orders(method: str) -> tuple[Series, ...]:
    st.markdown("Orders")
    chosen = []
    for series in (Series.LOWEST, Series.HIGHEST, Series.WINDOW):
        name, said = order_words(series, hard=valuators.measures_hardness(method))
        with st.container(gap="xxsmall"):
            if st.checkbox(
                name,
                series is not Series.WINDOW,
                key=f"pruning_order_{series.slug}",
                persist_state="session",
            ):
                chosen.append(series)
            st.caption(said)
    st.caption("Removing at random is always drawn beside them.")
    return tuple(chosen)


def _numbers(window: bool) -> tuple[tuple[int, ...], int, float, float]:
    """Draw the numbers; return the seeds, steps, largest share and width of the window."""
    most, steps, seeds, first = st.columns(4)
    percent = most.number_input(
        "Remove up to, %",
        5,
        int(100 * MOST_REMOVED),
        90,
        key="pruning_most",
        persist_state="session",
    )
    many = steps.number_input(
        "Cuts", 2, 60, 18, key="pruning_steps", persist_state="session",
        help="Evenly spaced; each can be exported.",
    )  # fmt: skip
    rounds = seeds.number_input(
        "Seeds", 1, MOST_ROUNDS, 3, key="pruning_rounds", persist_state="session",
        help="Each draws another held-out split and another random order; the bands reach over "
        "them.",
    )  # fmt: skip
    start = first.number_input(
        "First seed", 0, MOST_SEED, 0, key="pruning_seed", persist_state="session"
    )
    width = 10
    if window:
        width = st.number_input(
            "Window, % of the samples", 1, 50, 10, key="pruning_width", persist_state="session"
        )
    numbers = tuple(range(int(start), int(start) + int(rounds)))
    return numbers, int(many), int(percent) / 100, int(width) / 100


def _held_out(ws: Workspace, dataset: DatasetRecord, audit: RunRecord) -> str | None:
    """Draw the choice of what to score on; at first the trusted set of the audit, if it had one."""
    key, used = f"trusted_of_{dataset.id}", audit.params.get("trusted")
    if key not in st.session_state and used in {other.id for other in ws.datasets()}:
        st.session_state[key] = used
    if Role.TRUSTED not in dataset.roles.values():
        said = (
            "**There is no trusted set.** A random fifth of the data is held out, another one for "
            "each seed; its labels may be wrong, too, and then cleaning looks less useful than it "
            "is. Standing verdicts correct them where they exist."
        )
    else:
        said = ""
    return trusted_choice(
        ws,
        dataset,
        itself="None: a random fifth of this dataset",
        warning=said,
        help="Samples whose labels are known to be right: the model is scored on them, and they "
        "are never removed.",
    )


def _cost(ws: Workspace, audit: RunRecord, plan: Plan) -> None:
    st.markdown("## Before you start")
    if not plan.series:
        st.markdown("Choose at least one order.")
        return
    try:
        cost = audits.estimate_pruning(
            ws,
            audit.id,
            valuator=plan.valuator,
            series=plan.series,
            proxy=plan.proxy,
            seeds=len(plan.seeds),
            steps=plan.steps,
            width=plan.width,
        )
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        return
    free = available_memory()
    left, right = st.columns(2)
    left.metric("Time, about", duration(cost.seconds), help=plain(cost.plan).capitalize() + ".")
    right.metric("Memory, at most", size_text(cost.bytes), help=f"{size_text(free)} are free.")
    st.caption(f"{plain(cost.plan).capitalize()}; {len(plan.seeds)} times.")
    st.button(
        "Start pruning",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_start,
        args=(ws, audit.id, plan),
    )
    st.caption(
        "Nothing is removed from your data: a model is trained on less and less of it. It runs in "
        "the background, and this page may be closed."
    )


def _start(ws: Workspace, audit: str, plan: Plan) -> None:
    with refusals_shown():
        made = audits.start_pruning(
            ws,
            audit,
            valuator=plan.valuator,
            series=plan.series,
            proxy=plan.proxy,
            balanced=plan.balanced,
            seeds=plan.seeds,
            steps=plan.steps,
            most=plan.most,
            width=plan.width,
            trusted=plan.trusted,
        )
        st.query_params["pruning"] = made
