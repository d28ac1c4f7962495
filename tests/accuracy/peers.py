"""llmfit on the same rows, by its command line.

It is no dependency of the product. It is asked for "plan" on a hardware profile that carries our
own bandwidth and memory of the device, so that only the estimate differs. Where it does not know a
format it gets the nearest that it knows.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.rows import SpeedRow
from tests.accuracy.scores import Compared, Unanswered, grouped, row_median
from tests.accuracy.speed_scores import ONE_USER, compare, not_scored
from watcher.types import Device

GIB = 1024**3
# llmfit 1.1 knows these; anything else gets the nearest by bits, safetensors at 8 bit its Q8_0.
_QUANTS = ("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K", "MXFP4")
_BITS = {"F16": 16.0, "Q8_0": 8.5, "Q6_K": 6.6, "Q5_K_M": 5.7, "Q4_K_M": 4.9, "Q3_K_M": 4.0, "Q2_K": 3.2}
_NEAREST = {
    "awq": "AWQ-4bit",
    "gptq": "GPTQ-Int4",
    "gptq-8bit": "GPTQ-Int8",
    "autoround": "AutoRound-4bit",
    "w4a16": "AWQ-4bit",
    "nvfp4": "MXFP4",
    "mxfp4": "MXFP4",
    "NVFP4": "MXFP4",
    "bf16": "BF16",
    "fp16": "F16",
}


@dataclass(kw_only=True)
class Llmfit:
    """An installed llmfit and the profiles it was given. Asked once per model, format and device."""

    path: str
    version: str
    folder: Path
    names: Mapping[str, str] = field(default_factory=dict)
    _asked: dict[tuple[str, str, str], float | None] = field(default_factory=dict)

    def tokens_per_second(self, case: Case) -> float | None:
        """One user on one device of the pool; None where it knows neither the model nor its kin."""
        name = self.names.get(case.model.name.casefold()) or self.names.get(_plain(case.model.name))
        if name is None:
            return None
        key = (name, case.format.label, case.device)
        if key not in self._asked:
            self._asked[key] = self._plan(name, quant_of(case.format.label, case.format.bits), case)
        return self._asked[key]

    def _plan(self, name: str, quant: str, case: Case) -> float | None:
        profile = self._profile(case.hardware.device)
        asked = ["--profile", str(profile), "plan", name, "--context", "4096", "--quant", quant, "--json"]
        told = self._run(asked)
        paths = told.get("run_paths", []) if isinstance(told, Mapping) else []
        return next(
            (float(p["estimated_tps"]) for p in paths if p["path"] == "gpu" and p["estimated_tps"]), None
        )

    def fit_seconds(self, device: Device) -> float | None:
        """Wall time for every model it knows on one device, as JSON."""
        start = time.perf_counter()
        told = self._run(["--profile", str(self._profile(device)), "--json", "fit", "-n", "100000"])
        return time.perf_counter() - start if told else None

    def _profile(self, device: Device) -> Path:
        path = self.folder / f"{device.key}.json"
        if not path.exists():
            hardware: dict[str, Any] = {
                "total_ram_gb": max(16.0, device.usable_bytes / GIB if device.kind == "unified" else 256.0),
                "unified_memory": device.kind == "unified",
                "gpu_memory_bandwidth_gbps": device.bandwidth_bytes_per_s / 1e9,
                "ddr_bandwidth_gbps": 90.0,
            }
            if "bf16" in device.tflops:
                hardware["gpu_compute_tflops_fp16"] = float(device.tflops["bf16"])
            profile = {
                "schema_version": 1,
                "name": device.key,
                "match": {"gpu_name_contains": device.name},
                "hardware": hardware,
            }
            path.write_text(json.dumps(profile), encoding="utf-8")
        return path

    def _run(self, arguments: Sequence[str]) -> Any:
        done = subprocess.run(
            [self.path, *arguments], capture_output=True, text=True, timeout=120, check=False, cwd=self.folder
        )
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return None


def find_llmfit(path: str | None, folder: Path) -> Llmfit | None:
    """The llmfit at path, else the one on PATH; None where there is none that answers."""
    found = path or shutil.which("llmfit")
    if not found:
        return None
    found = str(Path(found).resolve()) if "/" in found else found
    try:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return None
    peer = Llmfit(path=found, version=said.stdout.strip() or "llmfit", folder=folder)
    listed = peer._run(["list", "--json"])
    if not isinstance(listed, list):
        return None
    names: dict[str, str] = {}
    for row in sorted(listed, key=lambda row: str(row.get("name"))):
        name = str(row.get("name", ""))
        names.setdefault(_plain(name), name)
        names[name.casefold()] = name
    peer.names = names
    return peer


def _plain(name: str) -> str:
    """A repo name without its account, format and dress: what a fine-tune or quant shares with its base."""
    plain = name.rpartition("/")[2].casefold().replace(" ", "-").replace("_", "-")
    plain = re.sub(r"\.gguf$", "", plain)
    word = (
        r"(ud-)?(iq|q)\d[a-z0-9-]*|gguf|awq|gptq|int4|int8|fp8|nvfp4|mxfp4|bf16|fp16|instruct|it|chat|dynamic"
    )
    plain = re.sub(rf"-({word}|4bit|8bit|modelopt|autoround)(?=-|$)", "", plain)
    return plain.removeprefix("meta-")


def quant_of(label: str, bits: float) -> str:
    """llmfit's name for a format, or the nearest that it has."""
    if label in _QUANTS:
        return label
    if label in _NEAREST:
        return _NEAREST[label]
    nearest = {
        "F16": 16.0,
        "Q8_0": 8.5,
        "Q6_K": 6.56,
        "Q5_K_M": 5.7,
        "Q4_K_M": 4.89,
        "Q3_K_M": 4.0,
        "Q2_K": 3.16,
    }
    return min(nearest, key=lambda quant: abs(nearest[quant] - bits))


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """The rows that both answered: ours and theirs in the same order."""

    peer: str
    ours: list[Compared]
    theirs: list[Compared]
    silent: list[Unanswered]

    def ratios(self, attribute: str, least: int = 1) -> dict[str, tuple[int, float, float]]:
        """By family, device ...: rows, our median error and theirs."""
        told: dict[str, tuple[int, float, float]] = {}
        theirs = grouped(self.theirs, lambda row: str(getattr(row, attribute)))
        for name, rows in grouped(self.ours, lambda row: str(getattr(row, attribute))).items():
            if len(rows) >= least:
                told[name] = (len(rows), row_median(rows) or 0.0, row_median(theirs[name]) or 0.0)
        return told


def beside_llmfit(rows: Iterable[SpeedRow], path: str | None) -> Beside | None:
    """One user's decode on one device (or layers split over several): what llmfit can be asked for."""
    with TemporaryDirectory() as folder:
        peer = find_llmfit(path, Path(folder))
        if peer is None:
            return None
        beside = Beside(peer=peer.version, ours=[], theirs=[], silent=[])
        for row in rows:
            if not_scored(row) or row.quantity != ONE_USER or row.concurrency > 1:
                continue
            if (row.tensor_parallel or 1) > 1 or (row.gpu_count > 1 and not row.layer_split):
                continue
            try:
                case = speed_case(row)
                ours = compare(row, case)
            except NoAnswerError:
                continue
            if case.model.guessed:
                continue
            told = peer.tokens_per_second(case)
            if told is None:
                beside.silent.append(
                    Unanswered(row_id=row.row_id, reason="model not in its list", what=ours.model)
                )
                continue
            beside.ours.append(ours)
            beside.theirs.append(replace(ours, estimated=told, low=None, high=None))
        return beside


def llmfit_seconds(device: Device, path: str | None) -> float | None:
    with TemporaryDirectory() as folder:
        peer = find_llmfit(path, Path(folder))
        return peer.fit_seconds(device) if peer else None
