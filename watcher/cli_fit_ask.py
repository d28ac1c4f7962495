"""A model under a load on pools of hardware: which weights, in which engine, and the estimate of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from watcher.assess import default_engine
from watcher.cli_fit_silent import unspoken
from watcher.fit.command_line import CannotServe, serve_command
from watcher.fit.estimate import estimate
from watcher.fit.serving import choose_engine, runs
from watcher.fit.shape import Shape
from watcher.formats import formats
from watcher.quants import hypothetical, loads, matches_quant
from watcher.tables import table
from watcher.types import (
    Correction,
    Deployment,
    Fit,
    FitRecord,
    FitVerdict,
    Hardware,
    Json,
    Load,
    Parameters,
    Settings,
    Variant,
)

REPO = "OWNER/REPO"
_USUAL = Settings()
_LEAST_BITS, _MOST_BITS = 1.0, 64.0  # of a parameter, in whatever format


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model that somebody asks about.

    place: what an engine is told to load, a Hub id or a path. origin: catalog, hub, local or facts.
    names: the repos whose deployments tell its engine. original: no quant itself, so that other formats
    may be assumed. held: the label of weights that place has although no file of them was seen.
    whole: no part of its weights is missing.
    quantisation: the config.json of its own weights. notes: what is to be said of all its answers.
    """

    name: str
    place: str
    origin: str
    shape: Shape | None
    parameters: Parameters
    variants: tuple[Variant, ...]
    names: tuple[str, ...] = ()
    original: bool = True
    held: str | None = None
    whole: bool = True
    quantisation: Json | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """engine, quant: None for what suits best. weights_bytes: as given, in place of the files'."""

    load: Load
    engine: str | None = None
    quant: str | None = None
    settings: Settings = _USUAL
    weights_bytes: int | None = None
    deployments: tuple[Deployment, ...] = ()
    corrections: Sequence[Correction] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One fit. engine_reason: why this engine, where nobody named one. given: the size of the weights was.

    command: what starts it; None for a no, for weights that no repo is known to have, which sketch starts
    once OWNER/REPO is put right, and where why_no_command says so.
    """

    record: FitRecord
    variant: Variant
    hardware: Hardware
    engine_reason: str | None
    given: bool
    command: str | None = None
    sketch: str | None = None
    why_no_command: str | None = None

    @property
    def fit(self) -> Fit:
        return self.record.fit


class BadSize(ValueError):  # noqa: N818 - a plain word for what happened
    """The size that was given is that of no weights, or of which ones is open."""


def answers(model: Model, pools: Sequence[Hardware], question: Question) -> list[Answer]:
    """An answer for every set of weights that the question allows, on every pool.

    Where a release that is no quant itself has none that matches, it is assumed. Raises BadSize.
    """
    return [
        _answer(model, variant, pool, question) for variant in _weights(model, question) for pool in pools
    ]


def _weights(model: Model, question: Question) -> list[Variant]:
    quant, engine = question.quant, question.engine
    matching = [v for v in model.variants if quant is None or matches_quant(v, quant)]
    if question.weights_bytes is not None:
        return [_given(model, matching, question)]
    found = [v for v in matching if v.size_bytes]
    if engine is not None:
        loaded = [v for v in found if loads(engine, v)] or _as_gguf(model, found, engine)
        found = loaded or (_converted(model, engine) if quant is None else []) or found
    if found or quant is None or not model.original:
        return found
    assumed = _hypothetical(model, quant, engine)
    return [assumed] if assumed else []


_USUAL_OF = {"gguf": "Q4_K_M", "mlx": "mlx-4bit"}
_SIXTEEN = ("16bit", "bf16", "fp16")


def _hypothetical(model: Model, quant: str, engine: str | None) -> Variant | None:
    """Weights that somebody may publish; at 16 bit those that a release has itself."""
    if engine is None and quant.casefold() in _SIXTEEN:
        engine = "vllm"
    quant = _USUAL_OF.get(quant.casefold(), quant)
    return hypothetical(
        model.name, quant, model.parameters, engine, shape=model.shape, quantisation=model.quantisation
    )


def _as_gguf(model: Model, found: Sequence[Variant], engine: str) -> list[Variant]:
    """A release in 4 bits that GGUF has too, for an engine of such files: mxfp4 becomes MXFP4."""
    for label in dict.fromkeys(v.label for v in found if model.original):
        if label != label.upper() and label.upper() in formats():
            made = _hypothetical(model, label.upper(), engine)
            if made and loads(engine, made):
                return [made]
    return []


def _converted(model: Model, engine: str) -> list[Variant]:
    """Weights at 16 bit for an engine that loads none of those there are."""
    made = _hypothetical(model, "16bit", engine) if model.original and model.variants else None
    return [made] if made and loads(engine, made) else []


def _given(model: Model, matching: Sequence[Variant], question: Question) -> Variant:
    if len(matching) > 1:
        labels = ", ".join(dict.fromkeys(v.label for v in matching))
        raise BadSize(f"one size for which weights? There are {labels}: name one with --quant")
    size, total = question.weights_bytes or 0, model.parameters.total
    if total and not _LEAST_BITS * total <= 8 * size <= _MOST_BITS * total:
        raise BadSize(f"{size:,} bytes are {8 * size / total:.2g} bits for each of {total:,} parameters")
    made = matching[0] if matching else _hypothetical(model, question.quant or "16bit", question.engine)
    plain = Variant(
        repo_id=model.name,
        format="safetensors",
        label="bf16",
        bits=16.0,
        size_bytes=None,
        size_source="files",
    )
    return replace(made or plain, size_bytes=size, size_source="files")


def _answer(model: Model, variant: Variant, pool: Hardware, question: Question) -> Answer:
    engine, reason = _engine(model, variant, pool, question)
    fit = estimate(
        shape=model.shape,
        variant=variant,
        parameters=model.parameters,
        hardware=pool,
        load=question.load,
        engine=engine,
        settings=question.settings,
        corrections=question.corrections,
    )
    fit = _refused(fit, model, variant, pool, reason if question.engine is None else None)
    fit = unspoken(replace(fit, notes=(*_taken_as(variant, question), *fit.notes, *model.notes)), model.name)
    answer = Answer(
        record=FitRecord(repo_id=variant.repo_id, label=variant.label, deployment=None, fit=fit),
        variant=variant,
        hardware=pool,
        engine_reason=reason,
        given=question.weights_bytes is not None,
    )
    return answer if fit.verdict is FitVerdict.NO else _started(model, answer, question)


def _taken_as(variant: Variant, question: Question) -> list[str]:
    """That a dynamic type stands with the plain one beside it, whose size is known."""
    asked = question.quant or ""
    if not asked.casefold().startswith("ud-") or variant.label.casefold() == asked.casefold():
        return []
    return [f"{asked} is taken as {variant.label}: its own files are of another size"]


def _started(model: Model, answer: Answer, question: Question) -> Answer:
    """The same with the command that starts it; a no where the engine has no such cache."""
    fit, place = answer.fit, REPO if answer.given else _place(model, answer.variant)
    try:
        line = _line(fit.engine, answer.variant, answer.hardware, fit, place)
    except CannotServe as error:
        if question.settings.cache_dtype is None or "cache type" not in str(error):
            return replace(answer, why_no_command=str(error))
        refused = replace(fit, verdict=FitVerdict.NO, levers=(), notes=(str(error), *fit.notes))
        return replace(answer, record=replace(answer.record, fit=refused))
    return replace(answer, sketch=line) if place == REPO else replace(answer, command=line)


def _place(model: Model, variant: Variant) -> str:
    """Where an engine finds such weights; OWNER/REPO where we know of no place."""
    return model.place if variant.files or variant.label == model.held else REPO


def _line(engine: str, variant: Variant, pool: Hardware, about: "Fit | Question", place: str) -> str:
    return serve_command(
        engine,
        variant=variant,
        load=about.load,
        hardware=pool,
        settings=about.settings,
        repo_id=place,
    )


def _engine(model: Model, variant: Variant, pool: Hardware, question: Question) -> tuple[str, str | None]:
    """As asked, as the deployment of this model on this machine has it, else what serves it best; and why."""
    if question.engine is not None:
        return question.engine, None
    names = {name.casefold() for name in (model.name, *model.names)}
    for deployment in question.deployments:
        if (
            deployment.hardware.name == pool.name
            and deployment.model.casefold() in names
            and loads(deployment.engine, variant)
        ):
            return deployment.engine, f"{deployment.name} runs it in {deployment.engine}"
    choice = choose_engine(variant.format, variant.label, pool.device, question.load.users)
    if choice.engine is None:
        return default_engine(variant), choice.reason
    refused = None
    for engine in (choice.engine, *choice.alternatives):
        try:
            _line(engine, variant, pool, question, _place(model, variant))
        except CannotServe as error:
            refused = refused or str(error)
        else:
            return engine, choice.reason if refused is None else refused
    return choice.engine, choice.reason


def _refused(fit: Fit, model: Model, variant: Variant, pool: Hardware, reason: str | None) -> Fit:
    """The same, as a no, where the engine has no way to run such weights on the device.

    Other programs run MLX and EXL weights: that is tight at best, and so are weights that miss a part.
    """
    if not model.whole and fit.verdict is FitVerdict.FITS:
        fit = replace(fit, verdict=FitVerdict.TIGHT)
    if runs(fit.engine, variant.format, variant.label, pool.device):
        return fit
    elsewhere = table("serving")["elsewhere"]
    tight = (variant.format in elsewhere or variant.label in elsewhere) and fit.verdict is not FitVerdict.NO
    why = reason or f"{fit.engine} does not run {variant.label} {_kind(variant)} on {pool.device.name}"
    return replace(
        fit,
        decode_tokens_per_second=None,
        total_tokens_per_second=None,
        prefill_seconds=None,
        max_concurrency=0.0,
        verdict=FitVerdict.TIGHT if tight else FitVerdict.NO,
        levers=(),
        notes=(why, *fit.notes),
    )


def _kind(variant: Variant) -> str:
    return "GGUF weights" if variant.format == "gguf" else "weights"
