"""The constants of watcher/data/speeds.yaml, fitted to measured rows.

    python -m tests.accuracy.calibrate --speed FILE.csv ... [--write]

The formula is the product's (watcher/fit/speed.py, step_seconds); here its logarithm is fitted to that of
measured seconds, every constant held near what similar ones are: a class of devices near its group, a
device near its class. No source counts for more than its rows' third root, so that none decides alone.
"""

import argparse
import math
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices this small lose a hundredfold to threads

import numpy as np
import yaml
from scipy.optimize import least_squares

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.measured import Key, Measured, measured_of
from tests.accuracy.rows import SpeedRow, read_speed
from tests.accuracy.speed_scores import not_scored
from watcher.tables import table

SPEEDS = Path(__file__).resolve().parents[2] / "watcher/data/speeds.yaml"

# Where a constant is believed to lie before anything is measured: median, and how far off (in logarithms).
# Microseconds for costs.
_BELIEFS: dict[str, tuple[float, float]] = {
    "efficiency": (0.72, 0.30),
    "efficiency of class": (1.0, 0.25),
    "formats": (1.0, 0.12),
    "devices": (1.0, 0.2),
    "engines": (1.0, 0.10),
    "experts": (0.9, 0.25),
    "experts of class": (1.0, 0.2),
    "cache": (1.0, 0.30),
    "cache of class": (1.0, 0.30),
    "layer_us": (40.0, 0.8),
    "layer_us of class": (1.0, 0.4),
    "layer_us once": (1.5, 0.4),
    "expert_layer_us": (60.0, 0.6),
    "expert_layer_us of class": (1.0, 0.5),
    "sequence_us": (20.0, 1.0),
    "allreduce_us": (25.0, 0.6),
    "allreduce_us of class": (1.0, 0.6),
    "routing": (0.7, 0.3),
}
_NOISE = 0.12  # of one measurement, as a logarithm
_SHARED = 0.4  # what a row of several users counts for beside one of a single user
_MOST_EFFICIENT = 0.97


@dataclass(frozen=True, slots=True)
class Constants:
    """Logarithms of all constants by key."""

    values: dict[Key, float]

    def of(self, key: Key) -> float:
        """What was fitted, or believed of a key that no row had."""
        return self.values.get(key, math.log(_BELIEFS[key[0]][0]))


def fit_measured(measured: Sequence[Measured], near: Constants | None = None) -> Constants:
    """near: where to start from, which saves time."""
    keys = {key: index for index, key in enumerate(dict.fromkeys(k for m in measured for k in m.keys))}
    if not keys:
        return Constants({})
    design = _Design(measured, keys)
    believed = np.array([math.log(_BELIEFS[key[0]][0]) for key in keys])
    width = np.array([_BELIEFS[key[0]][1] for key in keys])
    per_source = Counter(m.source for m in measured)
    weight = np.array(
        [per_source[m.source] ** -0.33 * (1.0 if m.batch == 1 else _SHARED) / _NOISE for m in measured]
    )

    def off(values: Any) -> Any:
        return np.concatenate([design.errors(values) * weight, (values - believed) / width])

    def slope(values: Any) -> Any:
        return np.vstack([design.slopes(values) * weight[:, None], np.diag(1 / width)])

    start = np.array([near.of(key) for key in keys]) if near else believed
    found = least_squares(
        off, start, jac=slope, loss="soft_l1", max_nfev=60 if near else 500, ftol=1e-5, xtol=1e-5
    )
    return Constants({key: float(found.x[index]) for key, index in keys.items()})


def held_out(measured: Sequence[Measured]) -> list[float]:
    """Seconds of every row's step, predicted by constants that never saw its source; NaN with one source."""
    near, seconds = fit_measured(measured), [math.nan] * len(measured)
    for source in sorted({m.source for m in measured}):
        others = [m for m in measured if m.source != source]
        if not others:
            continue
        constants = fit_measured(others, near)
        own = [index for index, m in enumerate(measured) if m.source == source]
        said = predicted_seconds(constants, [measured[at] for at in own])
        for at, value in zip(own, said, strict=True):
            seconds[at] = value
    return seconds


def predicted_seconds(constants: Constants, measured: Sequence[Measured]) -> list[float]:
    """Seconds of every row's step with these constants."""
    keys = {k: i for i, k in enumerate(dict.fromkeys(k for m in measured for k in m.keys))}
    design = _Design(measured, keys)
    said = np.exp(design.logarithms(np.array([constants.of(key) for key in keys])))
    return [float(value) for value in said]


class _Design:
    """The formula over all rows at once: seconds and their slopes by the logarithm of every constant."""

    def __init__(self, measured: Sequence[Measured], keys: dict[Key, int]) -> None:
        self._count = len(keys)
        self._rows = measured
        # Indices of the constants that multiply each term, as a matrix of ones.
        names = ("moving", "routed", "cache", "layers", "experts", "sequences", "talking", "routing")
        self._uses = {name: np.zeros((len(measured), len(keys))) for name in names}
        for at, m in enumerate(measured):
            for name in names:
                for key in m.uses(name):
                    self._uses[name][at, keys[key]] += 1

        def column(name: str) -> Any:
            return np.array([getattr(m, name) for m in measured], dtype=float)

        self._always, self._routed, self._missed = column("always_s"), column("routed_s"), column("missed")
        self._batch, self._cache, self._state = column("batch"), column("cache_s"), column("state_s")
        self._layers, self._experts = column("layers"), column("expert_layers")
        self._talks, self._prefill = column("talks"), column("prefill_s")
        self._least, self._truth = column("least_s"), np.log(column("seconds"))

    def logarithms(self, values: Any) -> Any:
        return np.log(self._terms(values)[0])

    def errors(self, values: Any) -> Any:
        return self.logarithms(values) - self._truth

    def slopes(self, values: Any) -> Any:
        total, parts = self._terms(values)
        slopes = np.zeros((len(total), self._count))
        for name, part in parts.items():
            slopes += self._uses[name] * (part / total)[:, None]
        return slopes

    def _terms(self, values: Any) -> tuple[Any, dict[str, Any]]:
        factor = {name: np.exp(uses @ values) for name, uses in self._uses.items()}
        capped = np.minimum(factor["moving"], _MOST_EFFICIENT)
        tokens = 1 + (self._batch - 1) * factor["routing"]
        left = self._missed**tokens
        visited = self._routed * (1 - left) / factor["routed"] / capped
        weights = self._always / capped + visited
        cache = self._cache / factor["cache"] / capped
        layers = self._layers * factor["layers"] / 1e6
        experts = self._experts * factor["experts"] / 1e6
        sequences = (self._batch - 1) * factor["sequences"] / 1e6
        talking = self._talks * factor["talking"] / 1e6
        step = weights + cache + self._state / capped + layers + experts + sequences + talking
        free = step >= self._least
        total = np.where(free, step, self._least) + self._prefill
        moving = np.where(factor["moving"] < _MOST_EFFICIENT, weights + cache + self._state / capped, 0.0)
        more = self._routed * -left * np.log(np.maximum(self._missed, 1e-12)) / factor["routed"] / capped
        parts = {
            "moving": -moving * free,
            "routed": -visited * free,
            "cache": -cache * free,
            "layers": layers * free,
            "experts": experts * free,
            "sequences": sequences * free,
            "talking": talking * free,
            "routing": np.where(self._missed > 0, more * (tokens - 1), 0.0) * free,
        }
        return total, parts


def as_table(
    constants: Constants, spread: dict[str, dict[str, float]], rows: int, sources: int
) -> dict[str, Any]:
    """The constants as watcher/data/speeds.yaml states them; what no row has touched keeps to its group."""
    own = table("speeds")
    groups: dict[str, Any] = {}
    for group in sorted(set(own["engine_groups"].values())):
        groups[group] = {name: _classes(constants, name, group) for name in _CLASSED}
        groups[group]["layers_once"] = _rounded(constants.of(("layer_us once", group, "")))
        groups[group] |= {
            name: {
                key[2]: _rounded(value)
                for key, value in sorted(constants.values.items())
                if key[:2] == (name, group)
            }
            for name in ("formats", "devices", "engines")
        }
    return {
        "todays_engines_since": own["todays_engines_since"],
        "engine_groups": dict(own["engine_groups"]),
        "groups": groups,
        "allreduce_us": _classes(constants, "allreduce_us", ""),
        "routing": _rounded(constants.of(("routing", "", ""))),
        "spread": spread,
        "prefill": own["prefill"],
        "source": f"{rows} measured rows of {sources} sources: tests/accuracy/evidence and the like",
    }


_CLASSED = ("efficiency", "experts", "cache", "layer_us", "expert_layer_us", "sequence_us")


def _classes(constants: Constants, name: str, group: str) -> dict[str, float]:
    any_ = constants.of((name, group, ""))
    found = {"any": _rounded(any_)}
    for key, value in sorted(constants.values.items()):
        if key[:2] == (f"{name} of class", group):
            found[key[2]] = _rounded(any_ + value)
    return found


def _rounded(logarithm: float) -> float:
    return float(f"{math.exp(logarithm):.3g}")


def read_cases(paths: Sequence[Path]) -> list[tuple[SpeedRow, Case]]:
    """Every plain measurement that the product can be asked about."""
    found = []
    for row in read_speed(paths):
        if not_scored(row):
            continue
        try:
            case = speed_case(row)
        except NoAnswerError:
            continue
        if not case.model.guessed:
            found.append((row, case))
    return found


def spreads(measured: Sequence[Measured]) -> dict[str, dict[str, float]]:
    """Factors that hold eight of ten held-out rows, by group and class of devices; of several users apart."""
    errors: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for m, said in zip(measured, held_out(measured), strict=True):
        if math.isnan(said):
            continue
        kind, off = "experts" if m.expert_layers else "dense", abs(math.log(said / m.seconds))
        kind = "shared" if m.batch > 1 else kind
        errors[kind, "any"].append((m.source, off))
        errors[kind, f"{m.group} {m.device_class}"].append((m.source, off))
    found: dict[str, dict[str, float]] = {"dense": {}, "experts": {}, "shared": {}}
    for (kind, name), listed in sorted(errors.items()):
        if name == "any" or (len(listed) >= 20 and len({source for source, _ in listed}) >= 3):
            found[kind][name] = float(f"{max(1.12, math.exp(_quantile(listed, 0.8))):.3g}")
    return found


def _quantile(listed: Sequence[tuple[str, float]], share: float) -> float:
    """A weighted quantile: a source counts by the square root of its rows."""
    rows = Counter(source for source, _ in listed)
    ordered = sorted((error, rows[source] ** -0.5) for source, error in listed)
    total, passed = sum(weight for _, weight in ordered), 0.0
    for error, weight in ordered:
        passed += weight
        if passed >= share * total:
            return error
    return ordered[-1][0]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speed", type=Path, action="append", required=True)
    parser.add_argument("--write", action="store_true", help="replace watcher/data/speeds.yaml")
    options = parser.parse_args()
    rows = read_cases(options.speed)
    measured = [m for row, case in rows if (m := measured_of(row, case)) is not None]
    sources = len({m.source for m in measured})
    made = as_table(fit_measured(measured), spreads(measured), len(measured), sources)
    head = (
        "# How fast engines move bytes on devices. Written by `python -m tests.accuracy.calibrate --write`;\n"
    )
    head += "# keys are explained in watcher/fit/pace.py, the formula in watcher/fit/speed.py.\n"
    text = head + yaml.safe_dump(made, sort_keys=False, width=110, default_flow_style=None)
    if options.write:
        SPEEDS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
