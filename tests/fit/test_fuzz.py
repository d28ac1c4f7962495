"""Whatever a config.json, a file list or a load says, the answer is a Fit or an UnknownShape."""

import math
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fit import configs as c
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.gguf_shape import PLAIN_KEYS, shape_of_gguf
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
    | {"per_layer_config", "vision_config", "audio_config", "cross_attention_layers", "block_types"}
    | {"sparse_attention_config", "sliding_window_pattern", "rope_scaling", "layer_group_size", "use_cla"}
    | {"index_topk_pattern", "moe_layers", "moe_layers_enum", "expert_layer_period", "local_layer_ids"}
    | {"hidden_size_per_layer_input", "attention_other_setting", "architectures", "thinker_config"}
)
TYPES = [
    *("llama", "bert", "whisper", "t5", "mamba", "mamba2", "rwkv7", "falcon_h1", "gemma4_text", "jamba"),
    *("gpt2", "recurrent_gemma", "clip_vision_model", "qwen3_next", "exaone4", "mllama", "lfm2", "qwen"),
]
SEEDS = st.sampled_from(
    [c.LLAMA_8B, c.DEEPSEEK_V3, c.GEMMA4_31B, c.QWEN35_27B, c.NEMOTRON3_NANO, c.DEEPSEEK_V4_FLASH]
)
HUGE = st.one_of(st.none(), st.integers(min_value=-(10**40), max_value=10**40))


def read(config: dict[str, Any]) -> Shape | None:
    try:
        return shape_of(config)
    except UnknownShape:
        return None


def check_shape(shape: Shape) -> None:
    """Whatever was read can be counted with."""
    assert shape.layers
    assert 0 <= (shape.parameters.active or 0) <= (shape.parameters.total or 0)
    assert min(shape.draft_parameters, shape.tower_parameters, shape.gathered_parameters) >= 0
    for layer, _ in shape.groups:
        assert min(layer.cached, layer.fixed, layer.state_bytes, layer.parameters) >= 0
        assert min(layer.stride, layer.kv_heads) >= 1
        assert layer.window is None or layer.window >= 1


def check_read(reading: Callable[[], Shape]) -> None:
    """A shape, or a reason of one line."""
    try:
        shape = reading()
    except UnknownShape as error:
        reason: str | None = str(error)
    else:
        reason = None
        check_shape(shape)
    assert reason is None or 0 < len(reason) < 200


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


@settings(max_examples=500, deadline=None)
@given(
    seed=st.one_of(st.just({}), SEEDS),
    nest=st.sampled_from([None, "text_config", "thinker_config"]),
    model_type=st.sampled_from(TYPES),
    changes=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6),
    quantisation=st.one_of(st.none(), st.dictionaries(st.sampled_from(["quantization", "x"]), JSON)),
)
def test_a_shape_or_a_reason(
    seed: c.Config,
    nest: str | None,
    model_type: str,
    changes: dict[str, Any],
    quantisation: dict[str, Any] | None,
) -> None:
    config = {**seed, "model_type": model_type, **changes}
    check_read(lambda: shape_of({nest: config} if nest else config, quantisation))


@settings(max_examples=300, deadline=None)
@given(config=st.dictionaries(st.text(max_size=12), JSON, max_size=6))
def test_any_json_at_all(config: dict[str, Any]) -> None:
    read(config)


@settings(max_examples=500, deadline=None)
@given(
    arch=st.sampled_from(["llama", "gemma3", "gpt-oss", "deepseek2", "qwen35", "nemotron_h_moe", "mamba"]),
    own=st.dictionaries(
        st.sampled_from(sorted({*PLAIN_KEYS, "block_count", "ssm.inner_size", "ssm.time_step_rank"})),
        st.one_of(
            NUMBERS,
            st.booleans(),
            st.text(max_size=4),
            st.none(),
            st.lists(st.integers(min_value=-9, max_value=99), max_size=6),
        ),
    ),
    layers=st.integers(min_value=-1, max_value=5000),
)
def test_any_metadata_of_a_gguf(arch: str, own: dict[str, Any], layers: int) -> None:
    usual = {"block_count": layers, "embedding_length": 64, "attention.head_count": 8}
    metadata: dict[str, object] = {f"{arch}.{key}": value for key, value in {**usual, **own}.items()}
    check_read(lambda: shape_of_gguf({"general.architecture": arch, **metadata}))


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
