"""What fits of many models is what the estimate says of each."""

from datetime import date

import pytest

from tests.accuracy.screening import DEVICES, catalog
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.screen import what_fits
from watcher.types import Correction, Hardware, Load, Parameters

MEASURED = Correction(
    device="h100-sxm-80gb",
    engine="vllm",
    measured_on=date(2026, 4, 1),
    source="boot.log",
    factors={"usable": 0.9, "weights": 1.1, "activations": 2.0},
)


@pytest.mark.parametrize(
    ("engine", "load", "measured"),
    [
        pytest.param("vllm", Load(), [], id="vLLM, one user"),
        pytest.param("vllm", Load(), [MEASURED], id="vLLM, with the team's own measurements"),
        pytest.param("sglang", Load(users=8, context_tokens=32768), [], id="SGLang, eight users with 32K"),
        pytest.param("llama.cpp", Load(users=2), [], id="llama.cpp, two users"),
        pytest.param("tensorrt-llm", Load(users=20), [], id="TensorRT-LLM, twenty users"),
    ],
)
def test_a_screen_says_what_the_estimate_says(engine: str, load: Load, measured: list[Correction]) -> None:
    models = catalog(90)
    pools = [Hardware(name=key, device=devices()[key]) for key in DEVICES] + [
        Hardware(name="pair", device=devices()["h200-sxm-141gb"], count=2)
    ]
    told = what_fits(models, pools, load, engine=engine, corrections=measured)
    for model, verdicts in zip(models, told, strict=True):
        for pool, verdict in zip(pools, verdicts, strict=True):
            fit = estimate(
                shape=model.shape,
                variant=model.variant,
                parameters=Parameters(total=model.shape.parameters.total),
                hardware=pool,
                load=load,
                engine=engine,
                corrections=measured,
            )
            assert verdict is fit.verdict, (model.variant, pool.name)
