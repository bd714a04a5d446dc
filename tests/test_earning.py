"""What verdicts say of a stored audit: through the workspace, by cut-off, and in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audited import add_audited_table

from dvaudit import earning
from dvaudit.core.errors import NotFoundError, UnsuitableDataError
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import RunRecord, Workspace, WorkspaceError

ROWS = 120


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> tuple[str, str]:
    return add_audited_table(ws, tmp_path, ROWS)


def _judge(
    ws: Workspace, dataset: str, run: str, positions: list[int], wrong: int, drop: bool = False
) -> None:
    """Judge positions; those whose rank is at most `wrong` have a wrong label, or are dropped."""
    found = ws.run_samples(run)
    for at in positions:
        bad, name = int(found["suspicion_rank"].iat[at]) <= wrong, str(found["id"].iat[at])
        if bad and not drop:
            ws.decide(dataset, name, "relabel", _other(str(found["given_label"].iat[at])))
        else:
            ws.decide(dataset, name, "drop" if bad else "keep")


def _other(label: str) -> str:
    return "oak" if label != "oak" else "elm"


def _with_methods(ws: Workspace, run: str, low: float, high: float) -> RunRecord:
    """Let the methods' own estimate have another interval."""
    summary = ws.run_summary(run)
    summary["error_rate"] |= {"low": low, "high": high}
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    ws.save_findings(run, ws.run_samples(run), tables, summary, {})
    return ws.run(run)


def _by_rank(ws: Workspace, run: str) -> list[int]:
    return [int(at) for at in np.argsort(ws.run_samples(run)["suspicion_rank"].to_numpy())]


def test_the_methods_estimate_stands_until_there_are_30_verdicts(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    dataset, run = audit
    _with_methods(ws, run, 0.0, 1.0)
    queue = _by_rank(ws, run)
    assert earning.error_rate(ws, ws.run(run)).how == "made up"
    _judge(ws, dataset, run, queue[:29], wrong=12)
    assert earning.error_rate(ws, ws.run(run)).how == "made up"
    _judge(ws, dataset, run, queue[29:30], wrong=12)
    rate = earning.error_rate(ws, ws.run(run))
    assert "12 wrong labels, that is relabelled ones, among 30 judged samples" in rate.how
    assert "no method sees" in rate.how
    assert rate.low is not None
    assert rate.high is not None
    assert rate.low <= 12 / ROWS <= rate.high
    found, same = earning.earned_so_far(ws, ws.run(run))
    assert (found.above.hits, found.above.of, found.found) == (3, 3, 12)
    assert same == rate


def test_a_wider_interval_from_the_top_leaves_the_methods_estimate(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    dataset, run = audit
    _judge(ws, dataset, run, _by_rank(ws, run)[:40], wrong=12)
    found, rate = earning.earned_so_far(ws, _with_methods(ws, run, 0.0999, 0.1001))
    assert found.by_order is not None
    assert (rate.how, rate.low, rate.high) == ("made up", 0.0999, 0.1001)
    # Random samples see what the methods cannot: no width of theirs outdoes that.
    drawn = earning.draw_audit_sample(ws, run, 60, seed=5)
    _judge(ws, dataset, run, list(drawn.positions), wrong=12)
    assert "drawn at random" in earning.error_rate(ws, ws.run(run)).how


def test_the_headline_does_not_depend_on_what_is_shown(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    dataset, run = audit
    drawn = earning.draw_audit_sample(ws, run, 60, seed=5)
    _judge(ws, dataset, run, [*_by_rank(ws, run)[:40], *drawn.positions[:5]], wrong=12)
    record = _with_methods(ws, run, 0.0, 1.0)
    assert (
        earning.earned_so_far(ws, record)[1]
        == earning.earned_so_far(ws, record, separately=True)[1]
        != earning.ErrorRate(**ws.run_summary(run)["error_rate"])
    )


def test_drops_are_worth_flagging_and_no_wrong_labels(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    dataset, run = audit
    everything = _by_rank(ws, run)
    _judge(ws, dataset, run, everything, wrong=ROWS, drop=True)
    found, rate = earning.earned_so_far(ws, ws.run(run))
    assert (found.above.hits, found.above.of, found.dropped) == (3, 3, ROWS)
    assert (rate.rate, rate.low, rate.high) == (0, None, None)
    assert rate.note == "counted, drops not wrong"
    assert "Dropped samples, 120 of them, count as not wrong" in rate.how
    _judge(ws, dataset, run, everything[:6], wrong=6)
    rate = earning.error_rate(ws, ws.run(run))
    assert rate.rate == pytest.approx(6 / ROWS)
    assert "6 labels were wrong, that is relabelled" in rate.how


def test_verdicts_that_somebody_chose_do_not_replace_the_methods_estimate(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    dataset, run = audit
    _judge(ws, dataset, run, _by_rank(ws, run)[40:80], wrong=12)
    found, rate = earning.earned_so_far(ws, ws.run(run))
    assert found.judged == 40
    assert rate.how == "made up"


def test_a_random_audit_sample_speaks_for_all_and_is_named(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    dataset, run = audit
    drawn = earning.draw_audit_sample(ws, run, 60, seed=5)
    _judge(ws, dataset, run, list(drawn.positions), wrong=12)
    found, rate = earning.earned_so_far(ws, ws.run(run))
    assert (found.drawn, found.audited) == (60, 60)
    assert found.by_audit is not None
    assert found.by_audit.value == pytest.approx(found.found / 60)
    assert "60 drawn at random" in rate.how
    assert rate.rate == pytest.approx(12 / ROWS, abs=0.05)


def test_unsure_and_undone_verdicts_do_not_count(ws: Workspace, audit: tuple[str, str]) -> None:
    dataset, run = audit
    _judge(ws, dataset, run, _by_rank(ws, run)[:2], wrong=12)
    ws.decide(dataset, "50", "unsure")
    ws.decide(dataset, "51", "relabel", "oak")
    ws.undo(dataset)
    found, _ = earning.earned_so_far(ws, ws.run(run))
    assert (found.judged, found.found, found.unsure) == (2, 2, 1)


def test_what_is_flagged_follows_the_cut_off(ws: Workspace, audit: tuple[str, str]) -> None:
    dataset, run = audit
    _judge(ws, dataset, run, _by_rank(ws, run)[:20], wrong=12)
    assert earning.earned_so_far(ws, ws.run(run))[0].above.of == 3
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=15))
    found, _ = earning.earned_so_far(ws, ws.run(run))
    assert (found.flagged, found.above.hits, found.above.of) == (15, 12, 15)
    assert (found.below.hits, found.below.of) == (0, 5)
    assert found.cut_at(0.5) == 12


def test_an_audit_sample_is_kept_beside_its_run_and_grows(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    _, run = audit
    assert ws.audit_sample(run) is None
    first = earning.draw_audit_sample(ws, run, 20, seed=1)
    assert ws.audit_sample(run) == first
    assert first.drawn_from == ROWS
    more = earning.draw_audit_sample(ws, run, 50, seed=1)
    assert more.positions[:20] == first.positions
    assert len(earning.draw_audit_sample(ws, run, 10, seed=1).positions) == 50
    document = json.loads((ws.run_dir(run) / "audit_sample.json").read_text())
    assert (document["schema_version"], document["seed"], document["size"]) == (1, 1, 50)


@pytest.mark.parametrize(
    ("text", "said"), [("{", "does not hold"), ('{"schema_version": 9}', "schema version 9")]
)
def test_a_damaged_or_newer_audit_sample_is_refused(
    ws: Workspace, audit: tuple[str, str], text: str, said: str
) -> None:
    _, run = audit
    (ws.run_dir(run) / "audit_sample.json").write_text(text)
    with pytest.raises(WorkspaceError, match=said):
        ws.audit_sample(run)


def test_only_ranked_samples_of_a_known_run_are_drawn(
    ws: Workspace, audit: tuple[str, str]
) -> None:
    _, run = audit
    frame = ws.run_samples(run)
    frame.loc[10:, "suspicion_rank"] = pd.NA
    drawn = earning.draw_audit_sample(ws, run, 50, frame=frame)
    assert sorted(drawn.positions) == list(range(10))
    frame["suspicion_rank"] = pd.NA
    with pytest.raises(UnsuitableDataError, match="ranks no sample"):
        earning.draw_audit_sample(ws, run, 50, frame=frame)
    with pytest.raises(NotFoundError):
        ws.keep_audit_sample(replace(drawn, run_id="r9999"))
