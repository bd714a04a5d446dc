"""The form of the Audit page filled in as an earlier audit was set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dvaudit import features, valuators
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.errors import DvauditError
from dvaudit.core.settings import parse, specs
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui.forms import fill
from dvaudit.ui.history import number
from dvaudit.ui.trusted_choice import OWN, trusted_key

AUTOMATIC = "automatic"
SEED = "audit_seed"


def method_key(name: str, labelled: bool) -> str:
    """Return the key of a method's box; what is chosen for labels is no choice for data without."""
    return f"method_{name}" if labelled else f"method_{name}_unlabelled"


def extractor_key(dataset: DatasetRecord) -> str:
    """Return the key of the choice of features."""
    return f"extractor_{dataset.kind}"


def as_in(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Fill the form in as an audit was set up; a callback. Deleted trusted sets are left out."""
    params, state = run.params, st.session_state
    labelled = dataset.task is not Task.UNSUPERVISED
    asked = params.get("valuators", ())
    for name in valuators.names(valuators.Level.SAMPLE):
        state[method_key(name, labelled)] = name in asked
        if name in asked:
            given = params.get("settings", {}).get(name)
            _fill(valuators.lookup(name).Settings, given, f"set.{name}")
    extractor = params.get("extractor")
    state[extractor_key(dataset)] = extractor or AUTOMATIC
    used = extractor or features.automatic_for(dataset.kind or Kind.TABULAR)
    given = params.get("extractor_settings")
    _fill(features.get(used).Settings, given, f"set.features.{used}")
    state[SEED] = int(params.get("seed", 0))
    there = {other.id for other in ws.datasets()}
    trusted = params.get("trusted")
    state[trusted_key(dataset)] = trusted if trusted in there else OWN
    st.toast(f"The form below is filled in as for audit {number(run)}.", icon=":material/edit:")


def _fill(settings: type, given: Mapping[str, Any] | None, key: str) -> None:
    """Fill in the settings of a method; the defaults where this version takes others."""
    chosen: Any
    try:
        chosen = parse(settings, given or {}, "")
    except DvauditError:
        chosen = settings()
    fill(specs(settings), {spec.name: getattr(chosen, spec.name) for spec in specs(settings)}, key)
