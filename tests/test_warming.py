"""Getting a worker ready for a question: what is loaded, and where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dvaudit import audits
from dvaudit.jobs.expecting import Expected, expected
from dvaudit.jobs.functions import ALLOWED, find
from dvaudit.store import RunKind, Workspace
from dvaudit.warming import load_for_questions

CODE = """
import sys
from dvaudit.warming import load_for_questions
before = "torch" in sys.modules
load_for_questions()
wanted = ("torch", "sklearn", "dvaudit.answering", "dvaudit.valuators.dvemb_question",
          "dvaudit.features.patches", "dvaudit.readers.tables")
print(before, [name for name in wanted if name not in sys.modules], "torchvision" in sys.modules)
"""


def test_what_answers_is_loaded_when_told_and_not_before() -> None:
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "False [] False"


def test_a_question_is_expected_by_what_runs_may_call(tmp_path: Path) -> None:
    with Workspace(tmp_path) as ws:
        audits.expect_question(ws)
        said = expected(ws.root)
    assert said == Expected(RunKind.QUERY, "dvaudit.warming:load_for_questions")
    assert find(said.prepare, ALLOWED) is load_for_questions
