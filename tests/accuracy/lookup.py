"""Shapes and devices by the names that rows use: a thin door to the product's own tables."""

import json
import re
from collections.abc import Mapping
from functools import cache

from tests.shared import ROOT
from watcher.fit.devices import devices
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.types import Device

try:
    from watcher.shapes import known_shape as _product_shape
except ImportError:
    _product_shape = None
try:
    from watcher.fit.pools import device_named as _product_device
except ImportError:
    _product_device = None

_DEVICES = {
    "gb10 (dgx spark class)": "dgx-spark",
    "gb10": "dgx-spark",
    "h100": "h100-sxm-80gb",
    "h100-80gb": "h100-sxm-80gb",
    "h100 pcie": "h100-pcie-80gb",
    "h100 nvl": "h100-nvl-94gb",
    "h200": "h200-sxm-141gb",
    "a100 sxm": "a100-sxm-80gb",
    "a100 pcie": "a100-pcie-80gb",
    "a100/h100 80gb class": "a100-sxm-80gb",
    "l40s": "l40s",
    "rtx 6000 ada": "rtx-6000-ada",
    "rtx pro 6000 blackwell": "rtx-pro-6000",
    "rtx pro 6000": "rtx-pro-6000",
    "rtx 5090": "rtx-5090",
    "rtx 4090": "rtx-4090",
    "4090": "rtx-4090",
    "rtx 3090": "rtx-3090",
    "3090": "rtx-3090",
}


def device_named(name: str, memory_gb: float | None) -> Device | None:
    if _product_device is not None:
        return _product_device(name, memory_gb)
    plain = re.sub(r"\s*\(wsl2.*\)", "", name.strip().casefold())
    return devices().get(_DEVICES.get(plain, ""))


def known_shape(name: str) -> Shape | None:
    if _product_shape is not None:
        found = _product_shape(name)
        return found if isinstance(found, Shape) else None
    return _recorded().get(_fold(name))


def _fold(name: str) -> str:
    plain = name.rpartition("/")[2].casefold().replace("_", "-").replace(" ", "-")
    plain = re.sub(r"\.gguf$", "", plain)
    plain = re.sub(
        r"-(gguf|awq|gptq|fp8|nvfp4|bf16|int4|instruct|it|dynamic|q\d.*|mxfp4|2507|base)(?=-|$)", "", plain
    )
    return plain.replace("meta-", "")


@cache
def _recorded() -> Mapping[str, Shape]:
    found: dict[str, Shape] = {}
    for path in sorted((ROOT / "data/hub/configs/ai-dynamo__aiconfigurator").glob("*_config.json")):
        if path.name.endswith("hf_quant_config.json"):
            continue
        try:
            shape = shape_of(json.loads(path.read_text(encoding="utf-8")))
        except UnknownShape:
            continue
        found.setdefault(_fold(path.name.removesuffix("_config.json").replace("--", "/")), shape)
    kin = {
        "qwen3.6-27b": "qwen3.5-27b",
        "qwen3.6-35b-a3b": "qwen3.5-35b-a3b",
        "llama-3-8b": "llama-3.1-8b",
        "llama-3-70b": "llama-3.1-70b",
        "llama-3.3-70b": "llama-3.1-70b",
    }
    return found | {new: found[old] for new, old in kin.items() if old in found and new not in found}
