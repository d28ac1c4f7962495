"""Predicted against measured, term by term, and the correction that a team's own log is worth.

    factor = measured / predicted         (bytes, or tokens per second: above 1 is faster than we said)

Predictions are those without corrections, for the settings of the boot, so that a factor stands by
itself. What a log must not teach (a second model beside, weights on the host, a size that we guessed)
is left out, and said. A cache or weights that differ by much belong to another cache type or other
files, not to the device: they correct nothing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from watcher.fit.logs import BootLog, Measure, SpeedRow
from watcher.types import Correction, Device, Fit, Load

SMALLEST, LARGEST = 0.2, 5.0
_ABSURD = 20.0  # a factor beyond this is a misread line or another model
_USUAL_DEPTH = 512
# How far a term that is exact by construction may be off and still be the device's doing.
_EXACT = {"usable": 0.25, "weights": 0.1, "kv_cache": 0.2}
_WITH_GRAPHS = ("vllm", "sglang")
_KNOWN_SIZE = ("files", "header")

Predict = Callable[[Load], Fit]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One term: what we said and what the log measured, in unit ("bytes", "requests", "tokens", "tok/s").

    line: where the log says it. corrects: the terms of a Correction that it is a measurement of.
    refused: why nothing is learned from it.
    """

    term: str
    predicted: float
    measured: float
    unit: str
    line: int
    corrects: tuple[str, ...] = ()
    refused: str | None = None

    @property
    def ratio(self) -> float | None:
        """Measured over predicted; None where we predicted nothing."""
        return self.measured / self.predicted if self.predicted > 0 else None


def load_of(log: BootLog) -> Load:
    """The load that the boot's memory figures are about."""
    tokens = log.concurrency_context_tokens or log.needed_context_tokens or log.context_tokens
    return Load(users=log.sequences, context_tokens=tokens or 8192)


def compare(log: BootLog, predict: Predict, device: Device) -> tuple[Row, ...]:
    """Every term that the log measured. predict: our fit under a load, with the log's settings.

    device: where it ran, by whose reported memory a log that is silent about it is read.
    """
    fit = predict(load_of(log))
    rows = [
        *_device(log, device),
        *_weights(log, fit),
        *_set_aside(log, fit, device),
        *_cache(log, fit),
        *_room(log, fit),
        *(row for speed in log.speeds for row in _speed(speed, predict)),
    ]
    return tuple(_refused(row, log, fit) for row in rows)


def _device(log: BootLog, device: Device) -> list[Row]:
    return _row("memory of the device", device.visible_bytes, log.device_memory, "usable")


def _weights(log: BootLog, fit: Fit) -> list[Row]:
    return _row("weights", fit.weights.bytes, log.weights, "weights")


def _set_aside(log: BootLog, fit: Fit, device: Device) -> list[Row]:
    """Activations and overhead: as profiled, or as one sum that is left of the budget."""
    said, held = fit.activations.bytes, fit.overhead.bytes
    overhead, rest = _overhead(log), _rest(log, device)
    if log.activations and overhead is None and rest:
        overhead = Measure(value=rest.value - log.activations.value, line=rest.line)
    if log.activations is None and overhead is None:
        return _row("activations and overhead", said + held, rest, "activations", "overhead")
    return [
        *_row("activations", said, log.activations, "activations"),
        *_row("overhead", held, overhead, "overhead"),
    ]


def _overhead(log: BootLog) -> Measure | None:
    """Context, kernels and communication, and the graphs as captured (a log may say less than none)."""
    if log.unaccounted is not None or log.non_torch is None:
        return log.unaccounted
    if log.graphs is None:
        return log.non_torch if log.settings.eager else None
    return Measure(value=log.non_torch.value + max(0.0, log.graphs.value), line=log.non_torch.line)


def _rest(log: BootLog, device: Device) -> Measure | None:
    """What vLLM's budget holds besides weights and cache; graphs captured outside of it are added."""
    share = log.settings.utilisation
    if log.engine != "vllm" or share is None or log.weights is None or log.kv_cache is None:
        return None
    graphs = 0.0
    if not log.graphs_inside and not log.settings.eager:
        if log.graphs is None:
            return None
        graphs = max(0.0, log.graphs.value)
    total = log.device_memory.value if log.device_memory else device.visible_bytes
    return Measure(
        value=share * total - log.weights.value - log.kv_cache.value + graphs, line=log.kv_cache.line
    )


def _cache(log: BootLog, fit: Fit) -> list[Row]:
    """The cache of one request with vLLM, of a token with SGLang, of all sequences with llama.cpp."""
    one = fit.kv_cache.bytes + fit.state.bytes
    if log.engine == "vllm":
        measured = log.kv_needed
        if log.max_concurrency and log.kv_cache and log.max_concurrency.value >= 0.1:
            bytes_each = log.kv_cache.value / log.max_concurrency.value
            measured = Measure(value=bytes_each, line=log.max_concurrency.line)
        return _row(f"cache of {fit.load.context_tokens:,} tokens", one, measured, "kv_cache")
    if log.engine == "sglang":
        if not (log.kv_cache and log.kv_tokens and log.kv_tokens.value) or "kv_per_token" in log.refused:
            return []
        token = Measure(value=log.kv_cache.value / log.kv_tokens.value, line=log.kv_cache.line)
        return _row("cache of a token", fit.kv_bytes_per_token, token, "kv_cache")
    states = fit.state.bytes / max(1, fit.load.users) * log.states
    return [
        *_row(f"cache of {fit.load.context_tokens:,} tokens", fit.kv_cache.bytes, log.kv_cache, "kv_cache"),
        *_row("state", states, log.state),
    ]


def _room(log: BootLog, fit: Fit) -> list[Row]:
    """What is left for caches, and what that holds. Nothing to correct: it follows from the other terms."""
    if log.engine not in _WITH_GRAPHS:
        return []
    room = fit.budget_bytes - fit.weights.bytes - fit.activations.bytes - fit.overhead.bytes
    rows = _row("room for the cache", room, log.kv_cache)
    if log.max_concurrency:
        name = f"requests of {fit.load.context_tokens:,} tokens"
        rows += [
            replace(row, unit="requests") for row in _row(name, fit.max_concurrency, log.max_concurrency)
        ]
    elif log.kv_tokens and fit.kv_bytes_per_token and not fit.state.bytes:
        tokens = room / fit.kv_bytes_per_token
        rows += [replace(row, unit="tokens") for row in _row("tokens in the cache", tokens, log.kv_tokens)]
    return rows


def _speed(speed: SpeedRow, predict: Predict) -> list[Row]:
    measured = Measure(value=speed.tokens_per_second, line=speed.line)
    if speed.kind == "prefill":
        if speed.depth_tokens or not speed.tokens:
            return []  # our prefill starts with an empty cache
        seconds = predict(Load(users=1, context_tokens=speed.tokens)).prefill_seconds
        said = speed.tokens / seconds if seconds else None
        name = f"prefill of {speed.tokens:,} tokens"
    else:
        depth = max(1, speed.depth_tokens if speed.depth_tokens is not None else _USUAL_DEPTH)
        pace = predict(Load(users=speed.batch, context_tokens=depth)).decode_tokens_per_second
        said = pace.expected if pace else None
        users = "1 user" if speed.batch == 1 else f"{speed.batch} users"
        name = f"decode, {users} at {depth:,} tokens"
    if said is None:
        return []
    return [replace(row, unit="tok/s") for row in _row(name, said, measured, speed.kind)]


def _row(term: str, predicted: float, measured: Measure | None, *corrects: str) -> list[Row]:
    if measured is None:
        return []
    return [
        Row(
            term=term,
            predicted=predicted,
            measured=measured.value,
            unit="bytes",
            line=measured.line,
            corrects=corrects,
        )
    ]


def _refused(row: Row, log: BootLog, fit: Fit) -> Row:
    """The row with the reason why it teaches nothing, where there is one."""
    keys = {"activations": ("activations", "rest"), "overhead": ("rest",)}
    for term in row.corrects:
        for key in keys.get(term, (term,)):
            if key in log.refused:
                return replace(row, refused=log.refused[key])
    if "weights" in row.corrects and fit.weights.source not in _KNOWN_SIZE:
        return replace(row, refused="the size of the weights was not read from the files")
    graphs = log.engine in _WITH_GRAPHS and fit.settings.eager and not log.settings.eager
    if graphs and {"activations", "overhead"} & set(row.corrects):
        return replace(row, refused="we would have started it without graphs: there was no room for them")
    if "kv_cache" in row.corrects and fit.kv_cache.source == "guess":
        return replace(row, refused="the layers of the model are not known")
    return row


def correction_of(
    rows: Sequence[Row], *, device: str, engine: str, source: str, measured_on: date
) -> tuple[Correction, tuple[str, ...]]:
    """The correction that these rows are worth, and why other terms are left out or held back.

    device: its key. source: the log's name. Of several rows of a term the geometric mean counts.
    """
    ratios: dict[str, list[float]] = {}
    reasons: dict[str, None] = {}
    for row in rows:
        for term in row.corrects:
            reason = row.refused or _why_not(term, row.ratio, alone=len(row.corrects) == 1)
            if reason is None and row.ratio is not None:
                ratios.setdefault(term, []).append(row.ratio)
            else:
                reasons[f"{row.term}: {reason}"] = None
    factors = {}
    for term, found in sorted(ratios.items()):
        factor = math.exp(sum(map(math.log, found)) / len(found))
        factors[term] = round(min(LARGEST, max(SMALLEST, factor)), 4)
        if not SMALLEST <= factor <= LARGEST:
            reasons[f"{term}: x{factor:.2f} is held at x{factors[term]:.1f}"] = None
    correction = Correction(
        device=device, engine=engine, measured_on=measured_on, source=source, factors=factors
    )
    return correction, tuple(reasons)


def _why_not(term: str, ratio: float | None, *, alone: bool) -> str | None:
    if ratio is None or not math.isfinite(ratio) or ratio <= 0:
        return "there is nothing to set it in proportion to"
    most = _ABSURD if alone else LARGEST  # what is left over holds the errors of all the others
    if not 1 / most <= ratio <= most:
        return f"x{ratio:.3g} is no correction but another model or a misread line"
    allowed = _EXACT.get(term)
    if allowed is not None and not 1 - allowed <= ratio <= 1 + allowed:
        return f"x{ratio:.2f} tells of {_ELSE[term]}, not of this device"
    return None


_ELSE = {
    "usable": "another device or a part of one",
    "weights": "other files, or parts that were not loaded",
    "kv_cache": "another cache type or other layers",
}
