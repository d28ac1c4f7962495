"""A row's answer: the product's estimate for what the row says was run. Everything else is scoring."""

from dataclasses import dataclass, replace
from functools import cache

from tests.accuracy.naming import Named, device_of, engine_of, format_in_name, format_named, model_of
from tests.accuracy.rows import GIB, Boot, SpeedRow
from watcher.fit.engines import engines
from watcher.fit.estimate import estimate, placements
from watcher.fit.model import Model
from watcher.fit.placement import Placement
from watcher.fit.weights import weights_from_shape
from watcher.formats import Format
from watcher.types import Device, Fit, Hardware, Load, Settings, Variant

_CACHE = {
    "fp8": "fp8",
    "fp8_e4m3": "fp8",
    "fp8_e5m2": "fp8",
    "bf16": "bf16",
    "bfloat16": "bf16",
    "f16": "bf16",
    "fp16": "bf16",
    "q8_0": "q8_0",
    "q4_0": "q4_0",
}
_LARGEST_TOWERS_BYTES = 12 * 10**9  # of Qwen3-Omni 30B, vision, audio and speech: 10e9 at 16 bit
# For what an engine printed of its cache alone, the card does not matter but for vLLM's default batch.
UNNAMED = Device(
    key="unnamed",
    name="a card that the row does not name",
    vendor="nvidia",
    kind="gddr",
    usable_bytes=48 * GIB,
    planning_bytes=48 * GIB,
    bandwidth_bytes_per_s=900e9,
)


class NoAnswerError(Exception):
    """Why a row can not be answered, in a few words that rows share."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What the product is asked: one set of weights on one pool, in one engine, in one way."""

    model: Named
    format: Format
    weights_bytes: int
    weights_given: bool
    hardware: Hardware
    engine: str
    settings: Settings

    @property
    def device(self) -> str:
        return self.hardware.device.key

    @property
    def variant(self) -> Variant:
        return Variant(
            repo_id=self.model.name,
            format=self.format.container,
            label=self.format.label,
            bits=self.format.bits,
            size_bytes=self.weights_bytes,
            size_source="files" if self.weights_given else "table",
        )

    def ask(self, load: Load) -> Fit:
        return estimate(
            shape=None if self.model.guessed else self.model.shape,
            variant=self.variant,
            parameters=self.model.parameters,
            hardware=self.hardware,
            load=load,
            engine=self.engine,
            settings=self.settings,
        )

    def usual(self) -> Placement:
        """The engine's own way with the row's settings, whether or not it holds anything."""
        return placements(
            Model(self.model.shape, self.variant, guessed=self.model.guessed),
            hardware=self.hardware,
            engine=engines()[self.engine],
            settings=self.settings,
        )[0]


@cache
def weights_of(model: Named, row_format: Format) -> int:
    """Bytes of the whole model in a format that only the name tells.

    What was published beyond the text model and its draft layers are towers, at 16 bit; GGUF keeps them
    in a file of their own.
    """
    parameters = model.parameters.total or model.shape.parameters.total or 0
    if model.guessed:
        return int(parameters * row_format.bits_of(parameters) / 8)
    known = weights_from_shape(model.shape, row_format, model.config)
    plain = weights_from_shape(model.shape, "bf16")
    if known is None or plain is None:
        return int(parameters * row_format.bits_of(parameters) / 8)
    beyond = parameters * 2 - plain.total_bytes
    if row_format.container == "gguf" or not 0 < beyond <= _LARGEST_TOWERS_BYTES:
        return known.loaded_bytes
    return known.loaded_bytes + beyond


def speed_case(row: SpeedRow) -> Case:
    """Raises NoAnswerError."""
    device = device_of(row.gpu, row.nominal_gb, row.gpu_count, any_size=True)
    model, row_format = _model_and_format(row)
    if device is None:
        raise NoAnswerError("device not named" if not row.gpu else f"device not known: {row.gpu}")
    engine = engine_of(row.engine, row_format, device)
    if engine is None:
        raise NoAnswerError(f"engine not known: {row.engine or 'not named'}")
    weights = row.weights_bytes or weights_of(model, row_format)
    _check_format(row, weights, device, row.gpu_count)
    if weights > device.usable_bytes * row.gpu_count:
        raise NoAnswerError("weights larger than the devices: ran partly on the CPU")
    settings = Settings(
        utilisation=row.utilisation,
        cache_dtype=_cache_type(row, row_format),
        tensor_parallel=row.tensor_parallel,
        engine_year=int(row.source_date[:4]) if row.source_date[:4].isdigit() else None,
    )
    return Case(
        model=model,
        format=row_format,
        weights_bytes=weights,
        weights_given=row.weights_bytes is not None,
        hardware=Hardware(name=device.key, device=device, count=row.gpu_count),
        engine=engine,
        settings=settings,
    )


def boot_case(boot: Boot, *, own_weights: bool = False, any_device: bool = False) -> Case:
    """Raises NoAnswerError. own_weights: take the row's size; any_device: do without the card's name."""
    device = device_of(boot.gpu, boot.nominal_gb, boot.gpu_count) or (UNNAMED if any_device else None)
    model, row_format = _model_and_format(boot)
    if device is None:
        raise NoAnswerError("device not named" if not boot.gpu else f"device not known: {boot.gpu}")
    engine = engine_of(boot.engine, row_format, device)
    if engine is None:
        raise NoAnswerError(f"engine not known: {boot.engine or 'not named'}")
    if boot.memory_bytes:
        device = replace(device, usable_bytes=boot.memory_bytes)
    weights = weights_of(model, row_format)
    if not any_device:
        _check_format(boot, weights, device, max(boot.devices, boot.gpu_count))
    given = own_weights and boot.weights_bytes is not None
    if given and boot.weights_bytes:
        weights = boot.weights_bytes * (boot.devices if boot.weights_per_device else 1)
    return Case(
        model=model,
        format=row_format,
        weights_bytes=weights,
        weights_given=given,
        hardware=Hardware(name=device.key, device=device, count=max(boot.devices, boot.gpu_count)),
        engine=engine,
        settings=Settings(
            utilisation=boot.utilisation,
            batched_tokens=boot.batched_tokens,
            max_sequences=boot.max_sequences,
            cache_dtype=_cache_type(boot, row_format),
            tensor_parallel=boot.tensor_parallel,
            eager=boot.eager,
        ),
    )


def _model_and_format(row: SpeedRow | Boot) -> tuple[Named, Format]:
    model = model_of(row.model_id, row.named)
    if model is None:
        raise NoAnswerError(f"shape not known: {row.model_id or row.named or 'not named'}")
    row_format = format_named(row.format, row.model_id, row.named, row.engine)
    if row_format is None:
        raise NoAnswerError(
            "weight format not stated" if not row.format else f"format not known: {row.format}"
        )
    return model, row_format


def _cache_type(row: SpeedRow | Boot, row_format: Format) -> str | None:
    """As stated; where nothing is, NVFP4 checkpoints ask for an FP8 cache, as all of NVIDIA's do.

    Of others' repos (compressed-tensors) that is not known, and the model's own type is assumed.
    """
    stated = row.cache_dtype.strip().casefold()
    publisher = row.model_id.partition("/")[0].casefold()
    if stated in ("", "auto") and row_format.label == "nvfp4" and publisher in ("", "nvidia"):
        return "fp8"
    return _CACHE.get(stated)


def _check_format(row: SpeedRow | Boot, weights: int, device: Device, count: int) -> None:
    """16 bit is what an engine loads of a repo that names no format; where that can not be, nobody knows."""
    stated = row.format or format_in_name(row.model_id, row.named)
    if not stated and weights > 0.95 * device.usable_bytes * count:
        raise NoAnswerError("weight format not stated, and 16 bit does not fit")


def is_dense_cache(case: Case) -> bool:
    """Whether every layer keeps every token: then cache bytes are tokens times a constant."""
    layers = case.model.shape.layers
    return all(layer.window is None and layer.state_bytes == 0 and layer.stride == 1 for layer in layers)
