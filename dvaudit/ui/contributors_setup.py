"""Setting up a valuation of contributors: towards what, by which game, its cost, start; and which
valuation the page shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from dvaudit import audits, valuators
from dvaudit.core.errors import DvauditError
from dvaudit.core.machine import Cost, available_memory, size_text
from dvaudit.core.settings import SettingSpec, specs
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui.addressed import in_address, left_over, misread, not_followed
from dvaudit.ui.forms import settings_form
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.trusted_choice import trusted_choice
from dvaudit.ui.words import count, duration, plain

METHOD = "davinz"
MOST_SEED = 2**31 - 1
RUN = "valuation"  # in the page's address and in the tab's memory
_GAMES = {
    "shapley": (
        "Shapley",
        "The average gain when the contributor joins, over all orders of joining. "
        "The values add up to the whole.",
    ),
    "banzhaf": (
        "Banzhaf",
        "The average gain over all groups of others, each as likely. "
        "Its ranks suffer least from noise in the scores.",
    ),
    "loo": (
        "Leave one out",
        "What is lost when only this contributor leaves. Exact and quick; "
        "two contributors with the same data both get little.",
    ),
    "marginal": (
        "Alone",
        "What the contributor is worth without any other. For choosing a few that stand for all.",
    ),
}


@dataclass(frozen=True)
class Plan:
    """A valuation as the form describes it; `trusted` is the id of another dataset."""

    trusted: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0


def contributors_of(ws: Workspace, dataset: DatasetRecord) -> dict[str, int]:
    """Return the samples of each contributor by name; empty where no column names them."""
    return _counts(ws, str(ws.root), dataset.id, dataset.fingerprint or "")


@st.cache_resource(max_entries=8, show_spinner=False)
def _counts(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> dict[str, int]:
    groups = _ws.samples(dataset_id)["group"]
    if groups.isna().all():
        return {}
    named = groups.fillna("(missing)").astype(str)
    return {str(name): int(samples) for name, samples in named.value_counts().items()}


def chosen_run(dataset: DatasetRecord, runs: Sequence[RunRecord]) -> RunRecord | None:
    """Return the valuation to show: that of the address, else of the tab, else the newest done.

    Says so where the address names none of `runs`, those of the dataset.
    """
    known = {run.id: run for run in runs}
    if left_over(RUN, dataset.id) and st.query_params.get(RUN, "") not in known:
        in_address({RUN: []})
    not_followed(misread(RUN, list(known), RUN), "this dataset")
    for wanted in (st.query_params.get(RUN, ""), st.session_state.get(RUN, "")):
        if wanted in known:
            return known[wanted]
    done = (run for run in runs if run.status is RunStatus.DONE)
    return next(done, next(iter(runs), None))


def choose_run(run_id: str) -> None:
    """Make a valuation the one on screen."""
    st.session_state[RUN] = run_id
    st.query_params[RUN] = run_id


def set_up(ws: Workspace, dataset: DatasetRecord, people: dict[str, int]) -> None:
    """Draw the form on the left and its cost, with the start button, on the right."""
    form, cost = st.columns([3, 2], gap="large")
    with form:
        plan = _form(ws, dataset)
    with cost, st.container(border=True):
        _cost(ws, dataset, plan, len(people))


def _form(ws: Workspace, dataset: DatasetRecord) -> Plan:
    st.markdown("## Useful for what")
    trusted = trusted_choice(
        ws,
        dataset,
        itself="A random part of this dataset",
        warning="**There is no trusted set.** A random part of this dataset is held out in its "
        "place: nobody has checked its labels, and the largest contributors fill most of it, so "
        "values lean towards them. Better: add checked samples in Data, and choose them here.",
        help="Samples whose labels are known to be right, like those the model is for. A "
        "contributor is useful who brings data like these. Another dataset of the same form can "
        "be chosen; several runs with different trusted sets show who is useful for which.",
    )
    known = {spec.name: spec for spec in specs(valuators.lookup(METHOD).Settings)}
    st.markdown("## What counts as a contribution")
    game = _game(known.pop("game"))
    settings = {} if game is None else {"game": game}
    with st.expander("Settings", icon=":material/tune:"):
        settings |= settings_form(list(known.values()), key=f"set.{METHOD}")
        seed = st.number_input(
            "Seed",
            0,
            MOST_SEED,
            0,
            key="contributors_seed",
            help="The same seed gives the same result.",
            persist_state="session",
        )
    return Plan(trusted, settings, int(seed))


def _game(spec: SettingSpec) -> str | None:
    """Draw the games with one sentence each; None for the default one."""
    words = [_GAMES.get(name, (name, "")) for name in spec.choices]
    chosen = st.radio(
        "Game",
        list(spec.choices),
        spec.choices.index(spec.default),
        format_func=game_words,
        captions=[sentence for _, sentence in words],
        key=f"set.{METHOD}.game",
        persist_state="session",
        label_visibility="collapsed",
    )
    return None if chosen == spec.default else chosen


def game_words(name: str) -> str:
    """Return a game as people say it."""
    return _GAMES.get(name, (name, ""))[0]


def default_game() -> str:
    """Return the game that is played where none is chosen."""
    return str(valuators.lookup(METHOD).Settings().game)


def _cost(ws: Workspace, dataset: DatasetRecord, plan: Plan, people: int) -> None:
    st.markdown("## Before you start")
    st.markdown(
        f"**{count(people, 'contributor')}** with {count(dataset.samples or 0, 'sample')} in all."
    )
    try:
        cost = audits.estimate_contributors(ws, dataset.id, plan.settings, contributors=people)
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
        return
    _figures(cost)
    st.button(
        "Value the contributors",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        on_click=_start,
        args=(ws, dataset.id, plan),
    )
    st.caption("It runs in the background: this page may be closed or reloaded.")


def _figures(cost: Cost) -> None:
    free = available_memory()
    left, right = st.columns(2)
    left.metric("Time, about", duration(cost.seconds))
    right.metric(
        "Memory, at most", size_text(cost.bytes), help=f"{size_text(free)} are free here now."
    )
    st.caption(plain(cost.plan))
    if cost.bytes > free:
        st.warning(
            f"This needs more memory than is free ({size_text(free)}). Ask for more blocks in the "
            "settings, or take a smaller dataset.",
            icon=":material/warning:",
        )


def _start(ws: Workspace, dataset_id: str, plan: Plan) -> None:
    with refusals_shown():
        run_id = audits.start_contributors(
            ws, dataset_id, trusted=plan.trusted, settings=plan.settings, seed=plan.seed
        )
        choose_run(run_id)
