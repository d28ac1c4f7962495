"""The command line in tests: called in this process for its words, or as a process of its own."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watcher import cli

ROOT = Path(__file__).resolve().parents[1]
_ENVIRONMENT = ("MODELWATCH_CONFIG", "HF_TOKEN", "HF_ENDPOINT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def modelwatch(*arguments: str | Path) -> Answer:
    """One command in this process, with the environment and the folder that it has."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
    return Answer(status=status, out=out.getvalue(), err=err.getvalue())


def python(code: str, *arguments: str | Path, folder: Path) -> "subprocess.Popen[str]":
    """A process of this checkout that runs code in folder."""
    environment = {name: value for name, value in os.environ.items() if name not in _ENVIRONMENT}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start(*arguments: str | Path, folder: Path) -> "subprocess.Popen[str]":
    """`modelwatch ARGUMENTS` as a process of its own, as the console script starts it."""
    return python("from watcher.cli import main; main()", *arguments, folder=folder)
