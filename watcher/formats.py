"""How weights are stored: the rows of watcher/data/formats.yaml, and which of them a file or a repo names.

Labels are those that publishers write: Q4_K_M, UD-Q4_K_XL, nvfp4, awq.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from watcher.tables import table
from watcher.types import Details, RepoFacts

SHARD = re.compile(r"[-_.](\d{5})-of-(\d{5})(?=\.)")
_GGUF_LABEL = re.compile(
    r"(?:UD-)?(?:I?Q\d(?:_[A-Z0-9]+)*|TQ\d_\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|FP16|F32|FP32)(?=[-_./]|$)",
    re.IGNORECASE,
)
_GGUF_WORD = re.compile(r"(?:i?q|tq)\d")
_IN_NAME = (
    ("nvfp4", "nvfp4"),
    ("mxfp8", "mxfp8"),
    ("mxfp4", "mxfp4"),
    ("w4a16", "w4a16"),
    ("awq", "awq"),
    ("gptq-int8", "gptq-8bit"),
    ("w8a8", "int8"),
    ("w8a16", "int8"),
    ("gptq", "gptq"),
    ("autoround", "autoround"),
    ("bnb-4bit", "bnb-4bit"),
    ("bnb-8bit", "bnb-8bit"),
    ("fp8", "fp8"),
    ("int8", "int8"),
    ("int4", "w4a16"),
    ("exl3", "exl3"),
    ("exl2", "exl2"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A row of formats.yaml: bits per weight over the file, what "q4" matches, and its quality class.

    weight_bits: of a quantised tensor, its scales included, where bits are those of whole files.
    """

    label: str
    container: str
    bits: float
    family: str
    level: int
    rank: int
    spread: float
    legacy: bool
    compute: str | None
    wide_embeddings: bool
    weight_bits: float

    def bits_of(self, parameters: int) -> float:
        """Bits per weight over a whole file of so many parameters: embeddings may stay at 16."""
        if not self.wide_embeddings or parameters <= 0:
            return self.bits
        wide = table("formats")["wide_parameters"]
        share = min(float(wide["most"]), float(wide["usual"]) / parameters)
        return self.bits + (16 - self.bits) * share


@cache
def formats() -> dict[str, Format]:
    """Every known label: GGUF's in capitals, those of safetensors in small letters."""
    return {
        label: Format(
            label=label,
            container=row["format"],
            bits=float(row["bits"]),
            family=row["family"],
            level=int(row["level"]),
            rank=int(row["rank"]),
            spread=float(row.get("spread", 0.03)),
            legacy=bool(row.get("legacy", False)),
            compute=row.get("compute"),
            wide_embeddings=bool(row.get("wide_embeddings", False)),
            weight_bits=float(row.get("tensor_bits", row["bits"])),
        )
        for label, row in table("formats")["formats"].items()
    }


@lru_cache(maxsize=4096)
def format_of(label: str) -> Format | None:
    """The row of a label; dynamic and sized kin (UD-Q4_K_XL) stand with the nearest plain one."""
    if label in formats():
        return formats()[label]
    folded = label.casefold().removeprefix("ud-")
    # MXFP4 and NVFP4 are names of both containers: GGUF's labels are in capitals.
    capital = label == label.upper()
    known = {
        name.casefold(): row
        for name, row in sorted(formats().items(), key=lambda item: (item[1].container == "gguf") == capital)
    }
    if folded in known:
        return known[folded]
    if not _GGUF_WORD.match(folded):
        begins = [name for name in known if re.match(rf"{re.escape(name)}(?![a-z0-9])", folded)]
        return known[max(begins, key=len)] if begins else None
    for shorter in (re.sub(r"_(xl|l|m|s|xs|xxs|moe)$", "", folded), folded[:4], folded[:2]):
        kin = [f for name, f in known.items() if name.startswith(shorter) and not f.legacy]
        if kin:
            return max(kin, key=lambda f: f.rank)
    return None


def label_of(path: str) -> str:
    """The GGUF file type in a path, as written but for its case; "gguf" when there is none."""
    name = SHARD.sub("", path)
    found = _GGUF_LABEL.findall(name.rpartition("/")[2]) or _GGUF_LABEL.findall(name)
    if not found:
        return "gguf"
    label = str(found[-1]).upper()
    return {"FP16": "F16", "FP32": "F32"}.get(label, label)


def stated_label(details: Details | None) -> str | None:
    """What config.json or ModelOpt's own file say where the method's name alone does not tell the bits."""
    if details is None:
        return None
    own = _mapping(_mapping(details.quant_config).get("quantization"))
    config = _mapping(_mapping(details.config).get("quantization_config"))
    algorithm = str(own.get("quant_algo") or config.get("quant_algo") or "").casefold()
    if algorithm:
        return next(
            (word for word in ("nvfp4", "mxfp8", "mxfp4", "fp8", "awq") if word in algorithm), "mixed"
        )
    if config.get("quant_method") != "compressed-tensors":
        return None
    groups = [_mapping(group).get("weights") for group in _mapping(config.get("config_groups")).values()]
    kinds = {f"{_mapping(g).get('type')} {_mapping(g).get('num_bits')}" for g in groups if g}
    named = {"float 8": "fp8", "float 4": "nvfp4", "int 4": "w4a16", "int 8": "int8"}
    return named.get(kinds.pop(), "mixed") if len(kinds) == 1 else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def safetensors_label(facts: RepoFacts) -> str:
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
