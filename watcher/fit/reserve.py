"""What an engine sets aside for caches: one interface, one file of rules per engine."""

from typing import Protocol

from watcher.fit.engines import Engine, Plan
from watcher.fit.layout import Layout
from watcher.fit.reserve_llamacpp import LlamaCppSlots
from watcher.fit.reserve_sglang import SglangPools
from watcher.fit.reserve_tensorrt import TensorRtBlocks
from watcher.fit.reserve_vllm import VllmBlocks


class Reservation(Protocol):
    """Bytes on one device. The more users or tokens, the more bytes; never below the ideal."""

    def need(self, users: int, tokens: int) -> tuple[int, int]:
        """Rows per token, and state per sequence, for users with this many tokens each."""
        ...


def reservation(
    layout: Layout, engine: Engine, plan: Plan, *, devices: int, prefix_caching: bool
) -> Reservation:
    """The rules of an engine applied to a layout. devices: over how many layers are split."""
    if engine.reserve == "llama.cpp":
        return LlamaCppSlots(layout, devices=devices, batched_tokens=plan.batched_tokens)
    if engine.reserve == "sglang":
        return SglangPools(layout, window_pool=engine.window_pool, state_pool=engine.state_pool)
    if engine.reserve == "tensorrt-llm":
        return TensorRtBlocks(layout, block_tokens=engine.block_tokens)
    return VllmBlocks(
        layout,
        block_tokens=engine.block_tokens,
        in_flight_tokens=engine.in_flight_batches * plan.batched_tokens,
        states_per_request=2 if prefix_caching else 1,
    )
