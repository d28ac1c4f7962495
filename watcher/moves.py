"""What moved of late in the accounts that a batch of changes is about: what flaps, and what is one bulk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from watcher.flapping import is_move
from watcher.ports import Tx
from watcher.relabels import WITHIN, Bulks, bulks_of, told_once, way_of
from watcher.report import Warranted
from watcher.rules import Rules
from watcher.types import Change, Deployment, Verdict
from watcher.uses import quant_repo

_SPELL = 4  # windows: how far back a spell of flapping is looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Moves:
    """changes: every move on record of late. earlier: decisions on those of a bulk from before this batch.

    in_use: by deployment, the case-folded ids that it runs.
    """

    changes: tuple[Change, ...] = ()
    bulks: Bulks
    earlier: tuple[Verdict, ...] = ()
    in_use: Mapping[str | None, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of_late(cls, tx: Tx, changes: Sequence[Change], rules: Rules) -> "Moves":
        """changes: a batch that is recorded already, to be judged now."""
        moving = [change for change in changes if is_move(change)]
        if not moving:
            return cls(bulks={})
        since = min(change.detected_at for change in moving) - max(WITHIN, rules.policy.flap * _SPELL)
        recorded = tx.moves({account_of(change) for change in moving}, since)
        bulks = bulks_of(moving, [change for _, change in recorded])
        batch = {_place(change) for change in moving}
        before = [i for i, c in recorded if way_of(c) in bulks and _place(c) not in batch]
        return cls(
            changes=tuple(change for _, change in recorded),
            bulks=bulks,
            earlier=tuple(tx.current_verdicts(before)),
            in_use={d.name: _names_of(d) for d in rules.stack.deployments},
        )

    def of_repo(self, change: Change) -> tuple[Change, ...]:
        return tuple(c for c in self.changes if c.key.folded == change.key.folded)

    def bulks_told_once(self, judged: Mapping[str, Sequence[Warranted]]) -> dict[str, list[Warranted]]:
        """The decisions by change, those of a bulk that another repo's tells let go."""
        if not self.bulks:
            return {change_id: list(found) for change_id, found in judged.items()}
        told = iter(
            told_once(
                [w.verdict for found in judged.values() for w in found],
                self.earlier,
                self.bulks,
                self.in_use,
            )
        )
        return {
            change_id: [replace(w, verdict=next(told)) for w in found] for change_id, found in judged.items()
        }

    def topic(self, verdict: Verdict) -> tuple[str, str] | None:
        """A bulk is one alert, whichever deployments it concerns."""
        way = way_of(verdict.change)
        return (f"bulk {way}", verdict.trigger) if way in self.bulks else None


def _names_of(deployment: Deployment) -> frozenset[str]:
    return frozenset(name.casefold() for name in (deployment.model, quant_repo(deployment)) if name)


def account_of(change: Change) -> str:
    return change.key.folded.rpartition("/")[0]


def _place(change: Change) -> tuple[object, ...]:
    return (change.kind, change.key.folded, change.before, change.after, change.detected_at)
