"""What the methods pages say of a method, from what the method says of itself; no Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.util import find_spec

import pandas as pd

from dvaudit import audits, valuators
from dvaudit.core.dataset import Task
from dvaudit.core.errors import DvauditError
from dvaudit.core.machine import Cost, size_text, this_machine
from dvaudit.core.settings import SettingSpec
from dvaudit.core.words import count
from dvaudit.findings.pruning import Series, order_words
from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, RunRecord, Workspace
from dvaudit.ui.words import duration
from dvaudit.valuators import Level, ValuatorInfo

TYPICAL = (10_000, 128, 10)  # samples, dimensions, classes
TASKS = {
    Task.CLASSIFICATION: "Classes",
    Task.REGRESSION: "Numbers",
    Task.UNSUPERVISED: "No labels",
}
TRUSTED, GROUPS, TRAINING, PACKAGE = (
    "Trusted samples", "Contributors", "Training a net", "Another package",
)  # fmt: skip
NEEDS = (TRUSTED, GROUPS, TRAINING, PACKAGE)
_NO_CLEANING = (
    "Lowest value first",
    "Removes what is worth least by these values. It is no cleaning: wrong labels need not be "
    "among the first to go.",
)
HEADINGS = {
    "Find wrong labels": "Values that say which labels to look at first.",
    "Say what helps": "Values for other questions than wrong labels: what helps, and what is rare.",
    "Value contributors": "Values of sites, suppliers or annotators instead of samples.",
    "Compare with": "Known methods and controls, to check the others against.",
}


def needs(info: ValuatorInfo) -> tuple[str, ...]:
    """Return what a method needs beside labelled samples, of NEEDS."""
    asked = {spec.name for spec in info.settings}
    trains = bool(asked & {"epochs", "steps"}) and "net" in asked
    given = {
        TRUSTED: "trusted" in info.needs,
        GROUPS: "groups" in info.needs,
        TRAINING: trains,
        PACKAGE: info.requires is not None,
    }
    return tuple(need for need in NEEDS if given[need])


def needs_sentences(info: ValuatorInfo) -> list[str]:
    """Return each need in a sentence that says what happens without it."""
    epochs = next((spec for spec in info.settings if spec.name in ("epochs", "steps")), None)
    said = {
        TRUSTED: "Trusted samples, whose labels are known to be right. Without any, "
        + (
            "a random share of the data is held out in their place."
            if info.level is Level.CONTRIBUTOR
            else "each random half of the data is measured against the other."
        ),
        GROUPS: "A column that names the contributor of each sample, with two or more of them.",
        TRAINING: "Training a net"
        + (f": {epochs.default:,} {epochs.name} unless set otherwise." if epochs else "."),
        PACKAGE: f"The package {info.requires}: pip install 'dvaudit[{info.requires}]'.",
    }
    return [said[need] for need in needs(info)] or ["Nothing beside samples with labels."]


def group(info: ValuatorInfo) -> str:
    """Return the heading of HEADINGS that a method is listed under."""
    found, useful, contributors, compared = HEADINGS
    if info.level is Level.CONTRIBUTOR:
        return contributors
    if info.baseline:
        return compared
    return found if info.detects_mislabels else useful


def fitting(
    infos: Sequence[ValuatorInfo], tasks: Collection[Task], without: Collection[str]
) -> list[ValuatorInfo]:
    """Return the methods that do one of `tasks` (any, where empty) and need none of `without`."""
    return [
        info
        for info in infos
        if (not tasks or info.tasks & set(tasks)) and not set(needs(info)) & set(without)
    ]


def sign(info: ValuatorInfo) -> list[str]:
    """Return what high and low values mean, and which end to prune first, in sentences."""
    if info.level is Level.CONTRIBUTOR:
        return ["Higher is more useful: the lowest value is the contributor to look at first."]
    lowest, highest = (
        order_words(series, hard=info.measures_hardness)
        for series in (Series.LOWEST, Series.HIGHEST)
    )
    first = "Higher is more useful: the lowest value is the sample to look at first."
    if not info.detects_mislabels:
        first = "Higher is more useful. A low value does not say that the label is wrong."
        lowest = _NO_CLEANING
    return [first, *(f"{title}. {text}" for title, text in (lowest, highest))]


def seed_text(info: ValuatorInfo) -> str:
    """Return whether a method is deterministic, and what the seed decides."""
    same = "The same data, settings and seed give the same values on the same machine."
    if not info.draws:
        return f"{same} Another seed changes nothing, given the same features."
    return f"{same} The seed decides: {info.draws[0].lower()}{info.draws[1:]}"


def cost_of(
    ws: Workspace, dataset: DatasetRecord | None, info: ValuatorInfo
) -> Cost | DvauditError:
    """Return the cost for the dataset, or for TYPICAL where none is ready; or why it has none."""
    try:
        if is_ready(dataset):
            assert dataset is not None
            return audits.estimate(ws, dataset.id, [info.name])[info.name]
        return valuators.get(info.name).estimate(*TYPICAL, this_machine())
    except DvauditError as refusal:
        return refusal


def is_ready(dataset: DatasetRecord | None) -> bool:
    """True where costs can be told for the dataset itself."""
    return dataset is not None and dataset.status is DatasetStatus.READY


def cost_for(dataset: DatasetRecord | None) -> str:
    """Return what the costs are for, in words."""
    if dataset is not None and is_ready(dataset):
        return f"for {dataset.name} ({count(dataset.samples or 0, 'sample')})"
    samples, dimensions, classes = TYPICAL
    return f"for {samples:,} samples with {dimensions} features and {classes} classes"


def comparison(
    infos: Sequence[ValuatorInfo], costs: Mapping[str, Cost | DvauditError]
) -> pd.DataFrame:
    """Return one row per method, as the comparison table shows them."""

    def time(name: str) -> str:
        cost = costs[name]
        return duration(cost.seconds) if isinstance(cost, Cost) else "not here"

    def memory(name: str) -> str:
        cost = costs[name]
        return size_text(cost.bytes) if isinstance(cost, Cost) else ""

    return pd.DataFrame(
        {
            "Method": [info.title for info in infos],
            "Time": [time(info.name) for info in infos],
            "Memory": [memory(info.name) for info in infos],
            "Wrong labels": [info.detects_mislabels for info in infos],
            "Seed": [bool(info.draws) for info in infos],
            "Needs": [", ".join(needs(info)) or "nothing" for info in infos],
            "Tasks": [tasks_text(info) for info in infos],
            "Values": [f"{info.level}s" for info in infos],
        }
    )


def tasks_text(info: ValuatorInfo) -> str:
    """Return the tasks of a method as the app calls them."""
    return ", ".join(text for task, text in TASKS.items() if task in info.tasks)


def settings_table(settings: Sequence[SettingSpec]) -> pd.DataFrame:
    """Return name, default, what is allowed and the help of each setting, as text."""
    return pd.DataFrame(
        {
            "Setting": [spec.name for spec in settings],
            "Default": [_default(spec) for spec in settings],
            "Allowed": [_allowed(spec) for spec in settings],
            "What it does": [spec.help for spec in settings],
        }
    )


def _default(spec: SettingSpec) -> str:
    if spec.default is None:
        return "automatic"
    if spec.type is bool:
        return "on" if spec.default else "off"
    return f"{spec.default:,}" if spec.type is int else str(spec.default)


def _allowed(spec: SettingSpec) -> str:
    if spec.choices:
        return ", ".join(spec.choices)
    if spec.type is bool:
        return "on, off"
    low, high = (None if bound is None else f"{bound:,g}" for bound in (spec.low, spec.high))
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"{low} or more"
    return f"{high} or less" if high is not None else ("text" if spec.type is str else "any number")


def absent(info: ValuatorInfo) -> bool:
    """True where the package that a method needs is not installed."""
    return info.requires is not None and find_spec(info.requires) is None


def used_by(runs: Sequence[RunRecord], info: ValuatorInfo) -> list[RunRecord]:
    """Return those of `runs` that used a method, in their order."""
    if info.level is Level.CONTRIBUTOR:
        return [run for run in runs if run.kind is RunKind.CONTRIBUTORS]
    return [run for run in runs if info.name in run.params.get("valuators", ())]


def needs_line(info: ValuatorInfo) -> str:
    """Return tasks and needs of a method in one line."""
    listed = ", ".join(need[0].lower() + need[1:] for need in needs(info))
    return f"{tasks_text(info)} · needs {listed or 'nothing else'}"
