"""The import rule of docs/design.md: edges meet only in watcher.app, and the middle stays pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EDGES = ("sources", "store", "alerts")
OURS = ("watcher", *EDGES)


def _imports(path: Path) -> Iterator[str]:
    """Names of our own packages that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.split(".")[0] in OURS)


def _files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("edge", EDGES)
def test_an_edge_knows_the_nouns_and_itself_only(edge: str) -> None:
    strange = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _files(edge)
        for name in _imports(path)
        if not name.startswith(("watcher.types", f"{edge}."))
    }
    assert not strange


def test_only_the_app_knows_the_edges() -> None:
    strange = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _files("watcher")
        if path != ROOT / "watcher" / "app.py"
        for name in _imports(path)
        if name.split(".")[0] in EDGES
    }
    assert not strange


def test_no_file_holds_a_second_idea() -> None:
    long = {
        f"{path.relative_to(ROOT)}: {lines} lines"
        for package in (*OURS, "tests")
        for path in _files(package)
        if (lines := len(path.read_text().splitlines())) > 400
    }
    assert not long
