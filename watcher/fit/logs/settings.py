"""Cache types as engines print them, in our words."""

_NAMES = {
    "bfloat16": "bf16",
    "float16": "bf16",  # as large; Settings knows sixteen bits by this name
    "f16": "bf16",
    "fp16": "bf16",
    "float8_e4m3fn": "fp8",
    "float8_e5m2": "fp8",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
    "fp8_inc": "fp8",
}


def cache_dtype(printed: str | None) -> str | None:
    """bf16, fp8, q8_0 ... of what an engine calls the elements of its cache; None for its own default."""
    if printed is None or printed in ("auto", ""):
        return None
    name = printed.removeprefix("torch.").lower()
    return _NAMES.get(name, name)
