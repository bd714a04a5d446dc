"""The layers of the design, read from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Highest layer first. A module imports from its own unit and from units on lines below it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("app", "pages"),
    ("dvaudit.ui",),
    ("dvaudit.server",),
    ("dvaudit.__main__",),
    ("dvaudit.cli",),
    ("dvaudit.serving",),
    ("dvaudit",),
    ("dvaudit.audits",),
    (
        *("dvaudit.contributions", "dvaudit.dynamics", "dvaudit.influences", "dvaudit.selftests"),
        *("dvaudit.cuts", "dvaudit.estimates", "dvaudit.questions", "dvaudit.reviewing"),
        *("dvaudit.maps", "dvaudit.patches", "dvaudit.prunings", "dvaudit.trainings"),
        "dvaudit.warming",
    ),
    ("dvaudit.answering",),
    ("dvaudit.describing",),
    ("dvaudit.stored", "dvaudit.asked"),
    ("dvaudit.pipeline",),
    ("dvaudit.exporting",),
    ("dvaudit.reporting", "dvaudit.sample"),
    ("dvaudit.earning", "dvaudit.jobs", "dvaudit.costs"),
    ("dvaudit.store", "dvaudit.reports", "dvaudit.readers"),
    ("dvaudit.valuators", "dvaudit.findings"),
    ("dvaudit.features", "dvaudit.kernels", "dvaudit.gradients", "dvaudit.models", "dvaudit.games"),
    ("dvaudit.linalg", "dvaudit.taps"),
    ("dvaudit.core",),
)
DEPTH = {unit: depth for depth, units in enumerate(LAYERS) for unit in units}
ENGINE_LIBRARIES = {
    "torch", "torchvision", "numpy", "scipy", "pandas", "sklearn", "threadpoolctl", "pyarrow",
    "PIL", "numba", "umap",
}  # fmt: skip
ENGINE_DEPTH = DEPTH["dvaudit.valuators"]


def _files() -> list[Path]:
    return sorted([ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("dvaudit/**/*.py")])


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _unit(module: str) -> str:
    parts = module.split(".")
    if parts[0] != "dvaudit" or len(parts) == 1:
        return parts[0]
    return ".".join(parts[:2])


def _imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            if node.module == "dvaudit":
                found += [f"dvaudit.{alias.name}" for alias in node.names]
            else:
                found.append(node.module)
    return found


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    module = _module(path)
    own = _unit(module)
    assert own in DEPTH, f"{own} has no place in the layers"
    for name in _imports(path):
        unit = _unit(name)
        if name.split(".")[0] in ("dvaudit", "pages", "app"):
            assert unit == own or DEPTH.get(unit, -1) > DEPTH[own], f"{module} imports {name}"
        elif name.split(".")[0] == "streamlit":
            assert own in ("app", "pages", "dvaudit.ui"), f"{module} imports streamlit"
        elif DEPTH[own] >= ENGINE_DEPTH:
            library = name.split(".")[0]
            assert library in ENGINE_LIBRARIES or library in sys.stdlib_module_names, (
                f"{module} imports {library}; the engine runs where no web framework is"
            )


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path: Path) -> None:
    limit = 80 if path.parent.name == "pages" else 400
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


LIGHT = ("dvaudit", "dvaudit.audits", "dvaudit.valuators", "dvaudit.server", "dvaudit.ui.shell")


@pytest.mark.parametrize("module", LIGHT)
def test_import_loads_no_numerics(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([name for name in ('torch', 'sklearn', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"
