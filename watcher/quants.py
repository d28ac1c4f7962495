"""The weights that a repo offers: one variant per GGUF file type, or all safetensors as one.

Sizes are exact where the details give them; otherwise parameters times the bits of
watcher/data/formats.yaml. Labels are those that publishers write: Q4_K_M, UD-Q4_K_XL, nvfp4, awq.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from watcher.tables import table
from watcher.types import Details, Parameters, RepoFacts, RepoFile, Variant

_SHARD = re.compile(r"[-_.](\d{5})-of-(\d{5})(?=\.)")
_GGUF_LABEL = re.compile(
    r"(?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|FP16|F32)(?=[-_./]|$)",
    re.IGNORECASE,
)
_NOT_WEIGHTS = re.compile(
    r"(^|/)(original|consolidated|onnx|openvino|coreml|gguf-imatrix)/|(^|/)mmproj|imatrix|"
    r"(^|[-_./])(mtp|eagle\d?|draft)[-_.]|adapter_model",
    re.IGNORECASE,
)
_ENDINGS = (".gguf", ".safetensors", ".bin", ".pt", ".pth")
_IN_NAME = (
    ("nvfp4", "nvfp4"),
    ("mxfp8", "mxfp8"),
    ("mxfp4", "mxfp4"),
    ("w4a16", "w4a16"),
    ("awq", "awq"),
    ("gptq-int8", "gptq-8bit"),
    ("gptq", "gptq"),
    ("autoround", "autoround"),
    ("bnb-4bit", "bnb-4bit"),
    ("bnb-8bit", "bnb-8bit"),
    ("fp8", "fp8"),
    ("int8", "int8"),
    ("exl3", "exl3"),
    ("exl2", "exl2"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A row of formats.yaml: bits per weight over the file, what "q4" matches, and its quality class."""

    label: str
    container: str
    bits: float
    family: str
    level: int
    rank: int
    spread: float
    legacy: bool
    compute: str | None


@cache
def formats() -> dict[str, Format]:
    """Every known label, case-folded."""
    return {
        label.casefold(): Format(
            label=label,
            container=row["format"],
            bits=float(row["bits"]),
            family=row["family"],
            level=int(row["level"]),
            rank=int(row["rank"]),
            spread=float(row.get("spread", 0.03)),
            legacy=bool(row.get("legacy", False)),
            compute=row.get("compute"),
        )
        for label, row in table("formats")["formats"].items()
    }


def format_of(label: str) -> Format | None:
    """The row of a label; dynamic and sized kin (UD-Q4_K_XL) stand with the nearest plain one."""
    folded = label.casefold().removeprefix("ud-")
    known = formats()
    if folded in known:
        return known[folded]
    for shorter in (re.sub(r"_(xl|l|m|s|xs|xxs|moe)$", "", folded), folded[:4], folded[:2]):
        kin = [f for name, f in known.items() if name.startswith(shorter) and not f.legacy and shorter]
        if kin:
            return max(kin, key=lambda f: f.rank)
    return None


def is_weight_file(path: str) -> bool:
    """Whether a file holds model weights that an engine loads; projectors, drafts and adapters do not."""
    return path.endswith(_ENDINGS) and not _NOT_WEIGHTS.search(path)


def variants_of(
    facts: RepoFacts, details: Details | None, parameters_total: int | None
) -> tuple[Variant, ...]:
    """What can be loaded from a repo; empty when no file list is known or it holds no weights."""
    listed = details.files if details and details.files else facts.files or ()
    weights = [f for f in listed if is_weight_file(f.path)]
    gguf = [f for f in weights if f.path.endswith(".gguf")]
    found = _gguf_variants(facts.repo_id, gguf, parameters_total)
    safetensors = [f for f in weights if f.path.endswith(".safetensors")]
    rest = safetensors or [f for f in weights if not f.path.endswith(".gguf")]
    if "consolidated.safetensors" in {f.path for f in rest} and len(rest) > 1:
        rest = [f for f in rest if not f.path.startswith("consolidated")]
    if rest:
        found.append(_single(facts, rest, parameters_total))
    return tuple(found)


def _gguf_variants(repo_id: str, weights: Sequence[RepoFile], total: int | None) -> list[Variant]:
    groups: dict[str, list[RepoFile]] = defaultdict(list)
    for file in weights:
        groups[label_of(file.path)].append(file)
    return [_variant(repo_id, "gguf", label, group, total) for label, group in groups.items()]


def label_of(path: str) -> str:
    """The GGUF file type in a path, as written but for its case; "gguf" when there is none."""
    name = _SHARD.sub("", path)
    found = _GGUF_LABEL.findall(name.rpartition("/")[2]) or _GGUF_LABEL.findall(name)
    if not found:
        return "gguf"
    label = str(found[-1]).upper()
    return "F16" if label == "FP16" else label


def _single(facts: RepoFacts, weights: Sequence[RepoFile], total: int | None) -> Variant:
    label = _safetensors_label(facts)
    container = "mlx" if label.startswith("mlx") else "safetensors"
    shown = label if label in ("nvfp4", "fp8", "awq", "gptq", "mxfp4", "exl2", "exl3") else container
    return _variant(facts.repo_id, shown, label, weights, total)


def _safetensors_label(facts: RepoFacts) -> str:
    """By config.json's method first, then by the name, then by the stored dtypes."""
    name = facts.repo_id.casefold()
    method = (facts.quantisation.method if facts.quantisation else "").casefold()
    bits = facts.quantisation.bits if facts.quantisation else None
    if method == "mlx" or "mlx" in facts.tags or "-mlx" in name:
        return f"mlx-{int(bits)}bit" if bits and f"mlx-{int(bits)}bit" in formats() else "mlx-4bit"
    named = next((label for word, label in _IN_NAME if word in name), None)
    if method in ("gptq", "bitsandbytes") and bits and bits != 4:
        return {"gptq": f"gptq-{int(bits)}bit", "bitsandbytes": "bnb-8bit"}[method]
    by_method = {"bitsandbytes": "bnb-4bit", "auto-round": "autoround", "fbgemm_fp8": "fp8"}
    if method in by_method:
        return by_method[method]
    if method in formats():
        return method
    if named:
        return named
    if method:
        return "mixed"
    dtypes = {dtype.casefold() for dtype, _ in facts.parameters.per_dtype}
    return "fp32" if dtypes == {"f32"} else "fp16" if dtypes == {"f16"} else "bf16"


def _variant(repo_id: str, shown: str, label: str, weights: Sequence[RepoFile], total: int | None) -> Variant:
    row = format_of(label)
    sizes = [f.size_bytes for f in weights]
    exact = sum(size for size in sizes if size) if all(sizes) else None
    assumed = int(total * row.bits / 8) if total and row else None
    bits = round(exact * 8 / total, 2) if exact and total and shown == "gguf" else row.bits if row else None
    return Variant(
        repo_id=repo_id,
        format=shown,
        label=label,
        bits=bits,
        size_bytes=exact or assumed,
        size_source="files" if exact else "table",
        files=tuple(sorted(f.path for f in weights)),
    )


def hypothetical(
    repo_id: str, wanted: str, parameters: Parameters, engine: str | None = None
) -> Variant | None:
    """The weights somebody may publish in a format: parameters times its bits; None when unknown."""
    gguf = {"q4": "Q4_K_M", "q5": "Q5_K_M", "q6": "Q6_K", "q8": "Q8_0", "bf16": "BF16", "16bit": "BF16"}
    served = {"q4": "awq", "q8": "fp8", "16bit": "bf16"}
    label = (served if engine in ("vllm", "sglang", "tensorrt-llm") else gguf).get(wanted, wanted)
    row = format_of(label)
    if row is None or not parameters.total:
        return None
    size = int(parameters.total * row.bits / 8)
    return Variant(
        repo_id=repo_id,
        format=row.container,
        label=row.label,
        bits=row.bits,
        size_bytes=size,
        size_source="table",
    )


def matches_quant(variant: Variant, wanted: str) -> bool:
    """Whether weights are what a configuration asks for: a label, a container, or a family such as q4."""
    asked = wanted.casefold()
    if asked in (variant.label.casefold(), variant.format.casefold()):
        return True
    row = format_of(variant.label)
    if row is None:
        return False
    aliases = {"int4": "q4", "4bit": "q4", "int8": "q8", "8bit": "q8", "bf16": "16bit", "fp16": "16bit"}
    family = aliases.get(asked, asked)
    return row.family == family or (family == "q8" and row.family == "fp8" and asked != "q8_0")


def quality_at_least(variant: Variant, floor: str) -> bool:
    """Whether weights lose no more than the floor does: 4-bit formats are one class, 8-bit another."""
    row, least = format_of(variant.label), format_of({"q4": "Q4_K_M", "q8": "Q8_0"}.get(floor, floor))
    if "/" in floor or least is None:
        return True
    return row is None or row.level >= least.level


def loads(engine: str, variant: Variant) -> bool:
    """Whether an engine is made for weights stored like this; an engine we do not know loads anything."""
    row = format_of(variant.label)
    containers = table("formats")["engines"]
    known = {name for entry in containers.values() for name in entry["loads"]}
    if row is None or engine not in known or row.container not in containers:
        return True
    return engine in containers[row.container]["loads"]


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
    promised: dict[tuple[str, int], set[int]] = defaultdict(set)
    for path in weights:
        if match := _SHARD.search(path):
            promised[path[: match.start()], int(match[2])].add(int(match[1]))
    return all(len(shards) >= total for (_, total), shards in promised.items())
