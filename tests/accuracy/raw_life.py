"""What real weeks would have sent to the reference team: `python -m tests.accuracy.raw_life`.

Twelve weeks of a catalogue of makers' and quantisers' repos (tests/atomic.py) and three days of every export
of HF//RADAR (tests/replay.py) go through rounds, store and triggers as a deployed watcher would see them,
poll by poll. Nothing is labelled here: every alert is listed, and argued in raw_life.yaml.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml

from sources.standin.world import World
from store.db import Store
from tests import atomic, replay
from tests.accuracy.document import write_part
from tests.inprocess import WorldSource
from watcher import app
from watcher.asking import Limits
from watcher.cli_common import read_config
from watcher.decisions import NEWCOMERS
from watcher.rounds import Round
from watcher.team import Team
from watcher.types import Alert, Change, ChangeKind, Verdict

TEAM = Path(__file__).with_name("reference_team.yaml")
ARGUED = Path(__file__).with_name("raw_life.yaml")
MOST_A_WEEK = 3
DAY = timedelta(days=1)
# No request leaves the process, so nothing is too much to ask. The exports hold no files to ask for.
EVERYTHING = Limits(details=5000, looks=5000)
NO_FILES = Limits(details=0, looks=5000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One alert: its week is the ISO week it was sent in, its repos what it links to."""

    at: datetime
    trigger: str
    deployments: tuple[str, ...]
    title: str
    repos: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def week(self) -> str:
        year, week, _ = self.at.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def argument(self) -> str | None:
        """Why somebody who reads it would want it, or what is wrong with it; None where nobody said."""
        return arguments().get((self.trigger, self.repos[0]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """What is known to be none of anybody's business. rows: how often it occurred; repos: case-folded ids.

    kinds: what it would be told as by somebody who believed it.
    """

    what: str
    rows: int
    repos: frozenset[str]
    kinds: frozenset[ChangeKind]

    def changes(self, life: "Life") -> int:
        return sum(c.kind in self.kinds and c.key.folded in self.repos for c in life.moved)

    def alerts(self, life: "Life") -> int:
        return sum(bool(self.repos & {repo.casefold() for repo in told.repos}) for told in life.alerts)


@dataclass(kw_only=True, slots=True)
class Life:
    """One stretch of real life, lived through. changes by kind; decisions: by action and trigger."""

    name: str
    since: datetime
    until: datetime
    accounts: int
    rounds: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    alerts: list[Told] = field(default_factory=list)
    moved: list[Change] = field(default_factory=list)
    noise: Sequence[Noise] = ()

    @property
    def weeks(self) -> Mapping[str, int]:
        """Alerts by ISO week, weeks without any included."""
        days = (self.until - self.since).days
        names = [Told(at=self.since + n * DAY, **_NOTHING).week for n in range(days + 1)]
        sent = Counter(told.week for told in self.alerts)
        return {week: sent[week] for week in dict.fromkeys([*names, *sorted(sent)])}


_NOTHING: dict[str, Any] = {"trigger": "", "deployments": (), "title": "", "repos": (), "reasons": ()}


_GONE = frozenset({ChangeKind.REMOVED})
_LICENCE = frozenset({ChangeKind.LICENCE})
_SINCE = tuple(datetime.fromisoformat(date).replace(tzinfo=UTC) for date in atomic.DATES[:-1])


@cache
def _argued() -> Mapping[str, Any]:
    said: Mapping[str, Any] = yaml.safe_load(ARGUED.read_text(encoding="utf-8"))
    return said


def arguments() -> Mapping[tuple[str, str], str]:
    """Why each alert is right, or what is wrong with it, by trigger and first repo."""
    return {(row["trigger"], row["repo"]): row["why"] for row in _argued()["alerts"]}


def reference_team() -> Team:
    return app.team_of(read_config(TEAM.read_text(encoding="utf-8"), TEAM.name))


def catalogue(team: Team, *, every: timedelta = DAY, only: Collection[str] = ()) -> Life:
    """Twelve weeks of six catalogues and the changes between them; only: these organisations."""
    times = [atomic.FIRST]
    while times[-1] < atomic.LAST + 8 * DAY:  # holds of the last week have ended by then
        times.append(times[-1] + every)
    return live(
        "catalogue",
        atomic.world(only),
        team,
        only or atomic.organisations(),
        times,
        until=atomic.LAST,
        noise=noise_of_the_catalogue(),
    )


def exports(team: Team) -> Life:
    """Three days of every export, watching all accounts with a row on licence, gate, removal or creation."""
    authors = replay.authors_of(move.repo for name in replay.COMPARED for move in replay.moves(name))
    last = replay.LAST
    times = [*replay.export_moments(), last + DAY, last + 31 * DAY / 24, last + 8 * DAY]
    return live(
        "exports",
        replay.every_export(),
        team,
        authors,
        times,
        until=last,
        limits=NO_FILES,
        noise=noise_of_the_exports(),
    )


def noise_of_the_catalogue() -> tuple[Noise, ...]:
    pairs = list(pairwise(records for _, records in atomic.catalogues()))
    came = [(set(new) - set(old), new, when) for (old, new), when in zip(pairs, _SINCE, strict=True)]
    surfaced = [
        name
        for names, records, since in came
        for name in names
        if since - atomic.moment(records[name]["created_at"]) > 60 * DAY
    ]
    rows = atomic.change_rows()
    moved = [(r["id"], r["changes"]["license"]) for r in rows if "license" in r["changes"]]
    had = {name for name, (before, _) in moved if before}
    late = [name for name, (before, _) in moved if not before and name not in had]
    based = [r["id"] for r in rows if "base_model_tags" in r["changes"]]
    return (
        _noise("left a capped list", [n for old, new in pairs for n in set(old) - set(new)], _GONE),
        _noise("entered one, made more than 60 days before", surfaced, NEWCOMERS),
        _noise("got a licence late", late, _LICENCE),
        _noise("base model renamed in a child's tags", based, frozenset({ChangeKind.RENAMED})),
    )


def noise_of_the_exports() -> tuple[Noise, ...]:
    licences = replay.moves("license")
    bulk = [m.repo for m in licences if (m.before, m.after) == ("bsd-3-clause", "mit")]
    back = [move.repo for move in replay.moves("removed") if move.before]
    anew = [move.repo for move in replay.moves("created_at") if "testrepo" in move.repo]
    return (
        _noise("got a licence late", [m.repo for m in licences if not m.before], frozenset()),
        _noise("relabelled in one bulk", bulk, _LICENCE),
        _noise("came back after it had gone", back, _GONE),
        _noise("test repos deleted and made anew", anew, frozenset({ChangeKind.QUANT_REPLACED})),
    )


def _noise(what: str, repos: Sequence[str], kinds: frozenset[ChangeKind]) -> Noise:
    folded = frozenset(repo.casefold() for repo in repos)
    return Noise(what=what, rows=len(repos), repos=folded, kinds=kinds)


def live(
    name: str,
    world: World,
    team: Team,
    accounts: Iterable[str],
    times: Sequence[datetime],
    *,
    until: datetime,
    limits: Limits = EVERYTHING,
    noise: Sequence[Noise] = (),
) -> Life:
    """Rounds at these times over the team's accounts and these; the team's quantisers last."""
    last = {name.casefold(): name for name in team.config.hub.quantisers}
    named = {name.casefold(): name for name in [*team.authors, *accounts]}
    authors = [*(name for key, name in named.items() if key not in last), *last.values()]
    life = Life(name=name, since=times[0], until=until, accounts=len(authors), noise=noise)
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/life.db") as store:
        for now in times:
            round_ = Round(
                source=WorldSource(world),
                catalog=store,
                rules=team.rules(["team"]),
                limits=limits,
                now=now,
                fits=False,
            )
            outcome = round_.run(authors).outcome
            life.rounds += 1
            life.changes.update(change.kind.value for _, change in outcome.changes)
            life.moved += [change for _, change in outcome.changes]
            life.decisions.update((v.action.value, v.trigger) for v in outcome.verdicts)
            life.alerts += [_told(alert, outcome.verdicts, now) for alert in outcome.alerts]
    return life


def _told(alert: Alert, verdicts: Sequence[Verdict], now: datetime) -> Told:
    why = next((s.lines for s in alert.sections if s.heading.startswith("Why")), ())
    return Told(
        at=now,
        trigger=alert.trigger,
        deployments=alert.deployments,
        title=alert.title,
        repos=tuple(name for name, _ in alert.links),
        reasons=tuple(why),
    )


LIVES: tuple[Callable[[Team], Life], ...] = (catalogue, exports)


def main(arguments_: Sequence[str] | None = None) -> int:
    """Exit 0 when no week has more than MOST_A_WEEK alerts, each argued and none from noise; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.raw_life", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object instead of text")
    parser.add_argument("--write", action="store_true", help="write the part of docs/accuracy.md on raw life")
    options = parser.parse_args(arguments_)
    lives = [life(reference_team()) for life in LIVES]
    if options.write:
        write_part("raw life", document(lives))
    print(json.dumps(as_json(lives), indent=2) if options.json else text(lives))
    return 0 if meets_the_bar(lives) else 1


def meets_the_bar(lives: Sequence[Life]) -> bool:
    most = max((count for life in lives for count in life.weeks.values()), default=0)
    quiet = all(noise.alerts(life) == 0 for life in lives for noise in life.noise)
    return quiet and most <= MOST_A_WEEK and all(told.argument for life in lives for told in life.alerts)


def as_json(lives: Sequence[Life]) -> dict[str, Any]:
    """One object per life with its weeks, decisions and alerts, and the most alerts of any week."""
    return {
        "most_alerts_in_a_week": max((n for life in lives for n in life.weeks.values()), default=0),
        "wanted": MOST_A_WEEK,
        "lives": [
            {
                "name": life.name,
                "since": life.since.isoformat(),
                "until": life.until.isoformat(),
                "accounts": life.accounts,
                "rounds": life.rounds,
                "changes": dict(sorted(life.changes.items())),
                "decisions": {f"{a} {t}": n for (a, t), n in sorted(life.decisions.items())},
                "weeks": dict(life.weeks),
                "noise": [
                    {"what": n.what, "rows": n.rows, "changes": n.changes(life), "alerts": n.alerts(life)}
                    for n in life.noise
                ],
                "alerts": [
                    {**asdict(told), "at": told.at.isoformat(), "week": told.week, "argument": told.argument}
                    for told in life.alerts
                ],
            }
            for life in lives
        ],
    }


def text(lives: Sequence[Life]) -> str:
    lines = []
    for life in lives:
        lines += [f"{life.name}: {life.rounds} rounds over {life.accounts} accounts, {_span(life)}"]
        lines += [f"  changes: {_counts(life.changes)}"]
        lines += [f"  alerts by week: {_counts(life.weeks)}"]
        for told in life.alerts:
            lines += [f"  {told.at:%Y-%m-%d %H:%M} {told.trigger}: {told.title}"]
            lines += [f"      {reason}" for reason in told.reasons]
            lines += [f"      argued: {told.argument or 'NOT YET'}"]
        lines += [
            f"  noise: {n.what}: {n.rows} rows, {n.changes(life)} changes, {n.alerts(life)} alerts"
            for n in life.noise
        ]
        lines += ["  decisions:"]
        lines += [f"    {n:6} {action} {trigger}" for (action, trigger), n in life.decisions.most_common()]
    return "\n".join(lines)


def document(lives: Sequence[Life]) -> str:
    """The part of docs/accuracy.md on raw life."""
    return "\n".join([_OPENING, *(line for life in lives for line in _of_life(life))])


_OPENING = """## Raw life

Written by `python -m tests.accuracy.raw_life --write`. No labels: real weeks go through the reference team's
policy, and every alert is listed here and argued (`tests/accuracy/raw_life.yaml`). At most three a week are
wanted, and none from late enrichment, ranks in capped lists, renamed bases, re-tagging or test repos.
*Catalogue* is twelve weeks of about 24 organisations (AtomicBot-ai/atomic-chat-model-catalog: six catalogues
and 863 changes between them); *exports* are three days of HF//RADAR (radar-huggingface-dataset, data from the
Hugging Face Hub, CC-BY-4.0), every export of them.
"""


def _of_life(life: Life) -> list[str]:
    most = max(life.weeks.values(), default=0)
    alerts = "1 alert" if len(life.alerts) == 1 else f"{len(life.alerts)} alerts"
    counted = f"{alerts}, at most {most} in a week (of {len(life.weeks)})"
    lines = [
        f"### {life.name.capitalize()}",
        "",
        f"{life.rounds} rounds over {life.accounts} accounts, {_span(life)}: {counted}.",
        "",
        *_wrapped(_argued()["notes"].get(life.name, "")),
        *_wrapped(f"Changes: {_counts(life.changes)}."),
    ]
    if life.alerts:
        lines += ["| sent | trigger | what | for | why it is right, or what is wrong with it |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {told.at:%Y-%m-%d} | `{told.trigger}` | {told.title} | {', '.join(told.deployments)} | "
            f"{told.argument or 'not argued yet'} |"
            for told in life.alerts
        ]
        lines += [""]
    lines += ["| known to be noise | rows | recorded as a change | alerts |", "| --- | --- | --- | --- |"]
    lines += [f"| {n.what} | {n.rows} | {n.changes(life)} | {n.alerts(life)} |" for n in life.noise]
    lines += ["", "| decisions, one per change and deployment | |", "| --- | --- |"]
    lines += [f"| {action} `{trigger}` | {n} |" for (action, trigger), n in life.decisions.most_common()]
    return [*lines, ""]


def _wrapped(words: str) -> list[str]:
    return [*wrap(words, 118, break_long_words=False, break_on_hyphens=False), ""] if words else []


def _span(life: Life) -> str:
    return f"{life.since:%Y-%m-%d} to {life.until:%Y-%m-%d}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
