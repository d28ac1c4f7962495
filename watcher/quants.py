"""The weights that a repo offers: one variant per GGUF file type, or all safetensors as one.

Sizes are exact where the details give them; otherwise parameters times the bits of
watcher/data/formats.yaml. Which label a set of weights bears: watcher/formats.py.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from watcher.fit.exclusions import stated
from watcher.fit.shape import Shape
from watcher.fit.weights import weights_from_shape
from watcher.formats import SHARD, format_of, label_of, safetensors_label, stated_label
from watcher.tables import table
from watcher.types import Details, Json, Parameters, RepoFacts, RepoFile, Variant

_NOT_WEIGHTS = re.compile(
    r"(^|/)(original|consolidated|onnx|openvino|coreml|gguf-imatrix|mtp|draft|vae|text_encoders?|unet|checkpoint-\d+|"
    r"global_step\d+)/|mmproj|imatrix|"
    r"(^|[-_./])(eagle\d?|draft|dflash|dspark|medusa|speculator)[-_.]|(^|/)mtp[-_.]|ggml-vocab|"
    r"[-_.](be|big-endian)\.(\w+\.)?gguf$|(^|/)adapter(s|_model)?\.|"
    r"(^|/)(training_args|optimizer|scheduler|rng_state|trainer_state|tokenizer)",
    re.IGNORECASE,
)
_VARIANT = re.compile(r"(^|/)(model|pytorch_model)\.(fp16|fp32|bf16|non_ema|ema)(?=[-.])", re.IGNORECASE)
_ENDINGS = (".gguf", ".safetensors", ".bin", ".pt", ".pth")


def is_weight_file(path: str) -> bool:
    """Whether a file holds model weights that an engine loads; projectors, drafts and adapters do not."""
    return path.endswith(_ENDINGS) and not _NOT_WEIGHTS.search(path)


def variants_of(
    facts: RepoFacts, details: Details | None, parameters_total: int | None
) -> tuple[Variant, ...]:
    """What can be loaded from a repo; empty when no file list is known or no set of weights is whole."""
    listed = details.files if details and details.files else facts.files or ()
    weights = [f for f in listed if is_weight_file(f.path)]
    gguf = [f for f in weights if f.path.endswith(".gguf")]
    found = _gguf_variants(facts.repo_id, gguf, parameters_total)
    safetensors = [f for f in weights if f.path.endswith(".safetensors")]
    rest = _loaded(safetensors or [f for f in weights if not f.path.endswith(".gguf")])
    if rest and _whole(f.path for f in rest):
        found.append(_single(facts, details, rest, parameters_total))
    return tuple(found)


def loaded_files(listed: Sequence[RepoFile], container: str) -> tuple[RepoFile, ...]:
    """Of all files those that an engine loads: every GGUF that is a model, or one set of safetensors."""
    weights = [f for f in listed if f.path.endswith(f".{container}") and is_weight_file(f.path)]
    return tuple(weights if container == "gguf" else _loaded(weights))


def _loaded(weights: Sequence[RepoFile]) -> list[RepoFile]:
    """The files an engine reads: top level before folders, of those the largest, and no second copy.

    Second copies: consolidated, all in one piece beside shards, or in another width (model.fp16.safetensors).
    """
    top = [f for f in weights if "/" not in f.path] or _largest_folder(weights)
    plain = [f for f in top if not f.path.rpartition("/")[2].startswith("consolidated")] or top
    plain = [f for f in plain if not _VARIANT.search(f.path)] or plain
    shards = [f for f in plain if SHARD.search(f.path)]
    whole = ("model.safetensors", "pytorch_model.bin")
    return [f for f in plain if not (shards and f.path.rpartition("/")[2] in whole)]


def _largest_folder(weights: Sequence[RepoFile]) -> list[RepoFile]:
    folders: dict[str, list[RepoFile]] = defaultdict(list)
    for file in weights:
        folders[file.path.rpartition("/")[0]].append(file)
    return max(folders.values(), key=lambda group: sum(f.size_bytes or 1 for f in group), default=[])


def missing_shards(paths: Iterable[str]) -> tuple[str, ...]:
    """Sets of which shards are not there, in words: "model.safetensors: 3 of 4 files, 00002 is missing"."""
    promised: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for path in paths:
        if match := SHARD.search(path):
            promised[path[: match.start()], path[match.end() :], int(match[2])].add(int(match[1]))
    found = []
    for (stem, ending, total), shards in sorted(promised.items()):
        first = next((n for n in range(1, total + 1) if n not in shards), None)
        if first is not None and len(shards) < total:
            found.append(f"{stem}{ending}: {len(shards)} of {total} files, {first:05d} is missing")
    return tuple(found)


def _whole(paths: Iterable[str]) -> bool:
    """Whether every shard that the names promise is among them."""
    return not missing_shards(paths)


def _gguf_variants(repo_id: str, weights: Sequence[RepoFile], total: int | None) -> list[Variant]:
    """One per file type. Of two sets of one type the larger is the model, the other a draft or a part."""
    sets: dict[str, dict[str, list[RepoFile]]] = defaultdict(lambda: defaultdict(list))
    for file in weights:
        sets[label_of(file.path)][SHARD.sub("", file.path)].append(file)
    found = []
    for label, by_stem in sets.items():
        whole = [group for group in by_stem.values() if _whole(f.path for f in group)]
        if whole:
            largest = max(whole, key=lambda group: sum(f.size_bytes or 0 for f in group))
            found.append(_variant(repo_id, "gguf", label, largest, total))
    return found


def _single(
    facts: RepoFacts, details: Details | None, weights: Sequence[RepoFile], total: int | None
) -> Variant:
    label = stated_label(details) or safetensors_label(facts)
    container = "mlx" if label.startswith("mlx") else "safetensors"
    shown = label if label in ("nvfp4", "fp8", "awq", "gptq", "mxfp4", "exl2", "exl3") else container
    variant = _variant(facts.repo_id, shown, label, weights, total)
    if variant.size_source != "files" and (stored := _stored_bytes(facts.parameters)):
        return replace(variant, size_bytes=stored, size_source="header")
    return variant


_DTYPE_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2}


def _stored_bytes(parameters: Parameters) -> int:
    """Bytes by the counts per stored dtype of the safetensors headers: packed types count as stored."""
    return sum(count * _DTYPE_BYTES.get(dtype.upper(), 1) for dtype, count in parameters.per_dtype)


def _variant(repo_id: str, shown: str, label: str, weights: Sequence[RepoFile], total: int | None) -> Variant:
    row = format_of(label)
    sizes = [f.size_bytes for f in weights]
    exact = sum(size for size in sizes if size) if all(sizes) else None
    known = total or parameters_in_name(repo_id)
    assumed = int(known * row.bits_of(known) / 8) if known and row else None
    measured = exact and total and shown == "gguf"
    bits = round(exact * 8 / total, 2) if measured and exact and total else row.bits if row else None
    return Variant(
        repo_id=repo_id,
        format=shown,
        label=label,
        bits=bits,
        size_bytes=exact or assumed,
        size_source="files" if exact else "table" if total or not assumed else "guess",
        files=tuple(sorted(f.path for f in weights)),
    )


_SIZE_IN_NAME = re.compile(
    r"(?<![a-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)b(?![a-z0-9])", re.IGNORECASE
)


def parameters_in_name(repo_id: str) -> int | None:
    """The size that a name states, such as 70B or 8x7B; the largest where it states several (30B-A3B)."""
    found = _SIZE_IN_NAME.findall(repo_id.rpartition("/")[2])
    sizes = [int(times or 1) * float(size) for times, size in found]
    return int(max(sizes) * 1e9) or None if sizes else None


def hypothetical(
    repo_id: str,
    wanted: str,
    parameters: Parameters,
    engine: str | None = None,
    *,
    shape: Shape | None = None,
    quantisation: Json | None = None,
) -> Variant | None:
    """The weights somebody may publish in a format: parameters times its bits; None when unknown.

    shape: weighs them matrix by matrix, which is nearer. quantisation: the config.json of the model's own
    weights, which says whether experts are in 4 bit to begin with.
    """
    gguf = {"q4": "Q4_K_M", "q5": "Q5_K_M", "q6": "Q6_K", "q8": "Q8_0", "bf16": "BF16", "16bit": "BF16"}
    served = {"q4": "awq", "q8": "fp8", "16bit": "bf16"}
    label = (served if engine in ("vllm", "sglang", "tensorrt-llm") else gguf).get(wanted, wanted)
    row = format_of(label)
    weights = weights_from_shape(shape, row, _kept(quantisation)) if shape is not None and row else None
    if row is None or not (weights or parameters.total):
        return None
    total = parameters.total or 0
    size = weights.loaded_bytes if weights else int(total * row.bits_of(total) / 8)
    return Variant(
        repo_id=repo_id,
        format=row.container,
        label=row.label,
        bits=row.bits,
        size_bytes=size,
        size_source="table",
    )


def _kept(quantisation: Json | None) -> Json | None:
    """What of the model's own quantisation holds for another format: experts in MXFP4."""
    said = stated(quantisation)
    return {"quant_method": "mxfp4"} if said.get("quant_method") == "mxfp4" else None


def matches_quant(variant: Variant, wanted: str) -> bool:
    """Whether weights are what a configuration asks for: a label, a container, or a family such as q4."""
    asked = wanted.casefold()
    if "/" in asked:
        return _is_exactly(variant, asked)
    if asked in (variant.label.casefold(), variant.format.casefold()):
        return True
    row = format_of(variant.label)
    if row is None:
        return False
    aliases = {"int4": "q4", "4bit": "q4", "int8": "q8", "8bit": "q8", "bf16": "16bit", "fp16": "16bit"}
    family = aliases.get(asked, asked)
    return row.family == family or (family == "q8" and row.family == "fp8" and asked != "q8_0")


def _is_exactly(variant: Variant, asked: str) -> bool:
    """Whether a repo, or repo and file as owner/name:file or owner/name/file, is this variant."""
    repo = variant.repo_id.casefold()
    if not asked.startswith(repo):
        return False
    rest = asked[len(repo) :]
    files = {path.casefold() for path in variant.files}
    return not rest or (rest[0] in ":/" and (rest[1:] in files or rest[1:] == variant.label.casefold()))


def quality_at_least(variant: Variant, floor: str) -> bool:
    """Whether weights lose no more than the floor does: 4-bit formats are one class, 8-bit another."""
    row, least = format_of(variant.label), format_of({"q4": "Q4_K_M", "q8": "Q8_0"}.get(floor, floor))
    if "/" in floor or least is None:
        return True
    return row is None or row.level >= least.level


def loads(engine: str, variant: Variant) -> bool:
    """Whether an engine is made for weights stored like this; an engine we do not know loads anything."""
    row = format_of(variant.label)
    container = "gguf" if variant.format == "gguf" else row.container if row else ""
    containers = table("formats")["engines"]
    known = {name for entry in containers.values() for name in entry["loads"]}
    if engine not in known or container not in containers:
        return True
    return engine in containers[container]["loads"]


def preferred(variants: Sequence[Variant]) -> Variant | None:
    """The one that a person would take first: Q4_K_M before its kin, legacy types last."""
    order = {label: rank for rank, label in enumerate(table("formats")["preference"])}

    def rank(variant: Variant) -> tuple[int, bool, float]:
        row = format_of(variant.label)
        return (
            order.get(variant.label, len(order)),
            row is not None and row.legacy,
            -(row.rank if row else 0),
        )

    return min(variants, key=rank, default=None)


def best_that(variants: Iterable[Variant], accepts: Callable[[Variant], bool]) -> Variant | None:
    """The variant of most bits that is accepted."""
    return max((v for v in variants if accepts(v)), key=lambda v: v.bits or 0.0, default=None)


def weights_complete(facts: RepoFacts, details: Details | None) -> bool | None:
    """Whether every shard that the files' names promise is there; None when no file list is known."""
    if facts.files is None and details is None:
        return None
    listed = facts.files if facts.files is not None else details.files if details else ()
    weights = [f.path for f in listed if is_weight_file(f.path)]
    if not weights:
        return False
    return _whole(weights)
