"""How wide published weights and cached elements are, in bytes."""

from collections.abc import Mapping
from typing import Any

from watcher.fit.reading import Reader
from watcher.types import Json

_DTYPES = {"float64": 8.0, "float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "half": 2.0}
_USUAL = 2.0
_NARROW = {"FP8": 1.0, "INT8": 1.0, "NVFP4": 0.5625}  # NVFP4: four bits and a scale of eight per 16


def dtype_bytes(read: Reader) -> float:
    """Bytes per weight that is not quantised; two where the configuration is silent."""
    word = read.word("dtype", "torch_dtype").removeprefix("torch.")
    return 1.0 if word.startswith("float8") else _DTYPES.get(word, _USUAL)


def cache_bytes(read: Reader, quantisation: Json | None) -> float:
    """Bytes per cached element that the checkpoint asks for, else two (BF16).

    kv_cache_scheme is compressed-tensors' (or a bare name), kv_cache_quant_algo ModelOpt's.
    """
    own = read.mapping("quantization_config", "compression_config")
    stated = [_scheme(own.get("kv_cache_scheme")), _named(own.get("kv_cache_quant_algo"))]
    if isinstance(quantisation, Mapping):
        inner = quantisation.get("quantization")
        part = inner if isinstance(inner, Mapping) else quantisation
        stated += [_named(part.get("kv_cache_quant_algo")), _scheme(part.get("kv_cache_scheme"))]
    return next((width for width in stated if width), _USUAL)


def _scheme(value: Any) -> float | None:
    if isinstance(value, str):
        return _named(value)
    bits = Reader(value).size_or(0, "num_bits") if isinstance(value, Mapping) else 0
    return {4: 0.5625, 8: 1.0}.get(bits)


def _named(value: Any) -> float | None:
    return _NARROW.get(value.upper().replace("_", "")) if isinstance(value, str) else None
