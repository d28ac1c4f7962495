"""What an alert says of news that no repo is behind: engines, posts and laws."""

from watcher.signals import marks
from watcher.types import Change, ChangeKind

SIGNALS = frozenset(
    {ChangeKind.ENGINE_RELEASE, ChangeKind.SECURITY_FIX, ChangeKind.POST, ChangeKind.REGULATION}
)


def headline(change: Change) -> str:
    about = change.lineage.publisher
    if change.kind is ChangeKind.SECURITY_FIX:
        return f"{about} {change.after}: a security fix"
    if change.kind is ChangeKind.ENGINE_RELEASE:
        moves = ", ".join(marks(change, "moves"))
        return f"{about} {change.after}" + (f": {moves}" if moves else "")
    if change.kind is ChangeKind.REGULATION:
        return f"{about} law: {change.after}"
    return change.after or change.key.id


def moved(change: Change) -> str:
    """What became different, in words."""
    if change.kind in (ChangeKind.ENGINE_RELEASE, ChangeKind.SECURITY_FIX):
        since = f", after {change.before}" if change.before else ""
        return f"{change.lineage.publisher} {change.after}{since}"
    return change.after or change.kind.value


def links(change: Change) -> tuple[tuple[str, str], ...]:
    """Where to read on, as far as the source said."""
    return tuple((change.after or change.key.id, address) for address in marks(change, "see"))
