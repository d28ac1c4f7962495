"""From changes to verdicts and alerts, in one transaction: one decision per change and deployment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from watcher.ports import Tx
from watcher.releases_told import one_alert_per_release, topic
from watcher.report import Warranted, build_alert, build_summary
from watcher.rules import Outcome, Rules
from watcher.triggers import judge
from watcher.types import Action, Alert, Change, ChangeKind, Deployment, Entry, Stack, Verdict
from watcher.uses import names_in_use
from watcher.view import Findings, View

MOST_ALERTS_AT_ONCE = 5  # more from one poll of one account are one message

# A change to judge, by its id, and for which deployments (None: the team as a whole).
_Item = tuple[str, Change, Sequence[Deployment | None]]


def decide(
    tx: Tx, changes: Sequence[Change], rules: Rules, now: datetime, findings: Findings | None = None
) -> Outcome:
    """Records changes, one verdict per change and deployment, and the alerts they warrant.

    findings: what a change that is not about a repo brought to light, by its key and deployment.
    """
    if not changes:
        return Outcome()
    identified = [(tx.save_change(change), change) for change in changes]
    rules = replace(rules, stack=current_stack(tx, rules.stack))
    places = rules.stack.deployments or (None,)
    items = [(change_id, change, places) for change_id, change in identified]
    outcome = _judge(tx, items, rules, now, findings or {})
    outcome.changes = identified
    return outcome


def rejudge(tx: Tx, held: Sequence[tuple[str, Verdict]], rules: Rules, now: datetime) -> Outcome:
    """Judges holds that are due. One for a deployment that is no longer configured is closed with a
    reason, and whoever came in its place is judged instead."""
    rules = replace(rules, stack=current_stack(tx, rules.stack))
    places: dict[str | None, Deployment | None] = {d.name: d for d in rules.stack.deployments} or {None: None}
    outcome = Outcome()
    items: dict[str, tuple[Change, set[str | None]]] = {}
    for change_id, verdict in held:
        _, names = items.setdefault(change_id, (verdict.change, set()))
        if verdict.deployment in places:
            names.add(verdict.deployment)
            continue
        closed = replace(
            verdict, action=Action.IGNORE, trigger="not-configured", until=None, reason=_gone(verdict)
        )
        tx.save_verdicts(change_id, [closed], now)
        outcome.verdicts.append(closed)
        names |= places.keys() - tx.judged(change_id)
    due = [
        (change_id, change, [place for name, place in places.items() if name in names])
        for change_id, (change, names) in items.items()
        if names
    ]
    outcome.add(_judge(tx, due, rules, now))
    return outcome


def _gone(verdict: Verdict) -> str:
    if verdict.deployment is None:
        return "deployments are configured now: judged for each of them"
    return f"the deployment {verdict.deployment} is no longer in the configuration"


def _judge(
    tx: Tx, items: Sequence[_Item], rules: Rules, now: datetime, findings: Findings = MappingProxyType({})
) -> Outcome:
    outcome = Outcome()
    if not items:
        return outcome
    view = View(tx, [change for _, change, _ in items], rules, now, findings)
    judged: dict[str, list[Warranted]] = defaultdict(list)
    for change_id, change, places in items:
        for deployment in places:
            situation = view.situation(change, deployment)
            judged[change_id].append(Warranted(verdict=judge(change, situation), situation=situation))
    warranted: dict[tuple[str, str], list[tuple[str, Warranted]]] = defaultdict(list)
    for change_id, found in one_alert_per_release(view.moves.bulks_told_once(judged)).items():
        tx.save_verdicts(change_id, [w.verdict for w in found], now)
        outcome.verdicts += [w.verdict for w in found]
        for w in found:
            if w.verdict.action is Action.ALERT:
                warranted[view.moves.topic(w.verdict) or topic(w.verdict)].append((change_id, w))
    groups = [sorted(group, key=_licence_first) for group in warranted.values()]
    for alert, change_ids in _alerts(groups, rules, now):
        if tx.save_alert(alert, change_ids, _targets(alert, rules.channels), now):
            outcome.alerts.append(alert)
    return outcome


def _licence_first(item: tuple[str, Warranted]) -> bool:
    """Of what a release brings, its licence is the headline: everything else depends on it."""
    return item[1].verdict.change.kind is not ChangeKind.LICENCE


def _alerts(
    groups: Sequence[Sequence[tuple[str, Warranted]]], rules: Rules, now: datetime
) -> Iterator[tuple[Alert, list[str]]]:
    """One alert per release and trigger; after a long absence, or when there are many, one for all."""
    if len(groups) > (1 if rules.catching_up else MOST_ALERTS_AT_ONCE):
        ids = [change_id for group in groups for change_id, _ in group]
        yield build_summary([[item for _, item in group] for group in groups], now), list(dict.fromkeys(ids))
        return
    for group in groups:
        yield build_alert([item for _, item in group], now), list(dict.fromkeys(i for i, _ in group))


def _targets(alert: Alert, channels: Mapping[str, frozenset[str]]) -> list[str]:
    """The channels that want to hear of one of the alert's deployments."""
    return [name for name, wants in channels.items() if not wants or wants & set(alert.deployments)]


def current_stack(tx: Tx, stack: Stack) -> Stack:
    """The stack under today's names: what is configured by an id that was renamed since is the same repo."""
    entries = tx.entries(names_in_use(stack))

    def today(repo_id: str) -> str:
        entry: Entry | None = entries.get(repo_id.casefold())
        return entry.known.facts.repo_id if entry else repo_id

    def renamed(deployment: Deployment) -> Deployment:
        quant = deployment.quant
        if quant and "/" in quant:
            organisation, name, *file = quant.split("/")
            quant = "/".join([today(f"{organisation}/{name}"), *file])
        return replace(deployment, model=today(deployment.model), quant=quant)

    return replace(
        stack,
        deployments=tuple(renamed(d) for d in stack.deployments),
        shortlist=tuple(today(model) for model in stack.shortlist),
    )
