"""What may replace a model in use: a new family, a size, a design, a licence or a quant that makes one fit.

Each asks the same thing last: could it do this deployment's work, here, under its rules? What says
no is named in the reason, and every constraint is kept with the verdict.
"""

from watcher import constraints, licences
from watcher.decisions import decision, how_it_fits, licence_title
from watcher.elders import SAME_SIZE
from watcher.licence_steps import RELEASE
from watcher.newcomers import ABILITY, ASIDE, IN_LINE, is_aside
from watcher.releases import read_size
from watcher.situation import Situation
from watcher.triggers_newcomers import for_training
from watcher.types import Action, Change, ChangeKind, Check, Fit, FitVerdict, Verdict
from watcher.uses import narrow_task, same_task, subject, trusted_publisher

# Memory to plan for in weights: 1.3 to 1.5 is what operators reckon with before they know the load.
_ROOM_TO_PLAN_FOR = 1.4


def genuinely_new_family(change: Change, s: Situation) -> Verdict | None:
    """A player nobody knew needs independent evidence; one whose makers we know is believed."""
    if change.kind is not ChangeKind.NEW_FAMILY:
        return None
    if not change.lineage.official and not s.evidence.enough:
        if told := s.told.get((subject(change), s.deployment.name if s.deployment else None)):
            reason = f"joins alert {told[:8]} on another repo of the same release"
            return decision(Action.DIGEST, "new-family", reason, change, s)
        return _waiting_for_evidence(change, s)
    if change.lineage.variant in ASIDE and not _narrow(s):
        reason = f"a new family of models for {change.lineage.variant}, beside what {_who(s)} does"
        return decision(Action.DIGEST, "new-family", reason, change, s)
    signs = s.evidence.sentence() if s.evidence.quantised_by or s.evidence.trending else ""
    known = f"of makers that we know{', ' + signs if signs else ''}"
    what = f"a genuinely new family ({known if change.lineage.official else signs})"
    return _candidate("new-family", what, change, s, planned=False)


def _narrow(s: Situation) -> bool:
    return s.deployment is not None and narrow_task(s.deployment)


def _who(s: Situation) -> str:
    return s.deployment.name if s.deployment else "the team"


def _waiting_for_evidence(change: Change, s: Situation) -> Verdict:
    if s.now - s.first_seen <= s.policy.waiting_limit:
        reason = f"a new player waiting for evidence: {s.evidence.sentence()}"
        return decision(Action.HOLD, "waiting-for-evidence", reason, change, s, wait=s.policy.settle)
    days = s.policy.waiting_limit.days
    reason = f"a new player, but {s.evidence.sentence()} in {days} days"
    checks, said_no = weighed(change, s, planned=False)
    action = Action.IGNORE if said_no else Action.DIGEST
    return decision(action, "no-evidence", reason, change, s, checks=checks)


def newly_fitting_size_or_design(change: Change, s: Situation) -> Verdict | None:
    """A known family reaches a size or a design it did not have, and that runs here.

    Of a family that nobody here watches only while it is a new player, or when it first reaches sizes
    that are used here: a size that is free to use and no smaller than what is in use. What a family does
    for the first time, or one of its lines reaches, is news where one of it is in use.
    """
    if change.kind not in (ChangeKind.NEW_SIZE, ChangeKind.NEW_ARCHITECTURE) or not change.lineage.official:
        return None
    if change.degree == "minor":
        return None  # only the name of its architecture is new
    if change.degree in (ABILITY, IN_LINE) and change.lineage.family not in s.families_of_the_team:
        return None
    family = change.lineage.family or change.lineage.publisher
    why = f": {change.evidence[0]}" if change.evidence else ""
    noun = "a new size" if change.kind is ChangeKind.NEW_SIZE else "a new design"
    what = f"{noun} of {family}{why}"
    if s.watches(change.lineage.family):
        return _candidate(change.kind.value, what, change, s, planned=True)
    if change.kind is not ChangeKind.NEW_SIZE or s.licence is None:
        return None
    if licences.class_of(s.licence) != "permissive" or not (_new_player(s) or _grown_up(s)):
        return None
    if (maker := s.registry.by_key.get(family)) and maker.edge:
        return None
    checks, said_no = weighed(change, s, planned=True, least=1.0)
    if said_no or (checks and is_aside(change.lineage)):
        return None
    return _candidate(change.kind.value, f"{what}, which nobody here watches", change, s, planned=True)


def _new_player(s: Situation) -> bool:
    since = s.family_since
    return since is not None and s.now.date() - since <= s.policy.new_player


def _grown_up(s: Situation) -> bool:
    """Whether everything the family had was too small for this deployment: then it is new to it."""
    if not s.family_largest or not s.incumbent_total or s.deployment is None:
        return False
    return s.family_largest < s.incumbent_total * (1 - SAME_SIZE) and not s.deployment.hardware.planned


def licence_of_a_new_release(change: Change, s: Situation) -> Verdict | None:
    """A release that carries another licence than its line had: a door that closes, or one that opens."""
    if change.kind is not ChangeKind.LICENCE or change.degree != RELEASE:
        return None
    stated = licences.canonical(s.facts.licence)
    if stated is not None and stated != change.after:
        reason = f"it said {licence_title(change.after)} at first, and says {licence_title(stated)} now"
        return decision(Action.IGNORE, "licence-of-release", reason, change, s)
    before, after = change.before or "", change.after or ""
    moved = f"{licence_title(before)} before, {licence_title(after)} now"
    what = f"{change.key.id} comes under another licence than its line had: {moved}"
    if change.evidence:
        what = f"{what} ({change.evidence[0]})"
    in_use = change.lineage.family in s.families_in_use and same_task(change.lineage, s.deployment, s.facts)
    way = licences.direction(before, after)
    if in_use or (way == "looser" and s.deployment and s.watches(change.lineage.family)):
        small = too_small(change, s) if licences.class_of(before) != licences.class_of(after) else None
        no = small or (None if _runs(s) else "it runs on no machine of yours")
        action = Action.DIGEST if no else Action.ALERT
        return decision(action, "licence-of-release", f"{what}, but {no}" if no else what, change, s)
    if way == "looser" and ruled_out(before, s) and usable_here(after, s):
        return _candidate("licence-unlocks", what, change, s, planned=True)
    action = Action.DIGEST if s.watches(change.lineage.family) or way == "looser" else Action.IGNORE
    return decision(action, "licence-of-release", f"{what}: not in use here", change, s)


def _runs(s: Situation) -> bool:
    """Whether anybody here could run it at all; a size that is not known may."""
    if s.candidate is None or s.deployment is None:
        return s.deployment is not None
    fits = s.candidate.fit.verdict is not FitVerdict.NO
    return fits and not (s.deployment.hardware.planned and _fills(s.candidate.fit))


def ruled_out(licence: str, s: Situation) -> bool:
    """Whether a licence is known to keep the deployment from using a model."""
    rules = s.deployment.licence if s.deployment else None
    if licences.usable(licence) is False or rules is None:
        return licences.usable(licence) is False
    shut = rules.domicile and licences.excluded(licence, rules.domicile, multimodal=False)
    return bool(shut) or not licences.allowed(licence, rules)


def usable_here(licence: str, s: Situation) -> bool:
    """Whether the deployment may use models under a licence at all; what is not known counts as no."""
    rules = s.deployment.licence if s.deployment else None
    if licences.usable(licence) is not True:
        return False
    if rules is None:
        return True
    if rules.domicile and licences.excluded(licence, rules.domicile, multimodal=False):
        return False
    return licences.allowed(licence, rules)


def first_quant_that_fits(change: Change, s: Situation) -> Verdict | None:
    """A release of a watched family that ran on no machine of the team until somebody made it small."""
    if change.kind is not ChangeKind.NEW_QUANT or s.runs_already is not False or change.lineage.derived:
        return None
    if (change.lineage.base_repo or "").casefold() in {d.model.casefold() for d in s.stack.deployments}:
        return None  # the deployment that runs it is told
    if is_aside(change.lineage) or not s.watches(change.lineage.family):
        return None
    if not trusted_publisher(change.lineage, s.stack, s.registry):
        return None
    if s.candidate is None or s.candidate.fit.verdict is FitVerdict.NO or s.candidate.hypothetical:
        return None
    if for_training(s):
        return None
    checks, said_no = weighed(change, s, planned=False)
    if said_no:
        return None
    base = change.lineage.base_repo or "a model of a watched family"
    reason = f"the first weights of {base} that run on a machine of yours: {how_it_fits(s)}"
    return decision(Action.ALERT, "quant-makes-it-fit", reason, change, s, checks=checks)


def _candidate(trigger: str, what: str, change: Change, s: Situation, *, planned: bool) -> Verdict:
    """Alert when it could do the deployment's work; otherwise the digest, naming what said no."""
    checks, said_no = weighed(change, s, planned=planned)
    if said_no:
        return decision(Action.DIGEST, trigger, f"{what}, but {said_no}", change, s, checks=checks)
    return decision(Action.ALERT, trigger, f"{what}: {how_it_fits(s)}", change, s, checks=checks)


def weighed(
    change: Change, s: Situation, *, planned: bool, least: float = 1 - SAME_SIZE
) -> tuple[tuple[Check, ...], str | None]:
    """Every constraint of the deployment held against the newcomer, and what says no, in words.

    planned: whether a machine that the team does not have yet counts. least: the smallest share of the
    parameters in use that is still in their size range.
    """
    d = s.deployment
    if d is None:
        return (), "no deployment is configured that it could serve"
    if narrow_task(d) and not same_task(change.lineage, d, s.facts):
        return (), f"{d.name} does a narrow task that a specialist serves better"
    checks = constraints.check(
        d,
        lineage=change.lineage,
        licence=s.licence,
        facts=s.facts,
        candidate=s.candidate,
        registry=s.registry,
        context_tokens=s.context_tokens,
    )
    if s.candidate is None:
        return checks, "its size is not known yet"
    if small := too_small(change, s, least):
        return checks, small
    if d.hardware.planned and (not planned or _fills(s.candidate.fit)):
        return checks, f"{d.hardware.name} is only planned" + (", and would be full" if planned else "")
    refused = constraints.failed(checks)
    said = "; ".join(f"{c.name}: {c.found} (wanted {c.wanted})" for c in refused)
    return checks, said or None


def _fills(fit: Fit) -> bool:
    """Whether weights leave less room than one would buy a machine with: the usual rule of thumb."""
    return fit.weights.bytes * _ROOM_TO_PLAN_FOR > fit.budget_bytes


def too_small(change: Change, s: Situation, least: float = 1 - SAME_SIZE) -> str | None:
    """Whether it is below the size range in use here; unknown sizes are not."""
    size = read_size(change.lineage.size)
    named = size.total * 1e9 if size else None
    counted = s.facts.parameters.total
    # Packed weights hide parameters, so a quant's name is believed before its count.
    total = (named or counted) if change.lineage.quant else (counted or named)
    if not total or not s.incumbent_total or total >= s.incumbent_total * least:
        return None
    if s.deployment is not None and narrow_task(s.deployment):
        return None
    in_use = f"{s.incumbent_total / 1e9:.3g}B"
    return f"{total / 1e9:.3g}B parameters are below the size in use, which counts as {in_use} dense"
