"""Who uses what: does a repo, a quant or a kind of model belong to a deployment?"""

from watcher.families import Registry
from watcher.situation import Situation
from watcher.tasks import serves, tasks
from watcher.types import Change, ChangeKind, Deployment, Lineage, RepoFacts, Stack, Verdict


def narrow_task(deployment: Deployment) -> bool:
    """Whether a small specialist does the deployment's work better than an LLM."""
    return tasks()[deployment.task].narrow


def same_task(lineage: Lineage, deployment: Deployment | None, facts: RepoFacts | None = None) -> bool:
    """Whether this kind of model could serve the deployment; what is not stated counts as an LLM."""
    return deployment is None or serves(tasks()[deployment.task], lineage, facts)


def repo_in_use(change: Change, s: Situation) -> str | None:
    """How the deployment uses this very repo, in words; None when it does not.

    The stack of the situation holds today's names, so a rename speaks of the old one.
    """
    d = s.deployment
    name = change.before if change.kind is ChangeKind.RENAMED and change.before else change.key.id
    if d is not None and d.model.casefold() == change.key.folded:
        return f"{name}, which {d.name} runs,"
    if d is not None and (quant_repo(d) or "").casefold() == change.key.folded:
        return f"{name}, whose weights {d.name} runs,"
    if change.key.folded in {model.casefold() for model in s.stack.shortlist}:
        return f"{name}, a shortlisted candidate,"
    return None


def trusted_publisher(lineage: Lineage, stack: Stack, registry: Registry) -> bool:
    """The maker itself, or an independent quantiser that is trusted."""
    return lineage.official or independent_quantiser(lineage, stack, registry)


def independent_quantiser(lineage: Lineage, stack: Stack, registry: Registry) -> bool:
    """A quantiser of the registry, or one that the team named, other than the maker."""
    publisher = lineage.publisher.casefold()
    named = publisher in {q.casefold() for q in stack.quantisers}
    return (named or publisher in registry.trusted_quantisers) and not lineage.official


def told_as(verdict: Verdict) -> str:
    """What further news joins that is alerted like this: quants of a model in use, else the release."""
    if verdict.trigger == "quant-in-use" and verdict.change.lineage.base_repo:
        return verdict.change.lineage.base_repo.casefold()
    return subject(verdict.change)


def subject(change: Change) -> str:
    """What further news joins: the release with all its sizes and their quants; for a licence, the family."""
    if change.kind is ChangeKind.LICENCE and change.lineage.family:
        return f"{change.lineage.family} under {change.after}"
    return change.lineage.thread


def names_in_use(stack: Stack) -> frozenset[str]:
    """Every repo that the team runs or has on its shortlist, as configured."""
    quants = {repo for d in stack.deployments if (repo := quant_repo(d))}
    return frozenset({d.model for d in stack.deployments} | quants | set(stack.shortlist))


def quant_in_use(change: Change, s: Situation) -> str | None:
    """A trusted quant of the deployed model, in the format the deployment asks for."""
    d = s.deployment
    if d is None or not change.lineage.quant or quant_repo(d):
        return None
    if (change.lineage.base_repo or "").casefold() != d.model.casefold():
        return None
    if not trusted_publisher(change.lineage, s.stack, s.registry) or not s.offers_wanted:
        return None
    return f"{change.key.id}, a {d.quant or 'quant'} of the model that {d.name} runs,"


def wanted_quant(s: Situation) -> bool:
    """The first trusted repo that offers the format the deployment asks for."""
    return bool(s.deployment and s.deployment.quant and s.offers_wanted and not s.wanted_elsewhere)


def quant_repo(deployment: Deployment) -> str | None:
    """The exact repo of a deployment's quant, where it names one ("org/name" or "org/name/file")."""
    quant = deployment.quant or ""
    if "/" not in quant:
        return None
    return "/".join(quant.split("/")[:2])
