"""How a repo's weights are stored, from config.json and tags; and config.json made small enough to keep."""

import json
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from sources.hub_values import Reader
from watcher.types import Quantisation, RepoFile

LONGEST_LIST = 64
"""Per-layer lists longer than this are kept as a count: GLM-5-NVFP4 excludes 471 modules by name."""

LARGEST_VALUE = 64 * 1024
"""Characters of JSON that one value of config.json may take; real ones stay below a tenth of it."""

_LAYER_LISTS = {"ignore", "modules_to_not_convert", "exclude_modules", "quantized_layers"}
_LABEL_MAPS = {"id2label", "label2id", "task_specific_params"}
_TAG_METHODS = (  # the first to be found decides: containers say more than bit widths
    "gptq",
    "awq",
    "nvfp4",
    "mxfp4",
    "exl3",
    "exl2",
    "mlx",
    "bitsandbytes",
    "compressed-tensors",
    "fp8",
)
_TAG_BITS = {f"{bits}-bit": float(bits) for bits in (1, 2, 3, 4, 5, 6, 8)}


def quantisation_of(
    config: Mapping[str, Any],
    gguf: Mapping[str, Any],
    tags: Collection[str],
    files: Collection[RepoFile] | None,
    reader: Reader,
) -> Quantisation | None:
    """The config's own word first, then GGUF by header or files, then tags; None when nothing is said."""
    stated = reader.mapping(config.get("quantization_config"), "config.quantization_config")
    folded = {tag.casefold() for tag in tags}
    bits = sorted(width for tag, width in _TAG_BITS.items() if tag in folded)
    tagged_bits = bits[0] if len(bits) == 1 else None
    if method := _method(stated):
        return Quantisation(method=method, bits=_bits(stated) or tagged_bits)
    if _is_gguf(gguf, folded, files):
        return Quantisation(method="gguf", bits=tagged_bits)
    method = next((name for name in _TAG_METHODS if name in folded), None)
    return Quantisation(method=method, bits=tagged_bits) if method else None


def _method(stated: Mapping[str, Any]) -> str | None:
    """quant_method, sharpened: ModelOpt names the format in quant_algo, compressed-tensors in format."""
    keys = ("quant_method", "quant_algo", "moe_quant_algo", "format")
    words = {key: str(stated.get(key) or "").casefold() for key in keys}
    for name in ("nvfp4", "mxfp4"):
        if name in words["quant_algo"] + words["moe_quant_algo"] or words["format"].startswith(name):
            return name
    if words["quant_method"] in ("", "modelopt") and words["quant_algo"].startswith("fp8"):
        return "fp8"
    return words["quant_method"][:LONGEST_LIST] if words["quant_method"].isprintable() else None


def _bits(stated: Mapping[str, Any]) -> float | None:
    for key in ("bits", "w_bit", "num_bits", "nbits"):
        if width := _width(stated.get(key)):
            return width
    if stated.get("load_in_4bit") is True or stated.get("_load_in_4bit") is True:
        return 4.0
    if stated.get("load_in_8bit") is True or stated.get("_load_in_8bit") is True:
        return 8.0
    return _group_bits(stated.get("config_groups"))


def _group_bits(groups: object) -> float | None:
    """compressed-tensors: the one width that all groups share."""
    weights = [
        group.get("weights")
        for group in (groups.values() if isinstance(groups, Mapping) else ())
        if isinstance(group, Mapping)
    ]
    widths = {_width(entry.get("num_bits")) for entry in weights if isinstance(entry, Mapping)}
    return widths.pop() if len(widths) == 1 else None


def _width(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= 32 else None


def _is_gguf(gguf: Mapping[str, Any], tags: Collection[str], files: Collection[RepoFile] | None) -> bool:
    """A repo that carries both safetensors and a GGUF is not a GGUF repo."""
    if files:
        endings = {file.path.rpartition(".")[2].casefold() for file in files}
        return "gguf" in endings and "safetensors" not in endings
    return bool(gguf) or "gguf" in tags


def slim_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json or hf_quant_config.json without what grows with the layers or labels.

    A dropped list or map `x` leaves `x_count`, and quantized_layers also how many layers use which format.
    """
    slim: dict[str, Any] = {}
    for key, value in config.items():
        if key in {"quantization_config", "compression_config", "quantization"}:
            slim[key] = slim_quantisation(value)
        elif isinstance(value, Mapping) and ("model_type" in value or "quantization_config" in value):
            slim[key] = slim_config(value)
        elif _too_long(key, value, _LABEL_MAPS) or len(json.dumps(value, default=str)) > LARGEST_VALUE:
            slim[f"{key}_count"] = len(value)
        else:
            slim[key] = value
    return slim


def slim_quantisation(value: Any) -> Any:
    """A quantisation config whose per-layer lists are counted instead of kept."""
    if not isinstance(value, Mapping):
        return value
    slim: dict[str, Any] = {}
    for key, entry in value.items():
        if not _too_long(key, entry, _LAYER_LISTS):
            slim[key] = entry
            continue
        slim[f"{key}_count"] = len(entry)
        if isinstance(entry, Mapping):
            slim[f"{key}_by_algo"] = dict(sorted(Counter(map(_algo, entry.values())).items()))
    return slim


def _algo(layer: object) -> str:
    return str(layer.get("quant_algo") or "?")[:LONGEST_LIST] if isinstance(layer, Mapping) else "?"


def _too_long(key: str, value: object, names: Collection[str]) -> bool:
    return key in names and isinstance(value, list | Mapping) and len(value) > LONGEST_LIST
