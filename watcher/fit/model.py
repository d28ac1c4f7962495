"""One set of weights with its shape: what is the same on every pool, computed once."""

from watcher.fit.engines import Engine, Plan
from watcher.fit.layout import Layout
from watcher.fit.loading import loaded_bytes
from watcher.fit.reserve import Reservation, reservation
from watcher.fit.shape import Shape
from watcher.types import Device, Variant

MOST_BYTES = 2**60  # sizes above are mistakes


class Model:
    """guessed: the shape is a stand-in for one that nobody read."""

    __slots__ = ("_loaded", "_reserved", "guessed", "shape", "variant")

    def __init__(self, shape: Shape, variant: Variant, *, guessed: bool = False) -> None:
        self.shape, self.variant, self.guessed = shape, variant, guessed
        self._loaded: dict[tuple[str, bool, int], int] = {}
        self._reserved: dict[tuple[str, int, float, int, bool], Reservation] = {}

    @property
    def weights_bytes(self) -> int:
        """Of the whole model; 0 where the size is not known."""
        return max(0, min(self.variant.size_bytes or 0, MOST_BYTES))

    def loaded(self, engine: Engine, device: Device, devices: int) -> int:
        """Bytes on each of so many devices."""
        key = engine.name, device.kind == "unified", devices
        if key not in self._loaded:
            self._loaded[key] = loaded_bytes(
                shape=self.shape,
                guessed=self.guessed,
                variant=self.variant,
                weights_bytes=self.weights_bytes,
                engine=engine,
                device=device,
                devices=devices,
            )
        return self._loaded[key]

    def layout(self, engine: Engine, plan: Plan, devices: int) -> Layout:
        """How rows lie on each of so many devices."""
        if engine.tensor_parallel:
            return Layout(shape=self.shape, split=devices, element_bytes=plan.element_bytes)
        layers = max(1, len(self.shape.layers))
        share = -(-layers // devices) / layers
        return Layout(shape=self.shape, split=1, element_bytes=plan.element_bytes, layers_share=share)

    def reserved(self, engine: Engine, plan: Plan, devices: int) -> Reservation:
        """What the engine sets aside for caches."""
        caching = plan.settings.prefix_caching
        key = engine.name, devices, plan.element_bytes, plan.batched_tokens, caching
        if key not in self._reserved:
            self._reserved[key] = reservation(
                self.layout(engine, plan, devices), engine, plan, devices=devices, prefix_caching=caching
            )
        return self._reserved[key]
