"""Whatever a config.json, a file list or a load says, the answer is a Fit or an UnknownShape."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fit import configs as c
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.types import Device, Fit, FitVerdict, Hardware, Load, Parameters, Variant

NUMBERS = st.one_of(
    st.integers(min_value=-(10**30), max_value=10**30),
    st.integers(min_value=0, max_value=256),
    st.floats(allow_nan=True, allow_infinity=True),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=6,
)
KEYS = sorted(
    {key for name in dir(c) if name.isupper() for key in getattr(c, name)}
    | {key for name in dir(c) if name.isupper() for key in getattr(c, name).get("text_config", {})}
    | {"layer_types", "layers_block_type", "block_configs", "linear_attn_config", "quantization_config"}
    | {"num_kv_shared_layers", "kv_source_layers", "attn_layer_period", "mlp_layer_types", "index_head_dim"}
    | {"indexer_types", "moe_layer_freq", "full_attn_idxs", "attn_type_list", "moe", "ffn_config"}
)
SEEDS = st.sampled_from(
    [c.LLAMA_8B, c.DEEPSEEK_V3, c.GEMMA4_31B, c.QWEN35_27B, c.NEMOTRON3_NANO, c.DEEPSEEK_V4_FLASH]
)
HUGE = st.one_of(st.none(), st.integers(min_value=-(10**40), max_value=10**40))


def read(config: dict[str, Any]) -> Shape | None:
    try:
        return shape_of(config)
    except UnknownShape:
        return None


def check(fit: Fit) -> None:
    assert isinstance(fit.verdict, FitVerdict)
    assert fit.required_bytes >= 0
    for speed in (fit.decode_tokens_per_second, fit.total_tokens_per_second):
        assert speed is None or (math.isfinite(speed.high) and 0 <= speed.low <= speed.high)


@settings(max_examples=300, deadline=None)
@given(
    seed=SEEDS,
    changes=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5),
    engine=st.sampled_from(["vllm", "ollama"]),
)
def test_any_configuration(seed: c.Config, changes: dict[str, Any], engine: str) -> None:
    shape = read({**seed, **changes})
    check(
        estimate(
            shape=shape,
            variant=Variant(
                repo_id="a/b", format="gguf", label="Q4_K_M", bits=4.9, size_bytes=10**10, size_source="files"
            ),
            parameters=shape.parameters if shape else Parameters(),
            hardware=Hardware(name="h", device=devices()["rtx-4090"]),
            load=Load(),
            engine=engine,
        )
    )


@settings(max_examples=200, deadline=None)
@given(
    config=st.one_of(st.none(), SEEDS),
    size=HUGE,
    total=HUGE,
    active=HUGE,
    users=st.integers(min_value=-3, max_value=10**12),
    context=st.integers(min_value=-3, max_value=10**12),
    count=st.integers(min_value=-1, max_value=1000),
    device=st.sampled_from(sorted(devices())),
    label=st.one_of(st.text(max_size=12), st.sampled_from(["Q4_K_M", "nvfp4", "UD-IQ1_S", "bf16"])),
    source=st.sampled_from(["files", "header", "table", "guess", "?"]),
    bits=st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
)
def test_any_weights_on_any_pool_under_any_load(**given_: Any) -> None:
    shape = shape_of(given_["config"]) if given_["config"] else None
    check(
        estimate(
            shape=shape,
            variant=Variant(
                repo_id="a/b",
                format="gguf",
                label=given_["label"],
                bits=given_["bits"],
                size_bytes=given_["size"],
                size_source=given_["source"],
            ),
            parameters=Parameters(total=given_["total"], active=given_["active"]),
            hardware=Hardware(name="h", device=devices()[given_["device"]], count=given_["count"]),
            load=Load(users=given_["users"], context_tokens=given_["context"]),
            engine="sglang",
        )
    )


def test_a_device_of_nothing() -> None:
    device = Device(
        key="paper",
        name="Paper",
        vendor="nobody",
        kind="paper",
        usable_bytes=0,
        planning_bytes=0,
        bandwidth_bytes_per_s=0.0,
    )
    fit = estimate(
        shape=shape_of(c.LLAMA_8B),
        variant=Variant(
            repo_id="a/b", format="gguf", label="Q4_K_M", bits=4.9, size_bytes=10, size_source="files"
        ),
        parameters=Parameters(),
        hardware=Hardware(name="h", device=device),
        load=Load(),
        engine="vllm",
    )
    check(fit)
    assert fit.verdict is FitVerdict.NO
