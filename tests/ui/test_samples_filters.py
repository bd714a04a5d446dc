"""The Samples page's filters as a person works with them, its charts, and its map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from appview import add_audit, in_address, open_page, texts, write_table
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit import readers
from dvaudit.core.decisions import Verdict
from dvaudit.pipeline import PLANE
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui.map_colours import FLAGGED, HIDDEN, LABEL, VERDICT, coloured, colourings, hidden_but
from dvaudit.ui.ranking import Codes, Columns
from dvaudit.ui.sample_facts import class_order, value_table
from dvaudit.ui.samples_charts import class_counts, pair_table, pair_texts


def ids(app: AppTest) -> list[str]:
    rows = rows_of(app)
    return [] if rows is None else rows["Id"].tolist()


def rows_of(app: AppTest) -> pd.DataFrame | None:
    """The list of samples: its table pins the id and, unlike lists of neighbours, has no angle."""
    found = (table.value for table in app.dataframe)
    return next((rows for rows in found if "Id" in rows and "Angle" not in rows), None)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def add_arrays(ws: Workspace, run: str, arrays: dict[str, np.ndarray]) -> None:
    """Give a stored audit arrays, as a real one has."""
    samples = ws.run_samples(run)
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    rows = [ws.run_neighbours(run, at) for at in range(len(samples))]
    near = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    ws.save_findings(run, samples, tables, ws.run_summary(run), near, arrays)


def line_of_places(n: int) -> np.ndarray:
    """Places from left to right, in dataset order."""
    return np.stack([np.arange(n) * 100, np.full(n, 500)], axis=1).astype(np.uint16)


def test_filters_are_written_to_the_address_and_taken_away_one_by_one(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "1", Verdict.KEEP)
    app = open_page("samples")
    app.selectbox(key="filter_show").select("flagged").run()
    app.multiselect(key="filter_classes").set_value(["oak"]).run()
    app.multiselect(key="filter_verdicts").set_value(["none"]).run()
    assert not app.exception
    assert ids(app) == ["2"]
    assert in_address(app, "show") == "flagged"
    assert in_address(app, "class") == "oak"
    assert in_address(app, "verdict") == "none"
    chips = [label for label in labels(app) if label in ("Flagged", "Label: oak")]
    assert chips == ["Flagged", "Label: oak"]
    app.button(key="without_2").click().run()
    assert ids(app) == ["1", "2"]
    assert in_address(app, "verdict") is None
    app.button(key="clear_filters").click().run()
    assert len(ids(app)) == 30
    assert "Clear filters" not in labels(app)
    assert in_address(app, "show") is None


def test_clearing_the_filters_keeps_the_order(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"find": "2", "sort": "margin", "order": "least"})
    assert ids(app)[0] == "29"
    app.button(key="clear_filters").click().run()
    assert (in_address(app, "sort"), in_address(app, "order")) == ("margin", "least")
    assert len(ids(app)) == 30


def test_a_bad_link_shows_what_it_can_and_says_what_it_ignored(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"class": ["ash", "elm"], "show": "flagged", "lasso": "pca_1"})
    assert not app.exception
    assert ids(app) == ["0"]
    said = texts(app)
    assert "class 'ash'" in said.replace("\\", "")
    assert "region of a map 'pca_1'" in said.replace("\\", "")


def test_a_stale_number_of_a_page_shows_the_last_one(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path, rows=70)
    assert len(ids(open_page("samples", {"page": "99"}))) == 10
    assert len(ids(open_page("samples", {"page": "x"}))) == 60


def test_contributors_and_splits_are_offered_where_there_are_some(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    offered = {widget.label for widget in open_page("samples").multiselect}
    assert offered == {"Given label", "Verdict"}


def test_regression_has_no_classes_to_filter_by(ws: Workspace, tmp_path: Path) -> None:
    add_audited_numbers(ws, tmp_path)
    app = open_page("samples", {"class": "oak", "chart": "pairs"})
    assert not app.exception
    assert {widget.label for widget in app.multiselect} == {"Verdict"}
    assert "The address asks for what this audit does not have" in texts(app)
    assert len(ids(app)) == 30


@pytest.mark.parametrize("chart", ["values", "classes", "pairs"])
def test_each_chart_is_drawn(ws: Workspace, tmp_path: Path, chart: str) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"chart": chart, "class": "elm", "range": "margin~-9~9"})
    assert not app.exception
    wording = {"values": "Drag to choose", "classes": "Click a class", "pairs": "Choose a pair"}
    assert wording[chart] in texts(app)


def test_a_click_on_a_pair_of_labels_filters(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"chart": "pairs"})
    pairs = next(radio for radio in app.radio if radio.key == "pairs")
    assert pairs.options == ["oak → elm, **2**", "elm → oak, **1**"]
    assert pairs.value is None
    app = pairs.set_value("oak → elm, **2**").run()
    assert not app.exception
    assert ids(app) == ["1", "2"]
    assert list(app.query_params["pair"]) == ["oak", "elm"]
    assert next(radio for radio in app.radio if radio.key == "pairs").value == "oak → elm, **2**"


def test_a_list_of_pairs_that_scrolls_says_how_many_there_are(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_audited_table(ws, tmp_path)
    assert "scroll the list" not in texts(open_page("samples", {"chart": "pairs"}))
    monkeypatch.setattr("dvaudit.ui.samples_charts._ROOM", 1)
    assert "2 pairs: scroll the list for all." in texts(open_page("samples", {"chart": "pairs"}))


def test_pairs_that_read_alike_are_told_apart() -> None:
    table = pd.DataFrame({"given": ["a → b", "a"], "suggested": ["c", "b → c"], "flagged": [3, 3]})
    assert list(pair_texts(table).values()) == [("a → b", "c"), ("a", "b → c")]


def test_a_step_in_the_dialog_follows_the_selection(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"show": "flagged", "sample": "1"})
    assert "2 of 3 samples" in texts(app)
    app.button(key="step_Next").click().run()
    assert in_address(app, "sample") == "2"
    assert "3 of 3 samples" in texts(app)
    assert app.button(key="step_Next").disabled
    outside = open_page("samples", {"show": "flagged", "sample": "9"})
    assert "not among those that the filters show" in texts(outside)


def test_the_copies_of_a_sample_are_listed_with_links(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": "4"})
    assert "1 duplicate of this sample" in texts(app)
    app.button(key="copy_5").click().run()
    assert in_address(app, "sample") == "5"


def test_class_scores_are_shown_where_the_audit_kept_them(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    assert "What the others say" not in texts(open_page("samples", {"sample": "0"}))
    scores = np.tile(np.array([0.25, -0.5], dtype=np.float32), (30, 1))
    add_arrays(ws, run, {"kernel-loo-class_scores": scores})
    app = open_page("samples", {"sample": "0"})
    assert not app.exception
    assert "What the others say of its class" in texts(app)


def test_the_map_says_when_there_is_none_and_offers_to_make_one(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"with": "map"})
    assert not app.exception
    assert "No map yet" in texts(app)
    app.button(key="make_pca").click().run()
    made = ws.runs(ws.run(run).dataset_id, RunKind.MAP)
    assert [one.params["audit"] for one in made] == [run]
    assert "Map: waiting for its turn" in texts(app)
    assert app.button(key="make_pca").disabled


def test_a_map_that_failed_says_why(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    params = {"function": "none:none", "audit": run, "method": "umap"}
    made = ws.add_run(dataset, RunKind.MAP, params)
    assert ws.queue.claim_one(made)
    begun = ws.queue.begin(made, pid=None)
    assert begun is not None
    assert ws.queue.finish(made, begun.attempt, RunStatus.FAILED, "no room left")
    app = open_page("samples", {"with": "map"})
    assert "Map failed" in texts(app)
    assert "no room left" in texts(app)


@pytest.mark.parametrize("add", [add_audited_table, add_audited_numbers, add_audited_pictures])
def test_a_region_of_the_map_filters(ws: Workspace, tmp_path: Path, add: object) -> None:
    assert callable(add)
    _, run = add(ws, tmp_path)
    add_arrays(ws, run, {PLANE: line_of_places(len(ws.run_samples(run)))})
    region = "pca_150.0_450.0_450.1000_150.1000"
    app = open_page("samples", {"with": "map", "lasso": region, "as": "rows"})
    assert not app.exception
    assert ids(app) == ["2", "3", "4"] or len(ids(app)) == 3
    assert "Region of the map" in labels(app)


def test_samples_without_labels_are_listed_outliers_first(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "bare.csv", rows=12)
    roles = {"kind": "categorical", "width": "numeric", "height": "numeric"}
    dataset = ws.add_dataset("bare", path, copy=True, roles=roles, task="unsupervised")
    source = ws.dataset(dataset).source
    ws.finish_dataset(dataset, readers.load(source, name="bare", roles=roles, task="unsupervised"))
    run = add_audit(ws, dataset)
    samples = ws.run_samples(run).drop(columns=["kernel-loo.flagged"])
    samples = samples.rename(columns={"kernel-loo.value": "dvgs.value"})
    samples["suspicion_rank"] = pd.array([None] * 12, dtype="Int64")
    samples[["flagged", "suggested_label", "margin"]] = [False, None, np.nan]
    samples["dvgs.value"] = [float(at * 5 % 12) for at in range(12)]
    samples["outlier_score"] = [float(at * 7 % 12) for at in range(12)]
    samples["outlier"] = samples["outlier_score"] > 9
    no_duplicates = pd.DataFrame({"group": pd.Series([], dtype=int), "conflict": False})
    unknown = {"rate": None, "low": None, "high": None, "how": "no labels"}
    counts = {"duplicate_conflicts": 0, "duplicate_groups": 0, "outliers": 0}
    summary = {"samples": 12, "labelled": 0, "error_rate": unknown, **counts}
    near = {
        f"{side}_{what}": np.full((12, 2), -1)
        for side in ("same", "other")
        for what in ("index", "distance")
    }
    arrays = {PLANE: line_of_places(12)}
    ws.save_findings(run, samples, {"duplicates": no_duplicates}, summary, near, arrays)
    app = open_page("samples", {"with": "map", "sample": "3"})
    assert not app.exception
    farthest = ["5", "10", "3", "8", "1", "6", "11", "4", "9", "2", "7", "0"]
    assert ids(app) == farthest
    assert "the farthest from all others first" in texts(app)
    rows = rows_of(app)
    assert rows is not None
    assert not {"Rank", "Given", "Suggested", "Finding", "Verdict"} & set(rows)
    assert all("Given" not in table.value for table in app.dataframe)
    assert "Keep" not in labels(app)
    assert {metric.label for metric in app.metric} == {"Samples", "Duplicates", "Outliers"}
    samples["suspicion_rank"] = pd.array(range(12, 0, -1), dtype="Int64")
    ranked = add_audit(ws, dataset)
    ws.save_findings(ranked, samples, {"duplicates": no_duplicates}, summary, near, arrays)
    app = open_page("samples")
    rows = rows_of(app)
    assert rows is not None
    assert ids(app) == farthest  # what the method found useful is no reason to look at it last
    assert rows["Distance to others"].tolist() == [float(at) for at in range(11, -1, -1)]
    assert not {"Rank", "Given"} & set(rows)
    assert app.selectbox(key="filter_column").options == ["Distance to others", "Value by dvgs"]
    assert app.segmented_control(key="filter_least").options[0] == "Farthest"
    app = open_page("samples", {"sort": "dvgs.value"})
    assert ids(app) == ["0", "5", "10", "3", "8", "1", "6", "11", "4", "9", "2", "7"]
    assert app.segmented_control(key="filter_least").options[0] == "Least useful"
    app = open_page("samples", {"show": "outliers"})
    assert ids(app) == farthest[:2]
    for page in ("audit", "home"):
        assert "0 outliers and 0 groups of duplicates" in texts(open_page(page))
    for page in ("review", "export"):
        app = open_page(page)
        assert not app.exception
        assert "utliers and duplicates are on the Samples page" in texts(app)
        assert "Go to Samples" in labels(app)
        assert not {"Go to Data", "Review samples"} & set(labels(app))
    assert "This data has no labels, so nothing is flagged" in texts(app)
    assert "cut-off on the Samples page" not in texts(app)


# The parts without a page


COLUMNS = Columns(
    frame=pd.DataFrame(
        {
            "id": list("abcdef"),
            "given_label": ["x", "x", "y", "z", None, "y"],
            "suspicion_rank": [1, 2, 3, 4, None, 5],
            "outlier_score": np.nan,
            "m.value": [0.0, 1.0, 2.0, 3.0, np.nan, 4.0],
            "m.std_error": [0.5, 0.0, 0.0, 0.0, np.nan, 0.0],
        }
    ),
    classes=Codes(("x", "y", "z"), np.array([0, 0, 1, 2, -1, 1], dtype=np.int32)),
    suggested=Codes(("y", "z", "new"), np.array([0, 0, 0, 2, -1, 1], dtype=np.int32)),
    groups=Codes((), np.full(6, -1, dtype=np.int32)),
    splits=None,
    search=lambda text: np.zeros(6, dtype=bool),
)
MARKED = np.array([True, False, False, True, False, False])


def test_pairs_are_counted_without_agreement_the_most_flagged_first() -> None:
    table = pair_table(COLUMNS, MARKED)
    assert table.to_numpy().tolist() == [["x", "y", 2, 1], ["z", "new", 1, 1], ["y", "z", 1, 0]]


def test_classes_are_counted_in_the_order_of_their_names() -> None:
    sizes, marked = class_counts(COLUMNS, ("z", "y", "x", "unused"), MARKED)
    assert list(sizes.items()) == [("z", 1), ("y", 2), ("x", 2)]
    assert marked == {"z": 1, "y": 0, "x": 1}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("by", [LABEL, FLAGGED, VERDICT, "m.value"])
def test_every_sample_has_a_colour_that_the_legend_counts(by: str, dark: bool) -> None:
    judged = np.array([0, 1, 2, 3, 4, 0], dtype=np.int8)
    found = coloured(COLUMNS, by, MARKED, judged, dark=dark)
    sizes = {item.code: int(item.many) for item in found.legend}
    assert sizes == {int(code): int((found.codes == code).sum()) for code in set(found.codes)}
    assert max(sizes) < len(found.palette) < HIDDEN
    assert all(item.label for item in found.legend)


def test_classes_beyond_the_palette_share_a_colour() -> None:
    names = tuple(f"class {at:02d}" for at in range(14))
    codes = np.repeat(np.arange(14), 14 - np.arange(14)).astype(np.int32)
    n = len(codes)
    nothing = Codes((), np.full(n, -1, dtype=np.int32))
    frame = pd.DataFrame({"id": range(n), "given_label": [names[at] for at in codes]})
    columns = Columns(frame, Codes(names, codes), nothing, nothing, None, lambda text: codes > 99)
    nobody = np.zeros(n, dtype=np.int8)
    found = coloured(columns, LABEL, nobody > 0, nobody, dark=False)
    assert [item.label for item in found.legend][-2:] == ["class 09", "4 other classes"]
    assert len(set(found.codes[codes >= 10])) == 1
    assert colourings(columns) == [LABEL, FLAGGED, VERDICT]


def test_samples_that_are_not_chosen_are_marked() -> None:
    codes = np.array([3, 1, 2], dtype=np.uint8)
    assert hidden_but(codes, np.array([2, 0])).tolist() == [3, 1 | HIDDEN, 2]


def test_the_values_of_a_sample_have_intervals_and_ranks() -> None:
    assert value_table(COLUMNS.frame, 0).to_numpy().tolist() == [
        ["m", "0", "-0.98 to 0.98", "1 of 5"]
    ]
    assert value_table(COLUMNS.frame, 4).to_numpy().tolist() == [["m", "-", "-", "-"]]


def test_the_given_class_is_always_among_the_bars() -> None:
    scores = np.array([0.1, 0.9, np.nan, 0.5, 0.3])
    names = ("a", "b", "c", "d", "e")
    assert class_order(scores, names, "a", 3) == [1, 3, 0]
    assert class_order(scores, names, "d", 3) == [1, 3, 4]
    assert class_order(scores, names, None, 2) == [1, 3]
