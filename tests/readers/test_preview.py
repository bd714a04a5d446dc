"""What is said of a table before it is loaded."""

from __future__ import annotations

import pytest

from dvaudit.core.dataset import Role
from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers import load, preview


def test_preview_shows_columns_and_guesses(write: object) -> None:
    seen = preview(
        write(
            "id,size,colour,when,text,label\n"
            + "".join(
                f"k{i},{i * 0.5},{'red' if i % 3 else 'blue'},2024-01-{i % 28 + 1:02},"
                f"some longer words number {i},{'a' if i % 2 else 'b'}\n"
                for i in range(60)
            )
        )
    )
    roles = {column.name: column.role for column in seen.columns}
    assert roles == {
        "id": Role.ID,
        "size": Role.NUMERIC,
        "colour": Role.CATEGORICAL,
        "when": Role.DATE,
        "text": Role.TEXT,
        "label": Role.LABEL,
    }
    assert (seen.format, seen.kind, seen.rows, seen.task) == (
        "csv",
        "tabular",
        60,
        "classification",
    )
    assert seen.classes == {"a": 30, "b": 30}
    assert seen.head.shape == (50, 6)
    assert seen.columns[2].examples == ("blue", "red")
    assert seen.columns[1].distinct == 60


@pytest.mark.parametrize(
    ("content", "roles", "task", "problem"),
    [
        ("a,label\n1,x\n2,y\n", {}, "regression", "needs numbers"),
        ("a,b,label\n1,7,x\n1,7,y\n1,7,x\n", {}, None, "no feature column"),
        ("a,b,label\n1,7,x\n", {}, None, "no feature column"),
        ("a,label\n1,x\n1,y\n2,x\n", {"a": "id"}, None, "repeat"),
        ("k,a,label\n,1,x\nc,2,y\n", {"k": "id"}, None, "is empty in 1 row"),
    ],
)
def test_preview_and_load_refuse_the_same(
    write: object, content: str, roles: dict[str, str], task: str | None, problem: str
) -> None:
    path = write(content)
    seen = preview(path, roles=roles, task=task)
    assert problem in seen.problems[0]
    with pytest.raises(UnreadableInputError) as refusal:
        load(path, roles=roles, task=task)
    assert str(refusal.value).split(" has no")[-1] == seen.problems[0].split(" has no")[-1]


def test_what_load_takes_has_no_problem_in_the_preview(write: object) -> None:
    assert preview(write("a,label\n1,x\n2,y\n3,x\n4,y\n")).problems == ()
