"""Fixtures that several files of tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import Answer, modelwatch
from tests.sink import Sink


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, without this machine's settings of modelwatch."""
    for name in ("MODELWATCH_CONFIG", "HF_TOKEN", "HF_ENDPOINT", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a played demo, with its catalog and what it said (told.txt) beside it.

    It is shared: for questions only.
    """
    kept = tmp_path_factory.mktemp("demo")
    said = modelwatch("demo", "--keep", kept)
    assert (said.status, said.err) == (0, "")
    (kept / "told.txt").write_text(said.out, encoding="utf-8")
    return kept / "modelwatch.yaml"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as opened:
        yield opened


@pytest.fixture
def ask_fit(folder: Path) -> Callable[..., Answer]:
    """A question to `modelwatch fit` in an empty folder whose Hub does not answer."""
    (folder / "modelwatch.yaml").write_text('hub: {endpoint: "http://127.0.0.1:9"}\n')

    def question(*arguments: str | Path) -> Answer:
        return modelwatch("fit", *arguments)

    return question
