"""Checks with a time limit, in a process of their own: one pattern can take longer than the universe has."""

import json
import select
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any

from watcher.evaluation_checks import Check, passes

_START_S = 30.0  # a machine may be busy when the process starts


class CheckFailed(Exception):  # noqa: N818 - says what happened, as its callers name it
    """A check that gave no verdict: it took too long, or broke."""


class Grader:
    """Applies checks; those that may run away go through the process. Use it as a context."""

    def __init__(self, limit_s: float = 2.0) -> None:
        self._limit_s = limit_s
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Grader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def passes(self, check: Check, answer: str) -> bool:
        """Whether the answer is right; CheckFailed where that could not be found out in time."""
        if check.kind in ("exact", "contains"):
            return passes(check, answer)
        if self._process is None:
            self._process = _start()
            self._said(self._process, _START_S)
        said = self._asked(
            self._process, json.dumps({"kind": check.kind, "wanted": check.wanted, "answer": answer})
        )
        if "error" in said:
            raise CheckFailed(f"the {check.kind} check broke: {said['error']}")
        return bool(said["passes"])

    def _asked(self, process: "subprocess.Popen[str]", line: str) -> dict[str, Any]:
        assert process.stdin is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._stop()
            raise CheckFailed("the check ended its process") from None
        return self._said(process, self._limit_s)

    def _said(self, process: "subprocess.Popen[str]", limit_s: float) -> dict[str, Any]:
        """The next line of the process; it is ended where none comes in time."""
        assert process.stdout is not None
        ready = select.select([process.stdout], [], [], limit_s)[0]
        if line := process.stdout.readline() if ready else "":
            said: dict[str, Any] = json.loads(line)
            return said
        self._stop()
        if ready:
            raise CheckFailed("the check ended its process")
        raise CheckFailed(f"the check took longer than {limit_s:g} s: is the pattern too clever?")

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()
        self._process = None


def _start() -> "subprocess.Popen[str]":
    """-P: what lies in the working folder is not imported. A session of its own: Ctrl-C is not for it."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "watcher.evaluation_checks"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
