"""What may replace a model in use, and what never will: newcomers, from the fine-tune to the new family."""

from watcher.decisions import RANK, age_of, decision, hours, how_it_fits, of_release
from watcher.formats import format_of
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, FitVerdict, Verdict
from watcher.uses import repo_in_use, same_task, trusted_publisher, wanted_quant


def not_ours(change: Change, s: Situation) -> Verdict | None:
    """Fine-tunes, merges and imitations by others never count, whatever their title says."""
    if change.lineage.impersonates:
        reason = f"{change.lineage.publisher} imitates {change.lineage.impersonates}: not a release of theirs"
        return decision(Action.IGNORE, "impersonator", reason, change, s)
    if change.lineage.derived and not change.lineage.quant and repo_in_use(change, s) is None:
        reason = f"a third party's fine-tune or merge of {change.lineage.base_repo or 'another model'}"
        return decision(Action.IGNORE, "third-party", reason, change, s)
    return None


def other_kind_of_model(change: Change, s: Situation) -> Verdict | None:
    """A deployment hears of its own kind: an embedding model is no news to a chat service."""
    if not of_release(change) or s.deployment is None or same_task(change.lineage, s.deployment, s.facts):
        return None
    kind = change.lineage.variant or s.facts.pipeline_tag or "another kind of model"
    reason = f"{kind} does not serve the task {s.deployment.task}"
    return decision(Action.IGNORE, "other-task", reason, change, s)


def unknown_quantiser(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT:
        return None
    if trusted_publisher(change.lineage, s.stack, s.registry):
        return None
    return decision(
        Action.IGNORE, "unknown-quantiser", f"{change.lineage.publisher} is no trusted quantiser", change, s
    )


def still_settling(change: Change, s: Situation) -> Verdict | None:
    """Young and half-uploaded repos wait: most early edits are typos, missing shards and wrong tags."""
    if not of_release(change):
        return None
    age = age_of(s)
    if s.gone:
        return decision(Action.IGNORE, "gone-again", "it is gone again before it settled", change, s)
    if s.missing:
        reason = "its page says that it is gone: held for a second look"
        return decision(Action.HOLD, "missing", reason, change, s, wait=s.policy.settle)
    if s.complete is False:
        if s.now - s.first_seen > s.policy.waiting_limit:
            days = s.policy.waiting_limit.days
            return decision(
                Action.IGNORE, "never-completed", f"no complete weights after {days} days", change, s
            )
        reason = "the weights are not complete yet"
        return decision(Action.HOLD, "still-uploading", reason, change, s, wait=s.policy.settle)
    if age < s.policy.settle:
        reason = f"only {hours(age)} old: held until it settles"
        return decision(Action.HOLD, "settling", reason, change, s, wait=s.policy.settle - age)
    return None


def quant_of_a_model_in_use(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT or s.deployment is None:
        return None
    base = (change.lineage.base_repo or "").casefold()
    if base != s.deployment.model.casefold():
        return None
    young = s.base_created_at is not None and s.now - s.base_created_at < s.policy.quant_settle
    if young and s.base_created_at is not None:
        wait = s.base_created_at + s.policy.quant_settle - s.now
        reason = "quants of a model in its first week are often broken: held until it is over"
        return decision(Action.HOLD, "young-quant", reason, change, s, wait=wait)
    name = f"a quant of {s.deployment.model}, which {s.deployment.name} runs"
    if s.candidate is None:
        why = (
            "its size is not known yet" if s.loadable else f"{s.deployment.engine} is not made for its format"
        )
        return decision(Action.DIGEST, "quant-in-use", f"{name}; {why}", change, s)
    if for_training(s):
        reason = f"{name}; {s.candidate.label} is for training, not for serving"
        return decision(Action.IGNORE, "quant-in-use", reason, change, s)
    if RANK[s.candidate.fit.verdict] > RANK[s.incumbent.fit.verdict if s.incumbent else FitVerdict.NO]:
        return decision(Action.ALERT, "quant-in-use", f"{name}: {how_it_fits(s)}; {_until_now(s)}", change, s)
    if wanted_quant(s):
        reason = f"{name}: the first {s.deployment.quant} of it by a trusted quantiser, and {how_it_fits(s)}"
        return decision(Action.ALERT, "quant-in-use", reason, change, s)
    return decision(Action.DIGEST, "quant-in-use", f"{name}; it does not change what fits", change, s)


def for_training(s: Situation) -> bool:
    """Whether weights are in a format that people train with and nobody serves."""
    row = format_of(s.candidate.label) if s.candidate else None
    return row is not None and row.family == "bnb"


def _until_now(s: Situation) -> str:
    if s.incumbent is None:
        return f"no weights that {s.deployment.engine if s.deployment else 'it'} loads were known before"
    verb = {FitVerdict.FITS: "fitted", FitVerdict.TIGHT: "fitted tightly", FitVerdict.NO: "did not fit"}
    return f"the best before, {s.incumbent.label}, {verb[s.incumbent.fit.verdict]}"
