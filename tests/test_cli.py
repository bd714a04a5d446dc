"""The dvaudit command on real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dvaudit
from dvaudit import cli, valuators
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NumericalError
from dvaudit.patches import make_patch
from dvaudit.reports.patch import write_patch

FLIPPED = tuple(range(5, 120, 10))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of two clear classes with twelve wrong labels."""
    rng = np.random.default_rng(0)
    label = np.arange(120) % 2
    frame = pd.DataFrame({"a": 4.0 * label + rng.normal(size=120), "b": rng.normal(size=120)})
    frame["kind"] = np.where(label == 1, "high", "low")
    for row in FLIPPED:
        frame.loc[row, "kind"] = "low" if label[row] == 1 else "high"
        frame.loc[row, "a"] = 4.0 * label[row]
    path = tmp_path / "my table é.csv"
    frame.to_csv(path, index=False)
    return path


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dvaudit", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_audit_writes_what_the_design_says(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    status = _run(
        monkeypatch, "audit", table, "--label", "kind", "--out", out,
        "--valuator", "kernel-loo", "--valuator", "cg-score", "--set", "cg-score.ridge=0.1",
    )  # fmt: skip
    assert status == 0
    assert {item.name for item in out.iterdir()} == {
        "samples.parquet", "samples.csv", "corrections.csv", "report.html", "audit.json",
    }  # fmt: skip
    samples = pd.read_parquet(out / "samples.parquet")
    assert list(samples)[:2] == ["id", "given_label"]
    assert {"suspicion_rank", "flagged", "kernel-loo.value", "cg-score.partial_cg"} <= set(samples)
    corrections = pd.read_csv(out / "corrections.csv")
    assert list(corrections) == ["id", "given_label", "suggested_label", "suspicion_rank"]
    assert set(FLIPPED) <= set(corrections["id"])
    record = json.loads((out / "audit.json").read_text())
    assert record["schema_version"] == 1
    assert record["valuators"]["cg-score"]["settings"]["ridge"] == 0.1
    assert "120 samples" in capsys.readouterr().out


@pytest.mark.parametrize("more", [(), ("--valuator", "kernel-loo")])
def test_contributors_are_summed_up_by_their_ends(
    more: tuple[str, ...],
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame = pd.read_csv(table)
    frame["site"] = [f"site {row % 5}" for row in range(len(frame))]
    frame.to_csv(table, index=False)
    out = tmp_path / "out"
    status = _run(
        monkeypatch, "audit", table, "--label", "kind", "--group", "site", "--out", out,
        "--valuator", "davinz", "--set", "davinz.initialisations=1", *more,
    )  # fmt: skip
    assert status == 0
    ranked = pd.read_csv(out / "contributors.csv").sort_values("value", ascending=False)
    named = [f"{row.contributor} ({row.value:.4g})" for row in ranked.itertuples()]
    lines = capsys.readouterr().out.splitlines()
    assert f"davinz: highest {named[0]}, {named[1]}" in lines
    assert f"davinz: lowest {named[4]}, {named[3]}" in lines
    assert f"davinz: values of 5 contributors in {out / 'contributors.csv'}" in lines
    assert any("flagged" in line for line in lines) == bool(more)


def test_a_method_that_fails_is_named_and_the_others_are_written(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pd.read_csv(table)
    frame.loc[3] = frame.loc[1]
    frame.to_csv(table, index=False)

    def diverge(*_: object, **__: object) -> None:
        raise NumericalError("It diverged; lower the rate.")

    monkeypatch.setattr(valuators.lookup("cg-score"), "value", diverge)
    asked = ["audit", table, "--label", "kind", "--valuator", "cg-score"]
    assert _run(monkeypatch, *asked, "--out", tmp_path / "none") == 2
    assert capsys.readouterr().err == "dvaudit: It diverged; lower the rate.\n"
    out = tmp_path / "out"
    asked += ["--valuator", "kernel-loo", "--out", out]
    assert _run(monkeypatch, *asked) == 4
    said = capsys.readouterr()
    assert said.err == "dvaudit: cg-score failed: It diverged; lower the rate.\n"
    assert "kernel-loo: warning: 1 sample points the same way as an earlier one" in said.out
    assert json.loads((out / "audit.json").read_text())["failed"] == {
        "cg-score": "It diverged; lower the rate."
    }
    assert "kernel-loo.value" in pd.read_csv(out / "samples.csv")
    assert _run(monkeypatch, *asked, "--fail-above", "0.0001") == 3
    assert "cg-score failed" in capsys.readouterr().err


def test_without_labels_it_says_what_else_was_found(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = pd.read_csv(table)[["a", "b"]]
    bare.loc[120] = bare.loc[7]
    bare.to_csv(table, index=False)
    status = _run(
        monkeypatch, "audit", table, "--task", "unsupervised", "--trusted", table,
        "--valuator", "dvgs", "--set", "dvgs.steps=5", "--out", tmp_path / "out",
    )  # fmt: skip
    assert status == 0
    said = capsys.readouterr().out
    assert "121 samples, tabular unsupervised\n" in said
    record = json.loads((tmp_path / "out" / "audit.json").read_text())["results"]
    assert record["duplicate_groups"] >= 1
    groups, outliers = record["duplicate_groups"], record["outliers"]
    assert f"no labels to judge; {groups} group" in said
    assert f"of duplicates; {outliers} outlier" in said
    assert [words for words in ("flagged", "wrong label", "labelled") if words in said] == []
    assert "corrections.csv" not in {path.name for path in (tmp_path / "out").iterdir()}


def test_fail_above_sets_the_exit_status(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("audit", table, "--label", "kind", "--valuator", "kernel-loo", "--out", tmp_path)
    assert _run(monkeypatch, *common, "--fail-above", "0.001") == 3
    assert _run(monkeypatch, *common, "--fail-above", "0.9") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--valuator", "cgscore"), "did you mean 'cg-score'"),
        (("--label", "no such column"), "no such column"),
        (("--set", "kernel-loo"), "NAME.key=value"),
        (("--set", "kernel-loo.ridge=-1"), "least allowed is 0"),
        (("--set", "kernel-loo.ridge=large"), "type float, or none"),
        (("--seed", 2**40), "whole number from 0 to 4,294,967,295"),
        (("--device", "tpu"), "no device 'tpu'"),
    ],
)
def test_a_refusal_is_one_line_and_status_2(
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert _run(monkeypatch, "audit", table, "--out", tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("dvaudit: ")
    assert said in error
    assert error.count("\n") == 1


def test_valuators_are_listed_with_every_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "valuators") == 0
    listed = capsys.readouterr().out
    for info in valuators.describe():
        for spec in info.settings:
            assert f"--set {info.name}.{spec.name}=" in listed
            assert spec.help in listed


@pytest.mark.parametrize(("word", "kept"), [("auto", 128), ("none", None), ("", None), ("9", 9)])
def test_components_are_counted_all_or_the_default(
    word: str, kept: int | None, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = _run(
        monkeypatch, "audit", table, "--label", "kind", "--valuator", "dvgs",
        "--set", "dvgs.steps=5", "--set", f"dvgs.components={word}", "--out", tmp_path / "out",
    )  # fmt: skip
    assert status == 0
    record = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert record["valuators"]["dvgs"]["settings"]["components"] == kept


def test_the_list_says_how_to_leave_a_setting_empty_that_has_a_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "valuators") == 0
    after = capsys.readouterr().out.partition("--set dvgs.components=128\n")[2]
    assert after.splitlines()[1].strip() == "none leaves it empty."


def test_the_list_refers_to_no_text_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "valuators") == 0
    listed = capsys.readouterr().out
    assert "documentation" not in listed
    assert "its own gradient times the full learning rate" in listed


def test_module_and_command_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvaudit", "--help"], capture_output=True, text=True, check=True
    )
    assert "audit" in done.stdout
    assert "serve" in done.stdout


def test_python_and_command_line_agree(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _run(monkeypatch, "audit", table, "--label", "kind", "--out", tmp_path / "cli") == 0
    audit = dvaudit.audit(dvaudit.load(table, label="kind"))
    audit.save(tmp_path / "python")
    written = [pd.read_parquet(tmp_path / side / "samples.parquet") for side in ("cli", "python")]
    pd.testing.assert_frame_equal(*written)


def test_exported_names_exist() -> None:
    for name in dvaudit.__all__:
        assert getattr(dvaudit, name) is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit"], "Missing"),
        (["audit", "x.csv", "--out", "o", "--colour", "red"], "--colour"),
        (["audit", "x.csv", "--out", "o", "--seed", "-1"], "--seed"),
        (["paint"], "paint"),
    ],
)
def test_misuse_is_explained_without_a_traceback(
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_no_arguments_show_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch)
    shown = capsys.readouterr()
    assert "audit" in shown.out + shown.err
    assert "Traceback" not in shown.err


def test_the_version_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("dvaudit")


def test_an_interrupt_exits_with_130(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.audits, "audit", interrupted)
    assert _run(monkeypatch, "audit", table, "--out", tmp_path / "out") == 130
    assert capsys.readouterr().err.strip() == "Stopped."


def test_a_patch_is_applied_to_a_newer_copy(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = dvaudit.load(table, label="kind")
    decisions = {
        "5": Decision("5", Verdict.RELABEL, "high"),
        "6": Decision("6", Verdict.DROP),
        "7": Decision("7", Verdict.KEEP),
    }
    write_patch(make_patch(data, decisions, reviewer="ana"), tmp_path / "patch.json")
    frame = pd.read_csv(table)
    newer = tmp_path / "newer.csv"
    frame.drop(index=7)[::-1].to_csv(newer, index=False)
    out = tmp_path / "out"
    command = ("apply", tmp_path / "patch.json", newer, "--out", out)
    assert _run(monkeypatch, *command, "--strict") == 2
    assert "1 verdict does not fit" in capsys.readouterr().err
    assert not out.exists()
    assert _run(monkeypatch, *command) == 0
    said = capsys.readouterr().out
    assert "2 of 3 verdicts are applied." in said
    assert "another id: 5, 6." in said
    assert "the content under the id has changed: 7." in said
    expected = frame.drop(index=[6, 7])[::-1].reset_index(drop=True)
    expected.loc[len(expected) - 6, "kind"] = "high"
    pd.testing.assert_frame_equal(pd.read_csv(out / "newer-corrected.csv"), expected)
    assert len(pd.read_csv(out / "patch-result.csv")) == 3
    (tmp_path / "patch.json").write_text('{"schema": "dvaudit.patch", "schema_version": 7}')
    assert _run(monkeypatch, *command) == 2
    assert "patch.json has the schema version 7" in capsys.readouterr().err


def test_sections_of_the_report_are_chosen(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("audit", table, "--label", "kind", "--valuator", "kernel-loo", "--out", tmp_path)
    assert _run(monkeypatch, *common, "--section", "card", "--section", "samples") == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Valuation card" in page
    assert "Outliers</h2>" not in page
    assert _run(monkeypatch, *common, "--section", "weather") == 2
    assert "'weather': no section of a report; there are scores," in capsys.readouterr().err
    assert _run(monkeypatch, *common, "--shown", "501") == 2
    assert "choose 60 to 500" in capsys.readouterr().err


def test_a_patch_of_which_nothing_fits_or_that_cannot_be_written_leaves_no_copy(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, patch, out = dvaudit.load(table, label="kind"), tmp_path / "patch.json", tmp_path / "out"
    command = ("apply", patch, tmp_path / "newer.csv", "--out", out)
    frame = pd.read_csv(table)
    frame.drop(index=[5, 6]).to_csv(tmp_path / "newer.csv", index=False)
    gone = {name: Decision(name, Verdict.DROP) for name in ("5", "6")}
    write_patch(make_patch(data, gone), patch)
    assert _run(monkeypatch, *command) == 2
    said = capsys.readouterr()
    assert "None of 2 verdicts fits newer" in said.err
    assert "applied" not in said.out
    empty = {"1": Decision("1", Verdict.RELABEL, "")}
    write_patch(make_patch(data, empty), patch)
    assert _run(monkeypatch, *command) == 2
    assert "applied" not in capsys.readouterr().out
    assert not list(out.glob("*.csv"))
