"""How far the fit engine is off: its estimates beside measured numbers. Prints figures, fails on none.

The measured rows are other people's logs and result files, one weight per source and device however
many rows it has, so that no single benchmark decides the figure.
"""

import csv
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median

import pytest

from tests.shared import shared_data
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.formats import format_of
from watcher.types import Fit, Hardware, Load, Parameters, Variant

pytestmark = pytest.mark.benchmark

_DEVICES = {
    "GB10 (DGX Spark class)": "dgx-spark",
    "H100": "h100-sxm-80gb",
    "H100-80GB": "h100-sxm-80gb",
    "H100 PCIe": "h100-pcie-80gb",
    "H200": "h200-sxm-141gb",
    "A100 SXM": "a100-sxm-80gb",
    "A100 PCIe": "a100-pcie-80gb",
    "L40S": "l40s",
    "RTX 6000 Ada": "rtx-6000-ada",
    "RTX 5090": "rtx-5090",
    "RTX 4090": "rtx-4090",
    "4090": "rtx-4090",
    "RTX 3090": "rtx-3090",
    "3090": "rtx-3090",
}
_ENGINES = {"vLLM": "vllm", "SGLang": "sglang", "llama.cpp": "llama.cpp", "ollama": "ollama"}
# Repos whose shape is that of another: their own config.json is not among the recorded ones.
_SAME_SHAPE = {
    "meta-llama/meta-llama-3-8b-instruct": "meta-llama/meta-llama-3.1-8b",
    "meta-llama/llama-3.1-8b-instruct": "meta-llama/meta-llama-3.1-8b",
    "meta-llama/meta-llama-3.1-8b-instruct": "meta-llama/meta-llama-3.1-8b",
    "meta-llama/meta-llama-3-70b-instruct": "meta-llama/meta-llama-3.1-70b",
    "meta-llama/llama-3.1-70b-instruct": "meta-llama/meta-llama-3.1-70b",
    "meta-llama/llama-3.3-70b-instruct": "meta-llama/meta-llama-3.1-70b",
    "nvidia/llama-3.3-70b-instruct-nvfp4": "meta-llama/meta-llama-3.1-70b",
    "nvidia/llama-3.1-8b-instruct-nvfp4": "meta-llama/meta-llama-3.1-8b",
    "nvidia/qwen3-32b-nvfp4": "qwen/qwen3-32b",
    "nvidia/qwen3-8b-nvfp4": "qwen/qwen3-8b",
    "qwen/qwen3-coder-30b-a3b-instruct": "qwen/qwen3-30b-a3b",
    "qwen/qwen3.6-27b": "qwen/qwen3.5-27b",
    "qwen/qwen3.6-35b-a3b": "qwen/qwen3.5-35b-a3b",
    "nvidia/nvidia-nemotron-3-nano-30b-a3b-nvfp4": "nvidia/nvidia-nemotron-3-nano-30b-a3b-bf16",
    "nvidia/nvidia-nemotron-3-super-120b-a12b-nvfp4": "nvidia/nvidia-nemotron-3-super-120b-a12b-fp8",
    "google/gemma-4-31b-it": "nvidia/gemma-4-31b-it-nvfp4",
}


def _rows(name: str) -> list[dict[str, str]]:
    with shared_data(f"fit/{name}").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _shapes() -> dict[str, Shape]:
    """By case-folded repo id, from the recorded configurations."""
    folder = shared_data("hub/configs/ai-dynamo__aiconfigurator")
    found: dict[str, Shape] = {}
    for path in sorted(folder.glob("*_config.json")):
        if path.name.endswith("hf_quant_config.json"):
            continue
        try:
            found[_repo(path)] = shape_of(json.loads(path.read_text(encoding="utf-8")))
        except UnknownShape:
            continue
    return found | {name: found[kin] for name, kin in _SAME_SHAPE.items() if kin in found}


def _repo(path: Path) -> str:
    return path.name.removesuffix("_config.json").replace("--", "/").casefold()


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _fit(row: Mapping[str, str], shapes: Mapping[str, Shape]) -> Fit | None:
    """The estimate for a measured row; None when it does not say what an estimate needs."""
    shape = shapes.get(row["hf_model_id"].casefold())
    device = devices().get(_DEVICES.get(row["gpu"], ""))
    label = row["quant_format"].partition(" ")[0] or "bf16"
    row_format = format_of({"q4": "Q4_K_M", "INT4": "gptq"}.get(label, label))
    engine = _ENGINES.get(row["engine"])
    if shape is None or device is None or row_format is None or engine is None:
        return None
    total = shape.parameters.total or 0
    weights = _number(row.get("weights_gib", "") or row.get("weights_gib_per_gpu", ""))
    size = int(weights * 1024**3) if weights else int(total * row_format.bits / 8)
    variant = Variant(
        repo_id=row["hf_model_id"],
        format=row_format.container,
        label=row_format.label,
        bits=row_format.bits,
        size_bytes=size,
        size_source="files" if weights else "table",
    )
    context = int(_number(row.get("context_depth", "")) or 0) or int(
        _number(row.get("prompt_tokens", "")) or 0
    )
    load = Load(users=int(_number(row.get("concurrency", "")) or 1), context_tokens=context or 1024)
    return estimate(
        shape=shape,
        variant=variant,
        parameters=Parameters(total=total),
        hardware=Hardware(name="measured", device=device, count=int(_number(row.get("gpu_count", "")) or 1)),
        load=load,
        engine=engine,
    )


def _speed_errors(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, float, bool]]:
    """(source and device, log2 of estimated over measured, whether measured lies in the range)."""
    for row in _rows("speed_truth.csv"):
        measured = _number(row["value"])
        if row["spec_decode"] != "none" or row["is_estimate"] == "1" or not measured:
            continue
        fit = _fit(row, shapes)
        speed = fit and (
            fit.decode_tokens_per_second
            if row["quantity"] == "decode_tok_s_per_user"
            else fit.total_tokens_per_second
        )
        if speed:
            group = f"{row['source'][:40]} | {row['gpu']} | {row['quantity']}"
            yield group, math.log2(speed.expected / measured), speed.low <= measured <= speed.high


def test_decode_speed_beside_measured_numbers() -> None:
    groups: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for group, error, inside in _speed_errors(_shapes()):
        groups[group].append((error, inside))
    print(
        f"\ndecode speed: {sum(map(len, groups.values()))} measured rows of {len(groups)} sources and devices"
    )
    for group, rows in sorted(groups.items()):
        print(f"  {group:75} n={len(rows):3} {_words(error for error, _ in rows)} in range {_share(rows)}")
    typical = [median(abs(error) for error, _ in rows) for rows in groups.values()]
    close = [sum(abs(e) <= math.log2(1.25) for e, _ in rows) / len(rows) for rows in groups.values()]
    held = [sum(i for _, i in rows) / len(rows) for rows in groups.values()]
    print(f"  each source and device once: median error {2 ** median(typical) - 1:.0%}, ", end="")
    print(f"within 25 %: {sum(close) / len(close):.0%}, in the range: {sum(held) / len(held):.0%}")


def _words(errors: Iterable[float]) -> str:
    found = list(errors)
    return (
        f"median error {2 ** median(map(abs, found)) - 1:4.0%}, estimated/measured {2 ** median(found):.2f}"
    )


def _share(rows: list[tuple[float, bool]]) -> str:
    return f"{sum(inside for _, inside in rows) / len(rows):.0%}"


def test_cache_per_token_beside_measured_numbers() -> None:
    """vLLM prints the bytes of its cache and the tokens in it: their ratio, for models without windows."""
    shapes, errors = _shapes(), []
    boots: dict[str, dict[str, dict[str, str]]] = defaultdict(dict)
    for row in _rows("memory_truth.csv"):
        boots[row["group_id"]][row["quantity"]] = row
    for boot in boots.values():
        memory, tokens = boot.get("kv_cache_mem"), boot.get("kv_cache_tokens")
        if memory is None or tokens is None:
            continue
        shape = shapes.get(memory["hf_model_id"].casefold())
        gib, count = _number(memory["value"]), _number(tokens["value"])
        fit = _fit({**memory, "concurrency": "1"}, shapes)
        if (
            shape is None
            or fit is None
            or not gib
            or not count
            or any(layer.window for layer in shape.layers)
        ):
            continue
        measured = gib * 1024**3 / count
        errors.append(fit.kv_bytes_per_token / measured - 1)
        print(
            f"\n  {memory['hf_model_id']:45} measured {measured:9.0f} B, estimated {fit.kv_bytes_per_token}",
            end="",
        )
    print(f"\ncache per token: {len(errors)} engine boots, errors {[f'{error:+.1%}' for error in errors]}")
