"""What an answer must never contradict: itself, its command, and what engines refuse."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fit import configs as c
from tests.fit.asking import H100, SPARK, ask, pool, sized
from watcher.fit.command_line import serve_command
from watcher.fit.devices import devices
from watcher.fit.engines import engines
from watcher.fit.estimate import estimate, placements
from watcher.fit.model import Model
from watcher.fit.placement import Placement
from watcher.fit.ranks import divides
from watcher.fit.shape import Shape, shape_of
from watcher.types import Fit, FitVerdict, Hardware, Load, Parameters, Settings, Variant

FITS, TIGHT, NO = FitVerdict.FITS, FitVerdict.TIGHT, FitVerdict.NO
SHAPES = {
    "full": shape_of(c.LLAMA_8B),
    "large": shape_of(c.LLAMA_70B),
    "sliding": shape_of(c.GEMMA3_27B),
    "states": shape_of(c.QWEN35_27B),
    "latent": shape_of(c.DEEPSEEK_V3),
    "experts": shape_of(c.GPT_OSS_120B),
}
ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama")


def fit_of(
    shape: Shape, gigabytes: float, hardware: Hardware, load: Load, engine: str, **more: object
) -> Fit:
    variant = sized(gigabytes, "fp8", "safetensors")
    return estimate(
        shape=shape,
        variant=variant,
        parameters=Parameters(total=shape.parameters.total),
        hardware=hardware,
        load=load,
        engine=engine,
        settings=Settings(**more),  # type: ignore[arg-type]
    )


@st.composite
def asked(draw: st.DrawFn) -> tuple[Shape, float, str, int, Load, str]:
    return (
        SHAPES[draw(st.sampled_from(sorted(SHAPES)))],
        draw(st.floats(0.5, 300)),
        draw(st.sampled_from(sorted(devices()))),
        draw(st.sampled_from((1, 2, 3, 4, 8))),
        Load(users=draw(st.integers(1, 300)), context_tokens=draw(st.integers(1, 200_000))),
        draw(st.sampled_from(ENGINES)),
    )


@settings(max_examples=400, deadline=None)
@given(asked())
def test_an_answer_does_not_contradict_itself(question: tuple[Shape, float, str, int, Load, str]) -> None:
    shape, size, device, count, load, engine = question
    fit = fit_of(shape, size, pool(device, count), load, engine)
    assert fit.ideal_bytes <= fit.kv_cache.bytes + fit.state.bytes + load.users
    if fit.verdict is not NO:
        assert fit.required_bytes <= fit.budget_bytes
        assert fit.max_users >= load.users
        assert fit.max_context >= load.context_tokens
    for speed in (fit.decode_tokens_per_second, fit.total_tokens_per_second):
        assert speed is None or 0 < speed.low <= speed.expected <= speed.high < 1e6


ORDER = {NO: 0, TIGHT: 1, FITS: 2}


@settings(max_examples=300, deadline=None)
@given(asked(), st.integers(2, 5))
def test_asking_for_more_never_needs_less(
    question: tuple[Shape, float, str, int, Load, str], times: int
) -> None:
    """More users, context or bits per weight: never a better verdict."""
    shape, size, device, count, load, engine = question
    hardware = pool(device, count)
    verdict = fit_of(shape, size, hardware, load, engine).verdict
    more_users = replace(load, users=load.users * times)
    longer = replace(load, context_tokens=load.context_tokens * times)
    assert ORDER[fit_of(shape, size, hardware, more_users, engine).verdict] <= ORDER[verdict]
    assert ORDER[fit_of(shape, size, hardware, longer, engine).verdict] <= ORDER[verdict]
    assert ORDER[fit_of(shape, size * times, hardware, load, engine).verdict] <= ORDER[verdict]


@settings(max_examples=300, deadline=None)
@given(asked(), st.integers(2, 5), st.sampled_from(("bf16", "fp8")))
def test_asking_for_more_never_takes_less_memory(
    question: tuple[Shape, float, str, int, Load, str], times: int, cache: str
) -> None:
    """Way by way, so that a more frugal way does not hide it."""
    shape, size, device, count, load, engine = question
    hardware, rules = pool(device, count), engines()[engine]

    def ways(gigabytes: float, dtype: str) -> list[Placement]:
        model = Model(shape, sized(gigabytes, "fp8", "safetensors"))
        chosen = Settings(cache_dtype=dtype)
        return placements(model, hardware=hardware, engine=rules, settings=chosen, users=load.users * times)

    users, tokens = load.users, load.context_tokens
    for way, heavier, wider in zip(
        ways(size, cache), ways(size * times, cache), ways(size, "f32"), strict=True
    ):
        assert way.cache(users, tokens) <= way.cache(users * times, tokens)
        assert way.cache(users, tokens) <= way.cache(users, tokens * times)
        assert way.weights <= heavier.weights
        assert way.cache(users, tokens) <= wider.cache(users, tokens)


@settings(max_examples=300, deadline=None)
@given(asked(), st.floats(1.0, 1.3))
def test_more_memory_never_makes_the_verdict_worse(
    question: tuple[Shape, float, str, int, Load, str], times: float
) -> None:
    """But where an engine itself takes larger steps from a size of memory on, which is set by hand here."""
    shape, size, device, count, load, engine = question
    small = pool(device, count)
    own = small.device
    large = replace(
        small,
        device=replace(
            own,
            usable_bytes=int(own.usable_bytes * times),
            visible_bytes=int(own.visible_bytes * times),
            planning_bytes=int(own.planning_bytes * times),
            optimistic_bytes=int(own.optimistic_bytes * times),
        ),
    )
    by_hand = {"batched_tokens": 2048, "max_sequences": 512}
    before = fit_of(shape, size, small, load, engine, **by_hand)
    after = fit_of(shape, size, large, load, engine, **by_hand)
    crossed = own.visible_bytes <= 60 * 2**30 < large.device.visible_bytes
    assert ORDER[after.verdict] >= ORDER[before.verdict] or (engine == "sglang" and crossed)


@pytest.mark.parametrize(
    ("config", "ranks", "even"),
    [
        pytest.param(
            {**c.QWEN3_14B, "num_key_value_heads": 10}, 4, False, id="10 key-value heads over 4 devices"
        ),
        pytest.param({**c.QWEN3_14B, "num_key_value_heads": 10}, 5, True, id="10 over 5"),
        pytest.param(
            {**c.LLAMA_8B, "num_attention_heads": 28, "num_key_value_heads": 4}, 7, False, id="4 over 7"
        ),
        pytest.param(c.LLAMA_8B, 16, True, id="8 over 16 are copied twice"),
        pytest.param(c.DEEPSEEK_V3, 8, True, id="a latent row is copied to all"),
    ],
)
def test_heads_that_an_engine_cuts(config: c.Config, ranks: int, even: bool) -> None:
    assert divides(shape_of(config), ranks) is even


def commands() -> Iterator[object]:
    for engine in ("vllm", "sglang"):
        for device in (H100, SPARK, "rtx-4090"):
            for gigabytes in (5.0, 60.0, 75.0, 105.0):
                yield pytest.param(engine, device, gigabytes, id=f"{gigabytes:g} GB, {engine} on {device}")


@pytest.mark.parametrize(("engine", "device", "gigabytes"), list(commands()))
def test_the_command_leaves_the_memory_that_the_answer_counts_on(
    engine: str, device: str, gigabytes: float
) -> None:
    variant = sized(gigabytes, "fp8", "safetensors")
    fit = ask(c.LLAMA_70B, variant, device, engine=engine)
    if fit.verdict is NO:
        return
    words = serve_command(
        engine, variant=variant, load=fit.load, hardware=pool(device), settings=fit.settings
    ).split()
    flag = "--gpu-memory-utilization" if engine == "vllm" else "--mem-fraction-static"
    if flag not in words:
        return
    share = float(words[words.index(flag) + 1]) * devices()[device].visible_bytes
    needed = fit.required_bytes if engine == "vllm" else fit.weights.bytes + fit.kv_cache.bytes
    assert share >= 0.985 * needed


def test_every_user_has_a_place_in_a_step() -> None:
    fit = ask(c.LLAMA_8B, "fp8", "l40s", users=1000, context=200)
    assert fit.settings.max_sequences == 1000
    assert fit.max_users <= 1000


def test_a_share_set_by_hand_leaves_room_for_a_step() -> None:
    whole = fit_of(SHAPES["large"], 40, pool(H100), Load(), "sglang", utilisation=1.0)
    most = fit_of(SHAPES["large"], 40, pool(H100), Load(), "sglang", utilisation=0.88)
    assert whole.overhead.bytes > most.overhead.bytes


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({"tensor_parallel": 2}, "uses 2 of 4 devices, as asked", id="fewer devices as asked"),
        pytest.param({"tensor_parallel": 5}, "tensor parallel 5 takes 5 devices; pool has 4", id="too many"),
        pytest.param(
            {"tensor_parallel": 3}, "tensor parallel 3 does not divide its 64 attention heads", id="uneven"
        ),
    ],
)
def test_tensor_parallel_is_explained(more: dict[str, int], said: str) -> None:
    fit = fit_of(SHAPES["large"], 70, pool(H100, 4), Load(), "vllm", **more)
    assert said in fit.notes
    assert fit.verdict is not NO or (fit.max_users, fit.max_context, fit.levers) == (0, 0, ())


def test_levers_are_tried() -> None:
    """Each of a tight fit's, taken one by one, makes it fit."""
    tight = fit_of(SHAPES["large"], 70, pool(H100), Load(context_tokens=32768), "vllm")
    assert tight.verdict is not FITS
    assert any(lever.startswith("2 such devices") for lever in tight.levers)
    assert fit_of(SHAPES["large"], 70, pool(H100, 2), Load(context_tokens=32768), "vllm").verdict is FITS
    quant = next(lever for lever in tight.levers if lever.startswith("a quant of at most"))
    gib = int(quant.split()[5])
    smaller = fit_of(SHAPES["large"], gib * 1.073741824, pool(H100), Load(context_tokens=32768), "vllm")
    assert smaller.verdict is FITS


def test_a_share_below_the_engines_own_is_the_first_suspect() -> None:
    fit = fit_of(SHAPES["full"], 8, pool(H100), Load(users=40), "vllm", utilisation=0.3)
    assert "more of the memory: 0.92 instead of 0.3" in fit.levers


def test_ollamas_users_take_turns_and_are_told_so() -> None:
    variant = Variant(
        repo_id="a/b", format="gguf", label="Q4_K_M", bits=None, size_bytes=5 * 10**9, size_source="files"
    )
    fit = ask(c.LLAMA_8B, variant, H100, users=4, engine="ollama")
    assert "ollama answers its 4 users in turns; llama.cpp batches them" in fit.notes
