"""Labels that people gave to days of repos, and how far a replay agrees with them. Pure.

A label speaks of what became different with a repo around a day: each change of the repo belongs to the
label nearest in time, WITHIN days at most; the weightiest decision among them is the answer.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO

from watcher.backtest import Replay
from watcher.backtest_told import RANK, Told
from watcher.types import Action

COLUMNS = ("repo_id", "date", "action")
ACTIONS = (Action.ALERT, Action.DIGEST, Action.IGNORE)
WITHIN = timedelta(days=7)


class LabelError(ValueError):
    """A file of labels that can not be read: one line, with file, line and column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """What should have been done about a repo on a day; line: where the file says so."""

    repo_id: str
    day: date
    action: Action
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A label and what the policy did, by which rule and why. got is hold while it still waits."""

    label: Label
    got: Action
    trigger: str
    reason: str

    @property
    def right(self) -> bool:
        return self.label.action is _told(self.got)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """precision: right among those told so; recall: told so among those that should be. None: of none."""

    precision: float | None
    recall: float | None
    f1: float | None


def read_labels(text: str, file: str) -> list[Label]:
    """The labels of a CSV with a header; columns beyond repo_id, date and action are left alone.

    LabelError names file, line and column, and what may stand there.
    """
    rows = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip().casefold() for name in next(rows, [])]
        places = _places(header, file)
        return [
            _label(row, places, f"{file}, line {rows.line_num}", rows.line_num) for row in rows if any(row)
        ]
    except csv.Error as error:
        raise LabelError(f"{file}, line {rows.line_num}: not CSV ({error})") from None


def _places(header: Sequence[str], file: str) -> dict[str, int]:
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        found = ", ".join(header) if any(header) else "nothing"
        raise LabelError(
            f"{file}, line 1: no column {' and no column '.join(missing)}; the header must name "
            f"{', '.join(COLUMNS)} (found: {found[:200]})"
        )
    return {name: header.index(name) for name in COLUMNS}


def _label(row: Sequence[str], places: dict[str, int], where: str, line: int) -> Label:
    short = next((name for name, place in places.items() if place >= len(row)), None)
    if short:
        raise LabelError(f"{where}, column {short}: the line ends before it")
    repo, day, action = (row[places[name]].strip() for name in COLUMNS)
    if not repo:
        raise LabelError(f"{where}, column repo_id: empty; write organisation/name as on the Hub")
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise LabelError(f"{where}, column date: {day[:40]!r} is no date; write 2026-03-01") from None
    if action.casefold() not in ACTIONS:
        allowed = f"{', '.join(a.value for a in ACTIONS[:-1])} or {ACTIONS[-1].value}"
        raise LabelError(f"{where}, column action: {action[:40]!r} is none of {allowed}")
    return Label(repo_id=repo, day=when, action=Action(action.casefold()), line=line)


def answers(labels: Sequence[Label], told: Iterable[Told], replay: Replay) -> list[Answer]:
    """What the policy did for each label, in the order of the file."""
    by_repo: dict[str, list[Label]] = defaultdict(list)
    for label in labels:
        by_repo[label.repo_id.casefold()].append(label)
    found: dict[int, list[Told]] = defaultdict(list)
    for t in told:
        change = t.decision.verdict.change
        day = change.detected_at.date()
        near = [label for label in by_repo[change.key.folded] if abs(label.day - day) <= WITHIN]
        if near:
            nearest = min(abs(label.day - day) for label in near)
            for label in near:
                if abs(label.day - day) == nearest:
                    found[label.line].append(t)
    return [_answer(label, found[label.line], replay) for label in labels]


def _answer(label: Label, told: Sequence[Told], replay: Replay) -> Answer:
    if not told:
        return Answer(label=label, got=Action.IGNORE, trigger="no-change", reason=_why_nothing(label, replay))
    verdict = max(told, key=lambda t: (RANK[t.action], t.at)).decision.verdict
    place = f"{verdict.deployment}: " if verdict.deployment else ""
    reason = f"{place}{verdict.change.kind.value}: {verdict.reason}"
    return Answer(label=label, got=verdict.action, trigger=verdict.trigger, reason=reason)


def _why_nothing(label: Label, replay: Replay) -> str:
    if replay.since is None or replay.until is None:
        return "the history has no rows"
    if not replay.since.date() <= label.day <= replay.until.date():
        return f"outside of what was judged, {replay.since:%Y-%m-%d} to {replay.until:%Y-%m-%d}"
    return f"nothing changed there within {WITHIN.days} days of {label.day}"


def score(answers: Iterable[Answer], action: Action) -> Score:
    """How good the policy is at telling this and nothing else by it."""
    pairs = Counter((a.label.action is action, _told(a.got) is action) for a in answers)
    right, told, wanted = pairs[True, True], pairs[False, True] + pairs[True, True], 0
    wanted = pairs[True, False] + right
    precision = right / told if told else None
    recall = right / wanted if wanted else None
    f1 = 2 * right / (told + wanted) if told + wanted else None
    return Score(precision=precision, recall=recall, f1=f1)


def confusion(answers: Iterable[Answer]) -> dict[Action, dict[Action, int]]:
    """What should have been done -> what was: how often."""
    pairs = Counter((a.label.action, a.got) for a in answers)
    return {wanted: {got: pairs[wanted, got] for got in Action} for wanted in ACTIONS}


def _told(action: Action) -> Action:
    """What still waits was told to nobody."""
    return Action.IGNORE if action is Action.HOLD else action
