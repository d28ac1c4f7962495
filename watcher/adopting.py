"""A changed configuration is judged once, in the transaction that makes it the accepted one.

Read, compare and weigh first; then one transaction writes changes, verdicts, alerts and the new
accepted configuration. A crash before it loses nothing, and one after it repeats nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from watcher.accepted import compare_stacks, facts_of
from watcher.consequences import Found, consequences
from watcher.judging import current_stack, decide
from watcher.ports import Catalog, Tx
from watcher.rules import Outcome, Rules
from watcher.shelf import Progress, Shelf
from watcher.types import Change, Stack

# Older models were passed over long ago: that they fit now is no news, unless they are in use or shortlisted.
RECENT = timedelta(days=365)


def adopt(
    catalog: Catalog,
    rules: Rules,
    now: datetime,
    *,
    patient: bool,
    progress: Progress = lambda *_: None,
) -> Outcome | None:
    """Judges what is different from the configuration accepted last, and accepts this one.

    The first configuration is accepted in silence. patient: where a model in use is not in the catalog yet,
    nothing is done and None comes back, for the round may bring it.
    """
    with catalog.read() as tx:
        before = tx.accepted()
        if before == facts_of(rules.stack):
            return Outcome()
        changes = pending(tx, rules.stack, now)
        if changes and patient and _unknown(tx, rules.stack):
            return None
        found = _weighed(tx, before, changes, rules, now, progress) if before and changes else {}
    with catalog.write() as tx:
        if tx.accepted() != before:
            return Outcome()  # another process was faster
        outcome = decide(tx, changes, rules, now, found)
        if before is not None and before.hardware != rules.stack.hardware:
            tx.drop_fits()  # perhaps of other machines under the same name: watcher.refit makes them anew
        tx.save_accepted(facts_of(rules.stack), now)
    return outcome


def pending(tx: Tx, stack: Stack, now: datetime) -> list[Change]:
    """What the next round will judge of a configuration; nothing before the first one is accepted."""
    before = tx.accepted()
    return compare_stacks(current_stack(tx, before), current_stack(tx, stack), now) if before else []


def _unknown(tx: Tx, stack: Stack) -> bool:
    names = {deployment.model.casefold() for deployment in stack.deployments}
    return len(tx.entries(names)) < len(names)


def _weighed(
    tx: Tx, before: Stack, changes: Sequence[Change], rules: Rules, now: datetime, progress: Progress
) -> Found:
    after = current_stack(tx, rules.stack)
    shelf = Shelf.read(tx, after, rules.registry, since=now - RECENT, progress=progress)
    return consequences(shelf, changes, current_stack(tx, before), after, progress)
