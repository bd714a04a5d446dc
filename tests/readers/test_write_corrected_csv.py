"""Corrected copies of CSV files: what was decided changes, and nothing else."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from corrected import decide
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvaudit.core.dataset import Dataset
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.readers import load, write_corrected

CSV = (
    '\ufeff"ID";a;"label";note\r\nr1;1,50;" yes";"x;""y"""\r\n\r\nr2;007;no;\r\nbad;1\r\n'
    'r3;2;"yes";z\r\nr4;3;no;w'
)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le"])
def test_csv_keeps_every_untouched_character(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(CSV.encode(codec))
    data = load(path)
    assert data.ids == ("r1", "r2", "r3", "r4")
    out = write_corrected(data, decide(r3="=no", r4="=may;be", r2="drop", r1="keep"), tmp_path)
    assert out.name == "t-corrected.csv"
    expected = CSV.replace("r2;007;no;\r\n", "").replace('r3;2;"yes"', 'r3;2;"no"')
    assert out.read_bytes().decode(codec) == expected.replace("r4;3;no;w", 'r4;3;"may;be";w')
    again = load(out)
    assert again.ids == ("r1", "r3", "r4")
    assert list(again.label_text()) == ["yes", "no", "may;be"]


def test_a_class_is_written_as_the_file_writes_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a, label\n1, <=50K\n2, >50K\n3, <=50K\n", encoding="utf-8")
    out = write_corrected(load(tmp_path / "t.csv"), decide(**{"1": "=<=50K"}), tmp_path / "out")
    assert out.read_text(encoding="utf-8") == "a, label\n1, <=50K\n2, <=50K\n3, <=50K\n"


def test_a_label_the_encoding_lacks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("a,label\n1,ä\n2,b\n3,ä\n".encode("cp1252"))
    with pytest.raises(UnsuitableDataError, match="cp1252"):
        write_corrected(load(tmp_path / "t.csv"), decide(**{"0": "=猫"}), tmp_path / "out")


def test_regression_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,price\n1,10.5\n2,20\n3,30.25\n", encoding="utf-8")
    data = load(path, label="price", task="regression")
    out = write_corrected(data, decide(**{"1": "=21.5"}), tmp_path / "out")
    assert out.read_text(encoding="utf-8") == "a,price\n1,10.5\n2,21.5\n3,30.25\n"
    with pytest.raises(UnsuitableDataError, match="regression needs a number"):
        write_corrected(data, decide(**{"1": "=high"}), tmp_path / "out")


words = st.text(st.characters(exclude_characters="\0\r\x02", exclude_categories=["Cs"]), max_size=8)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(words, st.sampled_from(["x", "y", " z", "a,b", 'q"'])), min_size=3, max_size=9
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
    mark=st.booleans(),
    data=st.data(),
)
def test_csv_round_trip(
    tmp_path: Path, rows: list[tuple[str, str]], delimiter: str, mark: bool, data: st.DataObject
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["n", "text", "label"])
    writer.writerows((i, text, label) for i, (text, label) in enumerate(rows))
    path = tmp_path / "t.csv"
    path.write_bytes(file.getvalue().encode("utf-8-sig" if mark else "utf-8"))
    loaded: Dataset = load(path, label="label")
    verdicts = {
        name: what
        for name in loaded.ids
        if (what := data.draw(st.sampled_from(["keep", "=x", "=new", "drop"]))) and name != "0"
    }
    out = write_corrected(loaded, decide(**verdicts), tmp_path / "out")
    expected = [
        [str(i), text, verdicts[str(i)][1:] if verdicts.get(str(i), "").startswith("=") else label]
        for i, (text, label) in enumerate(rows)
        if verdicts.get(str(i)) != "drop"
    ]
    written = io.StringIO(out.read_bytes().decode("utf-8-sig"), newline="")
    assert list(csv.reader(written, delimiter=delimiter))[1:] == expected
    assert out.read_bytes().startswith(b"\xef\xbb\xbf") is mark
