"""The embedding map of an audit: which one, what colours it, and a region that filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Kind
from dvaudit.maps import MapMethod
from dvaudit.server.maps import publish
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import theme
from dvaudit.ui.addressed import in_address, mirrored
from dvaudit.ui.components.map import MapData, embedding_map
from dvaudit.ui.filter_columns import columns_of
from dvaudit.ui.filters import SAMPLE, Selected, amend
from dvaudit.ui.following import follow
from dvaudit.ui.links import map_url, published_url, thumbnail_base
from dvaudit.ui.map_colours import FLAGGED, LABEL, VERDICT, coloured, colourings, hidden_but
from dvaudit.ui.map_data import ids_of
from dvaudit.ui.map_regions import drawn
from dvaudit.ui.ranking import Filter
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import count, plain

MAP, COLOUR = "map", "colour"
_TITLES = {MapMethod.PCA: "PCA", MapMethod.TSNE: "t-SNE", MapMethod.UMAP: "UMAP"}
_WHAT = {
    MapMethod.PCA: "the two directions along which the features differ most; done in seconds",
    MapMethod.TSNE: "neighbours stay together, distances between groups say little",
    MapMethod.UMAP: "as t-SNE, and faster on many samples",
}
_HELP = (
    "Drag to choose a region; click a point to open it. Shift and drag, or Move, shifts the map, "
    "and the wheel enlarges it. By keyboard: arrows move a cross, Enter sets one corner of a box "
    "and then the other, plus and minus enlarge."
)


def map_panel(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    shown: Selected,
) -> None:
    """Draw the map, its choices, and the maps in the making; samples not selected are pale."""
    columns, wanted, positions = columns_of(ws, dataset, run), shown.wanted, shown.positions
    known = {made.name: _TITLES[made.method] for made in audits.maps_of(ws, run)}
    choice, colours, more = st.columns([2, 2, 1.2], vertical_alignment="bottom")
    with choice:
        if not known:
            st.markdown("**No map yet.** Make one: PCA takes seconds.")
        name = _choose("Map", MAP, _first(list(known), wanted), _words(known))
    with colours:
        by = _choose("Colour by", COLOUR, colourings(columns), _colour_words)
    with more:
        _make(ws, dataset, run)
    _in_the_making(ws, run)
    if name is None or by is None:
        return
    shades = coloured(columns, by, shown.flagged, shown.judged, dark=theme.dark())
    marked = hidden_but(shades.codes, positions)
    lasso = wanted.lasso if wanted.lasso is not None and wanted.lasso.map == name else None
    listed = ids_of(ws, run)
    groups = ", ".join(f"{item.many} {item.label}" for item in shades.legend)
    embedding_map(
        MapData(
            points=map_url(dataset.id, run.id, name),
            colours=published_url(dataset.id, publish(dataset.id, marked.tobytes())),
            palette=shades.palette,
            legend=shades.legend,
            polygon=None if lasso is None else lasso.polygon,
            thumbnails=thumbnail_base(dataset.id) if dataset.kind is Kind.IMAGE else None,
            ids=None if listed is None else published_url(dataset.id, publish(dataset.id, listed)),
            name=f"{known[name]} map of {count(len(marked), 'sample')}, coloured by "
            f"{_colour_words(by).lower()}: {groups}",
            help=_HELP,
            said=f"{len(positions):,} of {len(marked):,} samples chosen",
        ),
        key=f"map_{run.id}_{name}",
        on_lasso=lambda vertices: _lasso(ws, dataset, run, name, vertices),
        on_open=_open,
    )


def _lasso(ws: Workspace, dataset: DatasetRecord, run: RunRecord, name: str, vertices: Any) -> None:
    region = drawn(name, vertices)
    if region is not None or vertices == []:
        amend(ws, dataset, run, lasso=region)


def _open(position: Any) -> None:
    if isinstance(position, int | float):
        in_address({SAMPLE: [str(int(position))]})


def _choose(label: str, key: str, options: Sequence[str], words: Any) -> str | None:
    """Draw a choice that is kept in the address; the first option is the default."""
    if not options:
        return None
    follow_choice = mirrored(key, options)
    return str(st.selectbox(label, options, format_func=words, key=key, on_change=follow_choice))


def _first(names: list[str], wanted: Filter) -> list[str]:
    """Put the map with the chosen region first, where the address names none."""
    drawn_on = None if wanted.lasso is None else wanted.lasso.map
    return sorted(names, key=lambda name: name != drawn_on)


def _words(titles: Mapping[str, str]) -> Any:
    """Return what to call each map: by its run where there are several of a kind."""
    repeated = [title for title in titles.values() if list(titles.values()).count(title) > 1]

    def words(name: str) -> str:
        title = titles[name]
        again = title in repeated and name[1:].isdigit()
        return f"{title}, run {int(name[1:])}" if again else title

    return words


def _colour_words(by: str) -> str:
    named = {
        LABEL: "Given label",
        FLAGGED: "Finding",
        VERDICT: "Verdict",
        "outlier_score": "Distance to others",
    }
    return named.get(by, f"Value by {by.removesuffix('.value')}")


def _make(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    made = {one.method for one in audits.maps_of(ws, run)}
    live = {
        MapMethod(one.params["method"]) for one in audits.map_runs(ws, run) if one.status.is_live
    }
    with st.popover("Make a map", icon=":material/scatter_plot:", width="stretch"):
        st.caption("Laid out in the background from the features of this audit.")
        for method in MapMethod:
            if method is MapMethod.PCA and method in made:
                continue
            why = audits.map_refusal(dataset.samples or 0, method)
            st.button(
                f"Make it again by {_TITLES[method]}" if method in made else _TITLES[method],
                key=f"make_{method}",
                disabled=why is not None or method in live,
                on_click=_start,
                args=(ws, run.id, method),
                width="stretch",
            )
            st.caption(plain(why) if why else f"{_WHAT[method].capitalize()}.")


def _start(ws: Workspace, audit_id: str, method: MapMethod) -> None:
    with refusals_shown():
        audits.start_map(ws, audit_id, method)


def _in_the_making(ws: Workspace, run: RunRecord) -> None:
    """Follow maps that work or wait, and the newest one where it stopped."""
    runs = audits.map_runs(ws, run)
    for at, one in enumerate(runs):
        if one.status.is_live or (at == 0 and one.status is not RunStatus.DONE):
            follow(ws, one)
