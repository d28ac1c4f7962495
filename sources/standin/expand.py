"""From one line of history to a whole row of the Hub's API.

What the line leaves out follows from what it says, as on the Hub: tags from licence, base model and
library, file names from the format and the publisher's habits, `sha` and file hashes from what they
stand for. Hashes are made up and stable: equal content has equal hashes.
"""

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from sources.standin.world import Row

Spec = dict[str, Any]

GIB = 2**30
SHARD_BYTES = 5_000_000_000  # safetensors shards are 5 GB by default
# Publishers split GGUF files above these sizes into a folder (catalogue of GGUF files, May 2026).
SPLIT_GIB = {"bartowski": 37.2, "unsloth": 46.5}
BYTES_OF = {"BF16": 2, "F16": 2, "F32": 4, "F8_E4M3": 1, "U8": 1, "I32": 4, "I8": 1}
QUANT_TAGS = {
    "fp8": ["fp8"],
    "gptq": ["4-bit", "gptq"],
    "awq": ["4-bit", "awq"],
    "mxfp4": ["8-bit", "mxfp4"],
    "modelopt": ["8-bit", "modelopt", "nvfp4"],
    "compressed-tensors": ["8-bit", "compressed-tensors"],
}


def row_of(spec: Spec, shapes: Mapping[str, Any]) -> Row:
    """The full API row, with files, config.json and card beside it."""
    config = _config(spec, shapes)
    card = _card_data(spec)
    row: Row = {
        "_id": _digest("id", spec.get("born_as", spec["id"]), spec["created"])[:24],
        "id": spec["id"],
        "modelId": spec["id"],
        "author": spec["id"].partition("/")[0],
        "sha": _digest("commit", spec.get("born_as", spec["id"]), spec["modified"], spec.get("build"))[:40],
        "createdAt": _stamp(spec["created"]),
        "lastModified": _stamp(spec["modified"]),
        "private": False,
        "disabled": False,
        "gated": spec.get("gated", False),
        "tags": _tags(spec, config),
        "pipeline_tag": spec.get("pipeline", "text-generation"),
        "library_name": _library(spec),
        "downloads": spec.get("downloads", 0),
        "likes": spec.get("likes", 0),
        "trendingScore": spec.get("trending", 0),
        "cardData": card,
        "files": [*_weight_files(spec), {"path": ".gitattributes", "size": 1519}],
        "card": _card(spec, card),
        "texts": dict(spec.get("texts") or {}),
    }
    if config:
        row["config_json"] = row["config"] = config
    if "quant_config" in spec:
        row["quant_config_json"] = spec["quant_config"]
    return row | _parameters(spec)


def _digest(*parts: object) -> str:
    return hashlib.sha256(" ".join(str(part) for part in parts).encode()).hexdigest()


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _library(spec: Spec) -> str:
    return str(spec.get("library") or "transformers")


def _bases(spec: Spec) -> list[str]:
    base = spec.get("base")
    return [base] if isinstance(base, str) else list(base or ())


def _tags(spec: Spec, config: Row) -> list[str]:
    relation = spec.get("relation", "quantized" if "gguf_gib" in spec else "finetune")
    tags = [_library(spec), "gguf" if "gguf_gib" in spec else "safetensors"]
    tags += [config["model_type"]] if config else []
    tags += [str(tag) for tag in spec.get("tags") or ()]
    tags += [spec.get("pipeline", "text-generation"), "conversational", *(spec.get("languages") or ())]
    for base in _bases(spec):
        tags += [f"base_model:{base}", f"base_model:{relation}:{base}"]
    tags += [f"license:{spec['licence']}"] if spec.get("licence") else []
    tags += QUANT_TAGS.get((spec.get("quant") or {}).get("quant_method", ""), [])
    return [*dict.fromkeys(tags), "region:us"]


def _card_data(spec: Spec) -> Row:
    said = {
        "license": spec.get("licence"),
        "license_name": spec.get("licence_name"),
        "license_link": spec.get("licence_link"),
        "language": list(spec.get("languages") or ()),
        "base_model": _bases(spec),
        "library_name": spec.get("library"),
        "pipeline_tag": spec.get("pipeline", "text-generation"),
        "tags": [str(tag) for tag in spec.get("tags") or ()],
    }
    return {key: value for key, value in said.items() if value}


def _card(spec: Spec, card: Row) -> str:
    front = yaml.safe_dump(card, sort_keys=False, allow_unicode=True)
    title = spec.get("title", spec["id"].partition("/")[2])
    return f"---\n{front}---\n# {title}\n{spec.get('card_text', '')}\n"


def _config(spec: Spec, shapes: Mapping[str, Any]) -> Row:
    """config.json: the named shape, with its layer pattern spelled out and the quantisation added."""
    if "shape" in spec:
        config: Row = {
            key: _spelled_out(value) for key, value in shapes[spec["shape"]].items() if key != "source"
        }
    elif "model_type" in spec and "gguf_gib" not in spec:
        config = {"architectures": list(spec.get("architectures") or ()), "model_type": spec["model_type"]}
    else:
        return {}
    return config | ({"quantization_config": dict(spec["quant"])} if "quant" in spec else {})


def _spelled_out(value: Any) -> Any:
    """`{repeat: 16, of: [a, b]}` is a list of 32."""
    if not isinstance(value, dict):
        return value
    if value.keys() == {"repeat", "of"}:
        return list(value["of"]) * int(value["repeat"])
    return {key: _spelled_out(inner) for key, inner in value.items()}


def _stored(spec: Spec) -> dict[str, int]:
    """Numbers in the safetensors headers by type, packed ones as stored."""
    if "stored" in spec:
        return dict(spec["stored"])
    return {spec.get("dtype", "BF16"): spec["params"]} if "params" in spec else {}


def _parameters(spec: Spec) -> Row:
    if "gguf_gib" in spec:
        gguf = {"total": spec.get("params"), "architecture": spec.get("model_type")}
        return {"gguf": {key: value for key, value in gguf.items() if value}}
    stored = _stored(spec)
    return {"safetensors": {"parameters": stored, "total": sum(stored.values())}} if stored else {}


def _weight_files(spec: Spec) -> list[Row]:
    """The weight files; of a half-uploaded repo only the first `partial`."""
    named = _gguf_files(spec) if "gguf_gib" in spec else _shards(spec)
    return [
        {
            "path": path,
            "size": size,
            "sha256": _digest("weights", spec.get("born_as", spec["id"]), path, size, spec.get("build")),
        }
        for path, size in named[: spec.get("partial")]
    ]


def _gguf_files(spec: Spec) -> list[tuple[str, int]]:
    author, _, name = spec["id"].partition("/")
    stem = name.removesuffix("-GGUF")
    found: list[tuple[str, int]] = []
    for label, gib in spec["gguf_gib"].items():
        parts = math.ceil(gib / SPLIT_GIB.get(author, 46.5))
        if parts == 1:
            found.append((f"{stem}-{label}.gguf", round(gib * GIB)))
            continue
        folder = label if author == "unsloth" else f"{stem}-{label}"
        for part in range(1, parts + 1):
            path = f"{folder}/{stem}-{label}-{part:05d}-of-{parts:05d}.gguf"
            found.append((path, _share(round(gib * GIB), part, parts)))
    return found


def _shards(spec: Spec) -> list[tuple[str, int]]:
    total = spec.get("weights_bytes") or sum(
        count * BYTES_OF[dtype] for dtype, count in _stored(spec).items()
    )
    if not total:
        return []
    parts = spec.get("weight_files") or math.ceil(total / SHARD_BYTES)
    if parts == 1:
        return [("model.safetensors", total)]
    return [
        (f"model-{part:05d}-of-{parts:05d}.safetensors", _share(total, part, parts))
        for part in range(1, parts + 1)
    ]


def _share(total: int, part: int, parts: int) -> int:
    """Whole bytes that add up."""
    return total * part // parts - total * (part - 1) // parts
