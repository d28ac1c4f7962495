"""A measured row as the terms of the product's formula, and which constants apply to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from tests.accuracy.answer import Case
from tests.accuracy.rows import SpeedRow, source_key
from tests.accuracy.speed_scores import ONE_USER
from watcher.fit.engines import cache_bytes, engines
from watcher.fit.layout import Layout
from watcher.fit.pace import chip_of, class_of, format_class, group_of, link_class
from watcher.fit.speed import arithmetic_seconds, peak_flops
from watcher.fit.traffic import traffic_of
from watcher.tables import table
from watcher.types import Variant

Key = tuple[str, str, str]  # which constant, group of engines, and class, device, format or engine


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of a step as measured, and its terms at peak bandwidth; counts of what costs a fixed time."""

    source: str
    group: str
    device_class: str
    device: str
    engine: str
    format: str
    link: str
    per_user: bool
    old: bool
    seconds: float
    batch: int
    always_s: float
    routed_s: float
    missed: float
    cache_s: float
    state_s: float
    layers: float
    expert_layers: int
    talks: float
    least_s: float
    prefill_s: float

    def tokens_per_second(self, seconds: float) -> float:
        """As the row states it: of each user, or of all."""
        return 1 / seconds if self.per_user else self.batch / seconds

    def uses(self, term: str) -> Iterable[Key]:
        group, kind = self.group, self.device_class
        if term == "moving":
            return (
                ("efficiency", group, ""),
                ("efficiency of class", group, kind),
                ("formats", group, self.format),
                ("devices", group, self.device),
                ("engines", group, self.engine),
            )
        if term == "routed":
            both = ("experts", group, ""), ("experts of class", group, kind)
            return both if self.expert_layers else ()
        if term == "cache":
            return ("cache", group, ""), ("cache of class", group, kind)
        if term == "layers":
            both = ("layer_us", group, ""), ("layer_us of class", group, kind)
            return (*both, ("layer_us once", group, "")) if self.old else both
        if term == "experts":
            both = ("expert_layer_us", group, ""), ("expert_layer_us of class", group, kind)
            return both if self.expert_layers else ()
        if term == "sequences":
            return (("sequence_us", group, ""),) if self.batch > 1 else ()
        if term == "routing":
            return (("routing", "", ""),) if self.expert_layers and self.batch > 1 else ()
        both = ("allreduce_us", "", ""), ("allreduce_us of class", "", self.link)
        return both if self.talks else ()

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        terms = ("moving", "routed", "cache", "layers", "experts", "sequences", "talking", "routing")
        return tuple(key for term in terms for key in self.uses(term))


def measured_of(row: SpeedRow, case: Case) -> Measured | None:
    """None where the row has no positive value."""
    if not row.value or row.value <= 0:
        return None
    engine, device, shape = engines()[case.engine], case.hardware.device, case.model.shape
    group, batch = group_of(case.engine), row.concurrency if engine.batching else 1
    ranks = (case.settings.tensor_parallel or case.hardware.count) if engine.tensor_parallel else 1
    element = cache_bytes(case.settings.cache_dtype) or shape.cache_bytes
    layout = Layout(shape=shape, split=ranks, element_bytes=element)
    variant = Variant(
        repo_id=case.model.name,
        format=case.format.container,
        label=case.format.label,
        bits=case.format.bits,
        size_bytes=case.weights_bytes,
        size_source="files",
    )
    moved = traffic_of(shape, variant, case.weights_bytes, layout, row.context_tokens)
    peak = device.bandwidth_bytes_per_s
    per_user = row.quantity == ONE_USER
    return Measured(
        source=source_key(row.source),
        group=group,
        device_class=class_of(device),
        device=chip_of(device),
        engine=case.engine,
        format=format_class(group, variant),
        link=link_class(device),
        per_user=per_user,
        old=(case.settings.engine_year or 9999) < table("speeds")["todays_engines_since"],
        seconds=(1 if per_user else row.concurrency) / row.value,
        batch=batch,
        always_s=moved.always_bytes / ranks / peak,
        routed_s=moved.routed_bytes / ranks / peak,
        missed=1 - moved.experts.per_token / moved.experts.count if moved.experts else 0.0,
        cache_s=batch * moved.cache_bytes / peak,
        state_s=2 * batch * moved.state_bytes / peak,
        layers=moved.layers,
        expert_layers=moved.expert_layers,
        talks=2 * moved.layers if ranks > 1 else 0.0,
        least_s=arithmetic_seconds(moved, device, variant, batch, ranks),
        prefill_s=_prefill(row, case, variant, ranks),
    )


def _prefill(row: SpeedRow, case: Case, variant: Variant, ranks: int) -> float:
    """What reading the others' prompts takes of each step where many users come and go.

    Benchmarks of several users count it in; those of one user state decoding alone.
    """
    if row.concurrency == 1 or not row.prompt_tokens or not row.output_tokens:
        return 0.0
    peak = peak_flops(case.hardware.device, variant)
    active = case.model.shape.parameters.active or 0
    if not peak:
        return 0.0
    return row.concurrency * row.prompt_tokens / row.output_tokens * 2 * active / (peak * 0.5 * ranks)
