"""How often an alert was warranted, and a warranted one was sent: `python -m tests.accuracy.alerts`.

A labelled timeline is turned into a history and played through the reference team's policy. Each row
counts once: what was decided about its repo on its day, alert before digest before ignore. In the same
run two simple policies: every new repo of a watched organisation, and a name that matches a family.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.accuracy.document import write_part
from tests.accuracy.timeline import Label, Row, history, read
from watcher import app
from watcher.backtest import Decision
from watcher.cli_common import read_config
from watcher.releases_told import BESIDE
from watcher.team import Team
from watcher.types import Action, ChangeKind

DISPUTED = Path(__file__).with_name("disputed.yaml")
TEAM = Path(__file__).with_name("reference_team.yaml")
ACTIONS = ("alert", "digest", "ignore")
_AFTERWARDS = timedelta(days=45)  # holds that began with the last rows have ended by then
# Two rows on one repo and day: the one that speaks of this takes what was decided about it.
_SPEAKS_OF = {"licence": ChangeKind.LICENCE, "new modality": ChangeKind.NEW_ARCHITECTURE}
_RANK = {Action.ALERT: 3, Action.DIGEST: 2, Action.HOLD: 1, Action.IGNORE: 0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the program did with a row, and why."""

    row: Row
    label: Label
    action: str
    trigger: str
    reason: str

    @property
    def right(self) -> bool:
        return self.action == self.label.action


def reference_team() -> Team:
    """The team that the labels assume."""
    return app.team_of(read_config(TEAM.read_text(encoding="utf-8"), TEAM.name))


def answers(rows: Sequence[tuple[Row, Label]], team: Team) -> list[Answer]:
    """Plays the rows as one history and reads off what became of each."""
    days = [row.day for row, _ in rows]
    start = datetime.combine(min(days), time(), UTC) - timedelta(days=400)
    played = app.backtest(
        team,
        history(row for row, _ in rows),
        until=datetime.combine(max(days), time(), UTC) + _AFTERWARDS,
        baseline_until=start,
        watched=(),
    )
    for problem in played.problems:
        print(problem, file=sys.stderr)
    by_repo: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for decision in played.decisions:
        change = decision.verdict.change
        by_repo[change.key.folded, f"{change.detected_at:%Y-%m-%d}"].append(decision)
    shared = Counter((row.repo or "", row.day) for row, _ in rows)
    _give_licences(rows, by_repo)
    return [
        _answer(
            row,
            label,
            _own(
                row,
                by_repo[(row.repo or "").casefold(), row.day.isoformat()],
                shared[row.repo or "", row.day] > 1,
            ),
        )
        for row, label in rows
    ]


def _give_licences(rows: Sequence[tuple[Row, Label]], by_repo: dict[tuple[str, str], list[Decision]]) -> None:
    """The licence of a release is one piece of news: a row that speaks of it takes what all of it got."""
    for row, _ in rows:
        if row.variant != "licence":
            continue
        mine = (row.repo or "").casefold()
        threads = {d.verdict.change.lineage.thread for d in by_repo[mine, row.day.isoformat()]}
        for (repo, day), decisions in by_repo.items():
            if repo == mine or day != row.day.isoformat():
                continue
            given = [
                d
                for d in decisions
                if d.verdict.change.kind is ChangeKind.LICENCE and d.verdict.change.lineage.thread in threads
            ]
            by_repo[repo, day] = [d for d in decisions if d not in given]
            by_repo[mine, day] += given


def _own(row: Row, decisions: Sequence[Decision], shared: bool) -> list[Decision]:
    """The decisions of a row; rows that share repo and day share them by what they speak of."""
    if not shared:
        return list(decisions)
    mine = _SPEAKS_OF.get(row.variant)
    others = set(_SPEAKS_OF.values())
    return [
        d
        for d in decisions
        if (d.verdict.change.kind is mine if mine else d.verdict.change.kind not in others)
    ]


def _answer(row: Row, label: Label, decisions: Sequence[Decision]) -> Answer:
    if not decisions:
        reason = "nothing changed" if row.repo else "names no repo of the Hub"
        return Answer(row=row, label=label, action="ignore", trigger="no-change", reason=reason)
    best = max(decisions, key=lambda d: _RANK[d.verdict.action]).verdict
    action = "ignore" if best.action is Action.HOLD else best.action.value
    if best.reason.startswith(BESIDE):
        action = "digest"  # told in the message on another repo of its release
    reason = f"{best.change.kind.value}: {best.reason}"
    if best.deployment:
        reason = f"{best.deployment}: {reason}"
    return Answer(row=row, label=label, action=action, trigger=best.trigger, reason=reason)


def score(pairs: Iterable[tuple[str, str]], action: str) -> dict[str, float]:
    """Precision, recall and F1 of one action over (said, wanted); 1.0 where there was nothing to say."""
    pairs = list(pairs)
    both = sum(1 for said, wanted in pairs if said == wanted == action)
    said = sum(1 for s, _ in pairs if s == action)
    wanted = sum(1 for _, w in pairs if w == action)
    precision, recall = both / said if said else 1.0, both / wanted if wanted else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def peers(rows: Sequence[tuple[Row, Label]], team: Team) -> dict[str, dict[str, float]]:
    """Two policies that need no judgement, scored on the same rows."""
    watched = {org.casefold() for org in team.authors}
    names = [team.registry.by_key[key] for key in team.stack.families]
    seen: set[str] = set()
    by_organisation, by_name = [], []
    for row, label in sorted(rows, key=lambda pair: pair[0].seen_at):
        repo = (row.repo or "").casefold()
        new, organisation, name = repo not in seen, repo.partition("/")[0], repo.partition("/")[2]
        seen.add(repo)
        by_organisation.append(("alert" if new and organisation in watched else "ignore", label.action))
        by_name.append(("alert" if any(f.find(name) for f in names) else "ignore", label.action))
    return {
        "every new repo of a watched organisation": score(by_organisation, "alert"),
        "name matches a family": score(by_name, "alert"),
    }


def report(found: Sequence[Answer], rows: Sequence[tuple[Row, Label]], team: Team) -> dict[str, Any]:
    pairs = [(a.action, a.label.action) for a in found]
    return {
        "rows": len(found),
        "alert": score(pairs, "alert"),
        "digest": score(pairs, "digest"),
        "peers": peers(rows, team),
        "months": _months(found),
        "wrong": [
            {
                "event": a.row.event,
                "date": a.row.day.isoformat(),
                "repo_id": a.row.repo,
                "kind": a.label.kind,
                "said": a.action,
                "wanted": a.label.action,
                "rule": a.label.rule,
                "trigger": a.trigger,
                "reason": a.reason,
            }
            for a in found
            if not a.right
        ],
    }


def _months(found: Sequence[Answer]) -> dict[str, dict[str, int]]:
    """Per month: alerts that were wanted, sent, and both."""
    months: dict[str, dict[str, int]] = {}
    for a in found:
        month = months.setdefault(f"{a.row.day:%Y-%m}", {"rows": 0, "wanted": 0, "sent": 0, "both": 0})
        month["rows"] += 1
        month["wanted"] += a.label.action == "alert"
        month["sent"] += a.action == "alert"
        month["both"] += a.action == a.label.action == "alert"
    return dict(sorted(months.items()))


def _alone(rows: Sequence[tuple[Row, Label]], team: Team) -> list[Answer]:
    """Every month played by itself, with nothing remembered of the rows before."""
    months: dict[str, list[tuple[Row, Label]]] = defaultdict(list)
    for row, label in rows:
        months[f"{row.day:%Y-%m}"].append((row, label))
    return [answer for month in sorted(months) for answer in answers(months[month], team)]


def _print(said: Mapping[str, Any], found: Sequence[Answer], alone: Mapping[str, float]) -> None:
    print(f"{said['rows']} rows, {len(said['wrong'])} of them wrong")
    for name in ("alert", "digest"):
        print(f"{name:8}{_scores(said[name])}")
    print(f"alert, each month alone: {_scores(alone).strip()}")
    for name, scores in said["peers"].items():
        print(f"  peer: {name}: {_scores(scores).strip()}")
    print("\nby kind (wanted -> said)")
    kinds = Counter((a.label.kind, a.label.action, a.action) for a in found)
    for kind in sorted({k for k, _, _ in kinds}):
        cells = [f"{w} -> {s} {n}" for (k, w, s), n in sorted(kinds.items()) if k == kind]
        print(f"  {kind:18}{', '.join(cells)}")
    print("\nby month: rows, alerts wanted, sent, both")
    for month, counts in said["months"].items():
        print(f"  {month}  {counts['rows']:3} {counts['wanted']:3} {counts['sent']:3} {counts['both']:3}")
    print("\nwrong rows")
    for row in said["wrong"]:
        name = f"{row['event']} {row['date']} {row['repo_id'] or '(no repo)'}"
        print(f"  {name}: {row['wanted']}, not {row['said']}")
        print(f"      label {row['rule']}; {row['trigger']}: {row['reason']}")


def _scores(scores: Mapping[str, float]) -> str:
    return "".join(f"  {name} {value:.3f}" for name, value in scores.items())


def document(said: Mapping[str, Any], found: Sequence[Answer], alone: Mapping[str, float]) -> str:
    """The part of docs/accuracy.md on decisions."""
    said_of = yaml.safe_load(DISPUTED.read_text(encoding="utf-8"))
    disputed = {row["event"]: row["because"] for row in said_of["disputed"]}
    lines = [
        "## Decisions on a labelled timeline",
        "",
        "Written by `python -m tests.accuracy.alerts --timeline FILE.csv --write`. The labels are somebody",
        "else's, for a team in the EU with an H100, a DGX Spark and the option of two H200",
        "(tests/accuracy/reference_team.yaml). A label that we believe wrong counts as wrong all the same.",
        "",
        "| | precision | recall | F1 |",
        "| --- | --- | --- | --- |",
    ]
    named = {"alert": said["alert"], "alert, each month played alone": alone, "digest": said["digest"]}
    for name, scores in (*named.items(), *((f"peer: {n}, alert", s) for n, s in said["peers"].items())):
        lines.append(f"| {name} | {scores['precision']:.3f} | {scores['recall']:.3f} | {scores['f1']:.3f} |")
    lines += ["", f"{said['rows']} rows. By month: alerts wanted, sent, and both.", ""]
    lines += ["| month | rows | wanted | sent | both |", "| --- | --- | --- | --- | --- |"]
    for month, n in said["months"].items():
        lines.append(f"| {month} | {n['rows']} | {n['wanted']} | {n['sent']} | {n['both']} |")
    lines += ["", "Alerts that were not wanted, and wanted ones that were not sent:", ""]
    for row in said["wrong"]:
        if "alert" in (row["said"], row["wanted"]):
            why = disputed.get(row["event"], "ours to mend")
            name = f"{row['date']} {row['repo_id']}"
            told = f"{row['wanted']} wanted ({row['rule']}), {row['said']} by `{row['trigger']}`"
            lines.append(f"- {name}: {told}. {why}")
    return "\n".join([*lines, *(f"\n{note}" for note in said_of["notes"])])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.alerts", description=__doc__)
    parser.add_argument("--timeline", required=True, type=Path, help="CSV in the timeline's layout")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the tables")
    parser.add_argument(
        "--write", action="store_true", help="write the part of docs/accuracy.md on decisions"
    )
    options = parser.parse_args()
    team = reference_team()
    rows = read(options.timeline)
    found = answers(rows, team)
    said = report(found, rows, team)
    if options.json:
        print(json.dumps(said, indent=1))
        return
    alone = score([(a.action, a.label.action) for a in _alone(rows, team)], "alert")
    _print(said, found, alone)
    if options.write:
        write_part("decisions", document(said, found, alone))


if __name__ == "__main__":
    main()
