"""Which model is meant: a path on this machine, a repo of the catalog or the Hub, or a name that we know.

They are tried in this order. A name without a slash is no Hub id, so it is never asked for there.
"""

import difflib
import re
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

import typer

from watcher import app
from watcher.assess import parameters_for, shape_for
from watcher.cli_fit_ask import Model
from watcher.fit.gguf_shape import shape_of_gguf
from watcher.fit.opened import Opened, opened
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.formats import format_of, label_of, safetensors_label, stated_label
from watcher.inert import plain
from watcher.quants import hypothetical, matches_quant, missing_shards
from watcher.reponames import strip_format
from watcher.shapes import known_names, known_shape
from watcher.tables import table
from watcher.types import (
    Details,
    Entry,
    Json,
    Known,
    LocalModel,
    Parameters,
    Quantisation,
    RepoFacts,
    SourceError,
    Variant,
)

_HUB_ID = re.compile(r"[\w][\w.-]{0,95}/[\w.-]{1,96}", re.ASCII)
_WEIGHTS = (".gguf", ".safetensors", ".json")
_PATHS = ("/", "./", "../", "~")
_BITS = re.compile(r"(\d)-?bit", re.ASCII | re.IGNORECASE)
_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


def model_of(team: app.Team, text: str, quant: str | None) -> Model:
    """The model that a text means. quant picks one of several sets of local weights, or what is assumed.

    Raises app.NoSuchRepoError naming what was tried, SourceError when the Hub is silent and nobody else
    knows it, and typer.BadParameter for a path that holds no model.
    """
    path, empty = _path(text), None
    explicit = text.startswith(_PATHS) or text.casefold().endswith(_WEIGHTS) or text in (".", "..")
    if explicit or _exists(path):
        try:
            return _local(path, app.local_model(path), quant)
        except SourceError as error:
            empty = typer.BadParameter(f"MODEL {plain(str(error))}")
            if explicit or not _is_bare(path):
                raise empty from None
    try:
        return _remote(team, text, quant)
    except (SourceError, app.NoSuchRepoError):
        if empty is not None:
            raise empty from None
        raise


def _remote(team: app.Team, text: str, quant: str | None) -> Model:
    if not _HUB_ID.fullmatch(text):
        return _from_facts(text, quant, None) or _nobody(text, "a name without an owner is no Hub id")
    try:
        found = app.find(team, text, datetime.now(UTC))
    except (SourceError, app.NoSuchRepoError) as error:
        known = _from_facts(text, quant, str(error))
        if known is not None:
            return known
        if isinstance(error, SourceError):
            raise SourceError(f"{error}; {_tried(text)}") from None
        return _nobody(text, str(error).removeprefix(f"{text}: "))
    return model_of_entry(found.entry, found.base, found.origin)


def _is_bare(path: Path) -> bool:
    """A folder without a configuration: it may bear the name of a model by chance."""
    return path.is_dir() and not any((path / name).exists() for name in ("config.json", "params.json"))


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody
        return Path(text)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _nobody(text: str, why: str) -> Model:
    raise app.NoSuchRepoError(f"{_shown(text)}: {why}; {_tried(text)}")


def _tried(text: str) -> str:
    """That nobody else knows a name either, with the nearest name that we know."""
    names = {
        form: name for name in known_names() for form in (name.casefold(), name.partition("/")[2].casefold())
    }
    near = difflib.get_close_matches(text.casefold(), names, n=1, cutoff=0.7)
    hint = f" (did you mean {names[near[0]]}?)" if near else ""
    return f"it is no file or folder here either, nor a model that we know by name{hint}"


def _shown(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}..."


def model_of_entry(entry: Entry, base: Known | None, origin: str) -> Model:
    """A repo that was read, with its base. origin: catalog or hub."""
    repo = entry.known.facts.repo_id
    shape = shape_for(entry.known, base)
    details = entry.known.details
    return Model(
        name=repo,
        place=repo,
        origin=origin,
        shape=shape,
        parameters=parameters_for(entry.known, base, shape),
        variants=entry.variants,
        names=tuple(k.facts.repo_id for k in (base,) if k),
        original=not entry.lineage.quant,
        quantisation=details.config if details else None,
    )


# --- names that we know ---------------------------------------------------------------------------


def _from_facts(text: str, quant: str | None, tried: str | None) -> Model | None:
    """A model by its name alone, at 16 bit or in the format that the name or quant states."""
    known = known_shape(text)
    if known is None:
        return None
    shape = shape_of(known.config)
    parameters = Parameters(
        total=known.parameters.total or shape.parameters.total,
        active=known.parameters.active or shape.parameters.active,
    )
    label = _label_in(text)
    quantised = bool(label and _HUB_ID.fullmatch(text))
    own = label or native_label(known.name)
    # Without an engine "bf16" is a GGUF type; a release has it as safetensors.
    made = hypothetical(known.name, own, parameters, "vllm" if own == "bf16" else None, shape=shape)
    notes = [f"from known facts about {known.name} ({known.how}): nothing was read"]
    if quant is None and label is None:
        if strip_format(text).quant:
            notes.append("its name says that it is a quant, but not in which format")
        its_own = "16 bit is assumed" if own == "bf16" else f"{own} is assumed, as its maker has it"
        notes.append(f"{its_own}: --quant names another format")
    if tried is not None:
        notes.append(plain(tried))
    name = text if quantised else known.name
    return Model(
        name=name,
        place=name,
        origin="facts",
        shape=shape,
        parameters=parameters,
        variants=(replace(made, repo_id=name),) if made else (),
        names=(known.name,),
        held=own if quantised or label is None else None,
        quantisation={"quantization_config": {"quant_method": own}} if own == "mxfp4" else None,
        notes=tuple(notes),
    )


def native_label(repo_id: str) -> str:
    """The format of a maker's own weights, by watcher/data/native.yaml: 16 bit where it says nothing."""
    for row in table("native")["native"]:
        if any(fnmatchcase(repo_id.casefold(), pattern.casefold()) for pattern in row["repos"]):
            return str(row["label"])
    return "bf16"


def _label_in(text: str) -> str | None:
    """The format that a name ends with, or None."""
    found = label_of(text)
    if found != "gguf":
        return found
    if "mlx" in text.casefold() and (bits := _BITS.search(text)):
        return f"mlx-{bits[1]}bit" if format_of(f"mlx-{bits[1]}bit") else None
    named = safetensors_label(RepoFacts(repo_id=text))
    return named if named != "bf16" and strip_format(text).quant else None


# --- files on this machine ------------------------------------------------------------------------


def _local(path: Path, local: LocalModel, quant: str | None) -> Model:
    """A folder, a configuration or a file of weights, as it is."""
    found = _opened(local, quant)
    if found.broken:
        raise typer.BadParameter(f"MODEL {plain(found.broken)}")
    shape, notes = _local_shape(local, found)
    parameters = shape.parameters if shape else Parameters()
    variant = _local_variant(local, found, parameters.total)
    if variant is None and not local.files:
        own = _stated(local)
        engine = "vllm" if own == "bf16" else None
        variant = hypothetical(local.name, own, parameters, engine, shape=shape, quantisation=local.config)
    return Model(
        name=local.name,
        place=_place(path),
        origin="local",
        shape=shape,
        parameters=parameters,
        variants=(variant,) if variant and variant.size_bytes else (),
        names=(local.name,),
        original=not local.files or (_stated(local) == "bf16" and found.label is None),
        quantisation=local.config,
        whole=not missing_shards(found.files)
        and (not found.problems or (found.weights is not None and found.weights.source == "header")),
        notes=(*found.problems, *notes),
    )


def _opened(local: LocalModel, quant: str | None) -> Opened:
    """The weights of a folder; of several GGUF sets the first that quant names."""
    found = opened(local)
    if quant is None or found.weights is None:
        return found
    labels = [label_of(file.path) for file in local.files if file.container == "gguf"]
    for label in dict.fromkeys(labels):
        row = format_of(label)
        named = Variant(
            repo_id=local.name, format="gguf", label=label, bits=None, size_bytes=1, size_source="files"
        )
        if row and matches_quant(named, quant):
            return opened(local, label)
    return found


def _local_shape(local: LocalModel, found: Opened) -> tuple[Shape | None, list[str]]:
    """Its layers by GGUF metadata or config.json; else by its name; else BadParameter with the reason."""
    reasons: list[str] = []
    for read, source in ((shape_of_gguf, found.metadata), (shape_of, local.config)):
        if source is None:
            continue
        try:
            return read(source), []
        except UnknownShape as error:
            reasons.append(f"its layers can not be read: {error}")
    known = known_shape(str((found.metadata or {}).get("general.name") or local.name))
    if known is None:
        if reasons:
            raise typer.BadParameter(f"MODEL {plain(local.name)}: {plain(reasons[0])}")
        return None, reasons
    note = f"its layers are those that {known.name} is known to have"
    shape = shape_of(known.config)
    return replace(shape, parameters=replace(shape.parameters, total=known.parameters.total)), [
        *reasons,
        note,
    ]


def _local_variant(local: LocalModel, found: Opened, total: int | None) -> Variant | None:
    if found.weights is None:
        return None
    size = found.weights.loaded_bytes
    label = found.label or _safetensors(local)
    gguf = found.label is not None
    row = format_of(label)
    return Variant(
        repo_id=local.name,
        format="gguf"
        if gguf
        else label
        if label in ("nvfp4", "fp8", "awq", "gptq", "mxfp4")
        else "safetensors",
        label=label,
        bits=round(size * 8 / total, 2) if gguf and total else row.bits if row else None,
        size_bytes=size,
        size_source=found.weights.source,
        files=found.files,
    )


def _safetensors(local: LocalModel) -> str:
    """The label of safetensors by what their configuration states, then by the folder's name."""
    stated = _quantisation(local.config) or {}
    dtype = str((local.config or {}).get("torch_dtype") or (local.config or {}).get("dtype") or "")
    method, bits = stated.get("quant_method"), stated.get("bits", stated.get("w_bit"))
    facts = RepoFacts(
        repo_id=local.name,
        quantisation=Quantisation(method=str(method), bits=bits if isinstance(bits, int) else None)
        if method
        else None,
        parameters=Parameters(per_dtype=((_DTYPES[dtype], 1),) if dtype in _DTYPES else ()),
    )
    details = Details(
        repo_id=local.name, revision="", files=(), config=local.config, quant_config=local.quantisation
    )
    return stated_label(details) or safetensors_label(facts)


def _stated(local: LocalModel) -> str:
    """The format that a configuration states: its own quantisation, else 16 bit."""
    label = _safetensors(local)
    return "bf16" if label in ("bf16", "fp16", "mixed") else label


def _quantisation(config: Json | None) -> Json | None:
    found = (config or {}).get("quantization_config")
    return found if isinstance(found, dict) else None


def _place(path: Path) -> str:
    """What an engine loads: a file, or the folder of a configuration or safetensors; never like a Hub id."""
    if path.suffix.casefold() in (".json", ".safetensors"):
        path = path.parent
    text = str(path)
    return text if text.startswith(("/", "./", "../")) else f"./{text}"
