"""One move of many repos is one piece of news: an account that relabels, gates or takes down in bulk. Pure.

Each repo's move is recorded as a change of its own. Of the decisions for one deployment the strongest
stands and names the others; those say with which repo they were told.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from watcher.flapping import is_move
from watcher.types import Action, Change, ChangeKind, Verdict

LEAST = 5  # repos that move alike are a bulk
WITHIN = timedelta(hours=24)
_STRENGTH = {Action.ALERT: 3, Action.DIGEST: 2, Action.HOLD: 1, Action.IGNORE: 0}
_NAMED = 5  # repos that a reason lists

# Account, kind, before and after: what repos that move together have in common.
Way = tuple[str, ChangeKind, str | None, str | None]
# The repos of each bulk, by their way.
Bulks = Mapping[Way, Sequence[Change]]


def way_of(change: Change) -> Way | None:
    """How a change moves; None for kinds of which each is a matter of its own (new repos, new weights)."""
    if not is_move(change) or change.kind is ChangeKind.QUANT_REPLACED:
        return None
    account = change.key.folded.partition("/")[0]
    if change.kind is ChangeKind.RENAMED:
        former = (change.before or "").casefold().partition("/")[0]
        return (account, change.kind, former, account)
    if change.kind is ChangeKind.RESTORED:
        return (account, change.kind, None, change.after)
    if change.degree is not None:  # another text under the same tag: no two repos' texts need be alike
        return (account, change.kind, change.degree, change.degree)
    return (account, change.kind, change.before, change.after)


def bulks_of(changes: Sequence[Change], recorded: Sequence[Change]) -> Bulks:
    """Ways that at least LEAST repos moved in within a day, changes' own among them.

    recorded: what else is known to have moved of late.
    """
    ways = {way for change in changes if (way := way_of(change))}
    moved: dict[Way, dict[str, Change]] = defaultdict(dict)
    for change in sorted([*recorded, *changes], key=lambda c: c.detected_at):
        way = way_of(change)
        if way in ways:
            moved[way].setdefault(change.key.folded, change)
    newest = {way: max(c.detected_at for c in changes if way_of(c) == way) for way in ways}
    found = {
        way: [c for c in repos.values() if abs(newest[way] - c.detected_at) <= WITHIN]
        for way, repos in moved.items()
    }
    return {way: repos for way, repos in found.items() if len(repos) >= LEAST}


def in_bulk(changes: Sequence[Change], others: Sequence[Change]) -> list[Change]:
    """Those of the changes that are part of a bulk, with each other or with others of late."""
    bulks = bulks_of(changes, others)
    return [change for change in changes if way_of(change) in bulks]


def told_once(
    verdicts: Sequence[Verdict],
    earlier: Sequence[Verdict],
    bulks: Bulks,
    in_use: Mapping[str | None, Collection[str]] = MappingProxyType({}),
) -> list[Verdict]:
    """The verdicts in their order, those of a bulk but the strongest for each deployment let go.

    earlier: current verdicts on changes that were recorded before. What was told already stands for
    the bulk, unless one of these is stronger. in_use: by deployment, the case-folded ids that lead where
    strength is equal.
    """
    chosen: dict[tuple[Way, str | None], Verdict] = {}
    first = sorted(verdicts, key=lambda v: v.change.key.folded not in in_use.get(v.deployment, ()))
    for verdict in [*earlier, *first]:
        way = way_of(verdict.change)
        if way is None or way not in bulks:
            continue
        best = chosen.get((way, verdict.deployment))
        if best is None or _STRENGTH[verdict.action] > _STRENGTH[best.action]:
            chosen[way, verdict.deployment] = verdict
    return [_placed(verdict, chosen, bulks) for verdict in verdicts]


def _placed(verdict: Verdict, chosen: Mapping[tuple[Way, str | None], Verdict], bulks: Bulks) -> Verdict:
    way = way_of(verdict.change)
    if way is None or way not in bulks:
        return verdict
    leader, repos = chosen[way, verdict.deployment], bulks[way]
    if leader is verdict:
        return replace(verdict, reason=f"{verdict.reason}; {_with_others(verdict.change, repos)}")
    whole = f"one of {len(repos)} repos of {repos[0].key.id.partition('/')[0]} that {_moved(verdict.change)}"
    reason = f"{whole}: part of the bulk relabel told with {leader.change.key.id}"
    return replace(verdict, action=Action.IGNORE, trigger="bulk-relabel", until=None, fit=None, reason=reason)


def _moved(change: Change) -> str:
    words = {
        ChangeKind.REMOVED: "went away together",
        ChangeKind.RESTORED: "came back together",
        ChangeKind.RENAMED: "were renamed together",
    }
    if change.degree is not None:
        return "changed the text of their licence together"
    return words.get(change.kind, f"moved from {change.before} to {change.after} together")


def _with_others(change: Change, repos: Sequence[Change]) -> str:
    others = sorted(c.key.id for c in repos if c.key.folded != change.key.folded)
    named = ", ".join(others[:_NAMED]) + (f" and {len(others) - _NAMED} more" if len(others) > _NAMED else "")
    return f"so did {len(others)} more repos of the account: {named}"
