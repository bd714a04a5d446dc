"""Setting up an audit: methods, features, settings, what it will cost, start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import streamlit as st

from dvaudit import audits, features, valuators
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.errors import DvauditError
from dvaudit.core.machine import Cost, available_memory, size_text
from dvaudit.core.settings import check_seed, specs
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import history
from dvaudit.ui.audit_again import AUTOMATIC, SEED, as_in, extractor_key, method_key
from dvaudit.ui.following import follow
from dvaudit.ui.forms import settings_form
from dvaudit.ui.method_words import methods_said
from dvaudit.ui.session import refusals_shown, select
from dvaudit.ui.trusted_choice import trusted_choice
from dvaudit.ui.words import duration, plain

ADDRESSED = "with"  # names a method in the address of the page
_SEEN_LIVE = "audits_seen_live"
_LABELS_MAY_BE = "whose labels may be wrong like all others"
_SAMPLES_MAY_BE = "which may hold odd samples like the rest"
UNLABELLED = ("dvgs",)  # chosen at first for data without labels
OFFERED_NEXT = ("dvgs", "liveval", "dvemb")  # after the defaults, before the rest


@dataclass(frozen=True)
class Plan:
    """An audit as the form describes it."""

    names: tuple[str, ...]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    extractor: str | None = None
    extractor_settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    trusted: str | None = None


def standing(
    ws: Workspace, dataset: DatasetRecord, runs: Sequence[RunRecord], chosen: RunRecord | None
) -> None:
    """Show the audits of a dataset that work or wait, then the chosen one.

    One that ends while this page shows it becomes the chosen one. The newest is shown where it
    stopped, too: what a person comes back to.

    Args:
        runs: all audits of the dataset, newest first.
    """
    live = [run for run in runs if run.status.is_live]
    seen = st.session_state.get(_SEEN_LIVE, ())
    st.session_state[_SEEN_LIVE] = tuple(run.id for run in live)
    ended = next((run for run in runs if run.id in seen and run.status is RunStatus.DONE), None)
    if ended is not None and (chosen is None or ended.id != chosen.id):
        select(dataset.id, ended.id)
        st.rerun()
    newest = list(runs[:1]) if runs and runs[0].status.is_resumable else []
    shown = sorted(live, key=lambda run: (run.status is RunStatus.QUEUED, run.created)) + newest
    for run in shown:
        follow(ws, run, partial(as_in, ws, dataset, run))
    if chosen is None or chosen.id in {run.id for run in shown}:
        return
    change = partial(as_in, ws, dataset, chosen)
    if chosen.status is RunStatus.DONE:
        history.outcome(ws, dataset, chosen)
        methods_said(ws, chosen, change)
    else:
        follow(ws, chosen, change)


def set_up(ws: Workspace, dataset: DatasetRecord) -> None:
    """Draw the form on the left and its cost, with the start button, on the right."""
    form, cost = st.columns([3, 2], gap="large")
    with form:
        plan = _form(ws, dataset)
    with cost, st.container(border=True):
        _cost(ws, dataset, plan)


def _form(ws: Workspace, dataset: DatasetRecord) -> Plan:
    st.markdown("## Methods")
    infos = sorted(
        (
            info
            for info in valuators.describe()
            if info.level is valuators.Level.SAMPLE and dataset.task in info.tasks
        ),
        key=default_first,
    )
    chosen = _methods(infos, labelled=dataset.task is not Task.UNSUPERVISED)
    trusted = None
    if any("trusted" in info.needs for info in infos if info.name in chosen):
        st.markdown("## Trusted samples")
        labelled = dataset.task is not Task.UNSUPERVISED
        trusted = trusted_choice(
            ws,
            dataset,
            itself="None: one random half of this dataset against the other",
            warning="**There is no trusted set.** Each half of the data is measured against the "
            f"other, {_LABELS_MAY_BE if labelled else _SAMPLES_MAY_BE}. Better: add a few hundred "
            "checked samples in Data, and choose them here.",
            help=f"Samples {'whose labels are' if labelled else 'that are'} known to be right: "
            "another dataset of the same form, or those that a column of this one marks.",
        )
    st.markdown("## Features")
    extractor = _extractor(dataset)
    with st.expander("Settings", icon=":material/tune:", key="audit_settings"):
        settings = {}
        for info in infos:
            if info.name in chosen:
                st.markdown(f"**{info.title}**")
                settings[info.name] = settings_form(info.settings, key=f"set.{info.name}")
        used = extractor or features.automatic_for(dataset.kind or Kind.TABULAR)
        st.markdown(f"**{features.extractors()[used].title}**")
        of_features = settings_form(
            specs(features.extractors()[used].Settings), key=f"set.features.{used}"
        )
        st.markdown("**Randomness**")
        seed = st.number_input(
            "Seed",
            value=0,
            step=1,
            key=SEED,
            help="The same seed gives the same result.",
            persist_state="session",
        )
    given = {name: values for name, values in settings.items() if values}
    return Plan(chosen, given, extractor, of_features, int(seed), trusted)


def _methods(infos: list[valuators.ValuatorInfo], *, labelled: bool) -> tuple[str, ...]:
    """Draw all methods; return the names of the chosen ones, in order."""
    main = [info for info in infos if not info.baseline]
    others = [info for info in infos if info.baseline]
    _choose_addressed(infos, labelled)
    chosen = [info.name for info in main if _method(info, labelled)]
    if others:
        with st.expander(
            f"Other methods, to compare with ({len(others)})",
            icon=":material/compare_arrows:",
            expanded=any(st.session_state.get(method_key(info.name, labelled)) for info in others),
        ):
            chosen += [info.name for info in others if _method(info, labelled)]
    return tuple(chosen)


def _choose_addressed(infos: list[valuators.ValuatorInfo], labelled: bool) -> None:
    """Choose the method that the address asks for, once: the person may take it off again."""
    wanted = st.query_params.get(ADDRESSED)
    if wanted is None:
        return
    if wanted in {info.name for info in infos}:
        st.session_state[method_key(wanted, labelled)] = True
    st.query_params.pop(ADDRESSED)


def default_first(info: valuators.ValuatorInfo) -> int:
    """Order methods by how soon a person should try them: the defaults, then the main ones."""
    first = (*audits.DEFAULT_VALUATORS, *OFFERED_NEXT)
    return first.index(info.name) if info.name in first else len(first)


def _method(info: valuators.ValuatorInfo, labelled: bool) -> bool:
    """Draw one method with its checkbox; True when it is chosen."""
    absent = info.requires is not None and find_spec(info.requires) is None
    with st.container(border=True, gap="xsmall"):
        chosen = st.checkbox(
            info.title,  # as it is: the label is the accessible name, too
            value=info.name in (audits.DEFAULT_VALUATORS if labelled else UNLABELLED),
            disabled=absent,
            key=method_key(info.name, labelled),
            persist_state="session",
            help=plain(info.reference),
        )
        st.caption(plain(info.summary))
        if absent:
            st.caption(f"Not installed. Install it with: `pip install 'dvaudit[{info.requires}]'`")
    return chosen and not absent


def _extractor(dataset: DatasetRecord) -> str | None:
    """Draw the choice of features; None means automatic."""
    known = features.extractors()
    fitting = [name for name, item in known.items() if dataset.kind in item.kinds]
    automatic = features.automatic_for(dataset.kind or Kind.TABULAR)

    name = st.selectbox(
        "How samples become vectors",
        [AUTOMATIC, *fitting],
        format_func=lambda name: (
            f"Automatic: {known[automatic].title}" if name == AUTOMATIC else known[name].title
        ),
        key=extractor_key(dataset),
        persist_state="session",
        label_visibility="collapsed",
    )
    chosen = None if name == AUTOMATIC else name
    st.caption(plain(known[chosen or automatic].summary))
    return chosen


def _cost(ws: Workspace, dataset: DatasetRecord, plan: Plan) -> None:
    st.markdown("## Before you start")
    if not plan.names:
        st.markdown("Choose at least one method.")
        return
    try:
        check_seed(plan.seed)
        costs = audits.estimate(ws, dataset.id, plan.names, plan.settings)
        rest = audits.estimate_rest(ws, dataset.id, plan.extractor, plan.extractor_settings)
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        _start_button(ws, dataset, plan, disabled=True)
        return
    total, free = total_cost({**costs, "": rest}), available_memory()
    left, right = st.columns(2)
    left.metric(
        "Time, about",
        duration(total.seconds),
        help="The first time, on this machine when it is idle. Features are kept: the next audit "
        "with the same ones is quicker.",
    )
    right.metric(
        "Memory, at most", size_text(total.bytes), help=f"{size_text(free)} are free here now."
    )
    for name, cost in costs.items():
        method = valuators.lookup(name).title
        st.caption(f"**{method}**: {duration(cost.seconds)}, {plain(cost.plan)}")
    st.caption(f"**Everything else**: {duration(rest.seconds)}, {plain(rest.plan)}")
    if total.bytes > free:
        st.warning(
            f"This needs more memory than is free ({size_text(free)}). Choose float32 in the "
            "settings, or a smaller dataset.",
            icon=":material/warning:",
        )
    _start_button(ws, dataset, plan)
    st.caption("It runs in the background: this page may be closed or reloaded.")


def _start_button(
    ws: Workspace, dataset: DatasetRecord, plan: Plan, *, disabled: bool = False
) -> None:
    st.button(
        "Start audit",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=disabled,
        on_click=_start,
        args=(ws, dataset.id, plan),
    )


def total_cost(costs: dict[str, Cost]) -> Cost:
    """Return the cost of methods that run one after another: times add up, memory is reused."""
    return Cost(
        sum(cost.seconds for cost in costs.values()),
        max((cost.bytes for cost in costs.values()), default=0),
        "",
    )


def _start(ws: Workspace, dataset_id: str, plan: Plan) -> None:
    with refusals_shown():
        run_id = audits.start_audit(
            ws,
            dataset_id,
            plan.names,
            settings=plan.settings,
            extractor=plan.extractor,
            extractor_settings=plan.extractor_settings,
            trusted=plan.trusted,
            seed=plan.seed,
        )
        select(dataset_id, run_id)
