"""llama.cpp's log, and Ollama's, which runs it: buffers by device, cells of the cache, timings of requests.

The sentences are those of llama-model.cpp, llama-kv-cache.cpp, llama-memory-recurrent.cpp, llama-context.cpp
and common.cpp since b3000; sizes are MiB. Buffers of the host (CPU, CPU_Mapped, CUDA_Host) are not
the device's.
"""

import re

from watcher.fit.logs.bench import table_row
from watcher.fit.logs.boot import BootLog, Draft, Measure, SpeedRow, number
from watcher.fit.logs.settings import cache_dtype
from watcher.fit.logs.status import median_rows
from watcher.fit.logs.text import Line
from watcher.types import Settings

LOOKED_FOR = (
    "CUDA0 model buffer size = .. MiB",
    "KV buffer size = .. MiB",
    "| model | size | .. | test | t/s |",
)
_SIZE = r"(-?[\d.,]{1,20}) (MiB|GiB)"
_BUFFER = re.compile(
    r"(?P<where>[A-Za-z][\w()]{0,20})\s{1,12}(?P<what>model |KV |RS |compute |)buffer size\s?=\s{0,12}"
    + _SIZE
)
_CELLS = re.compile(r"size\s?=\s{1,12}[\d.]{1,16} MiB \(\s{0,12}(\d{1,12}) cells,")
_CACHE_TYPES = re.compile(r"K \((\w{2,8})\):.{1,40}V \((\w{2,8})\):")
_OFFLOADED = re.compile(r"offloaded (\d{1,5})/(\d{1,5}) layers to GPU")
_CONTEXT = re.compile(r"\b(n_ctx|n_ctx_seq|n_ctx_per_seq|n_seq_max|n_ubatch)\s{0,12}=\s{0,12}(\d{1,12})")
_MODEL = re.compile(r"loaded meta data with .{1,80} from (.{1,1000}?) \(version")
_FILE_SIZE = re.compile(r"(?:file size|model size)\s{1,12}=\s{1,12}" + _SIZE)
_BUILD = re.compile(r"\bbuild(?:_info)?: (?:b?(\d{3,6})\b|[0-9a-f]{7,12} \((\d{3,6})\))")
_DEVICE = re.compile(
    r"Device \d{1,3}: (?P<cuda>[^,]{2,80}), (?:compute capability|gfx)"
    r"|using device \w{1,20} \((?P<used>[^)]{2,80}(?:\([^)]{0,20}\)[^)]{0,20})?)\)"
    r"|GPU name:\s{1,8}(?P<metal>Apple [^(\n]{2,40})"
    r"|ggml_vulkan: \d = (?P<vulkan>[^|]{2,80}?) \((?:[^)]{1,40}\) )?\|"
)
_VRAM = re.compile(r"VRAM: (\d{1,9}) MiB")
_TIMING = re.compile(
    r"(?P<what>prompt eval|eval) time =\s{1,12}[\d.]{1,20} ms /\s{1,12}(?P<count>\d{1,9}) (?:tokens|runs)"
    r".{1,60}?(?P<speed>[\d.]{1,16}) tokens per second"
)
_BREAKDOWN = re.compile(
    r"\|\s{1,4}- (\w{2,12}) \(.{1,80}?\)\s{0,8}\|\s{1,8}(\d{1,9}) = .{1,120}?\+\s{1,12}(-?\d{1,9}) \|"
)
_WHAT = {"model ": "weights", "": "weights", "KV ": "kv_cache", "RS ": "state", "compute ": "activations"}
_DRAFTING = re.compile(
    r"load(?:ing)?(?:_model:)?.{0,20}draft model|speculative decoding: type = (?!none)", re.IGNORECASE
)
_CONTEXT_LINES = "llama_context:", "llama_new_context_with_model:", "llama_init_from_model:"
_LEAST_PROMPT, _LEAST_REPLY = 256, 16  # shorter ones measure the start, not the pace
_MOST_TIMINGS = 100_000


class Reader:
    """All of llama.cpp's loads in a file, line by line."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._prompt: int | None = None

    @property
    def _draft(self) -> Draft:
        if not self.drafts:
            self.drafts.append(Draft("llama.cpp"))
        return self.drafts[-1]

    def read(self, line: Line) -> None:
        text = line.text
        if "buffer size" in text:
            self._buffer(line)
        elif " time = " in text:
            self._timing(line)
        elif text.lstrip().startswith("|") or "memory_breakdown" in text:
            self._table(line)
        elif "loaded meta data with" in text and (found := _MODEL.search(text)):
            self._load(found[1], text)
        elif "n_" in text and any(words in text for words in _CONTEXT_LINES):
            self._context(line)
        else:
            self._other(line)

    def _load(self, path: str, text: str) -> None:
        """A new model: another boot, unless it is the draft of the one that is there."""
        if self.drafts and self._draft.has("weights"):
            if "drafting" in self._draft.words:
                self._draft.words["frozen"] = "yes"
                return
            self.drafts.append(Draft("llama.cpp"))
        self._draft.words["model"] = path.strip()
        if "ollama" in text[:200]:
            self._draft.engine = "ollama"

    def _buffer(self, line: Line) -> None:
        found = _BUFFER.search(line.text)
        if found is None or "frozen" in self._draft.words:
            return
        where, what = found["where"], _WHAT[found["what"]]
        if what == "weights" and "load_tensors" not in line.text and "model buffer" not in line.text:
            return  # output buffers and what else has one
        on_device = not (where.startswith(("CPU", "BLAS", "AMX")) or where.endswith("_Host"))
        name = what if on_device else f"{what} of the host"
        # One buffer for each part of a model and each cache; a compute buffer is reserved anew.
        self._draft.memory(name, found[3], found[4], line.number, rank=where, add=what != "activations")

    def _context(self, line: Line) -> None:
        if "frozen" in self._draft.words:
            return
        if self._draft.has("kv_cache", "state", "activations") and re.search(r"n_seq_max|n_ctx\s", line.text):
            for name in ("kv_cache", "state", "activations", "cells", "kv_cache of the host"):
                self._draft.figures.pop(name, None)  # a trial context was built before this one
        for name, value in _CONTEXT.findall(line.text):
            said = "n_ctx_seq" if name == "n_ctx_per_seq" else str(name)
            self._draft.count(said, value, line.number)

    def _other(self, line: Line) -> None:
        text, draft = line.text, self._draft
        if "cells," in text and "frozen" not in draft.words:
            if found := _CELLS.search(text):
                draft.count("cells", found[1], line.number, rank=str(line.number))
            if (types := _CACHE_TYPES.search(text)) and types[1] != "f16":
                draft.words["cache_dtype"] = types[1]
        elif "offloaded" in text and (found := _OFFLOADED.search(text)):
            if int(found[1]) < int(found[2]):
                draft.refuse(
                    f"{found[1]} of {found[2]} layers were on the device",
                    *("weights", "kv_cache", "activations", "decode", "prefill"),
                )
        elif "evice" in text or "GPU name" in text or "ggml_vulkan" in text:
            self._device(line)
        elif " size " in text and (found := _FILE_SIZE.search(text)):
            draft.memory("file", found[1], found[2], line.number)
        elif "build" in text and (build := _BUILD.search(text)) is not None:
            if build[1] and draft.has("weights"):
                self.drafts.append(Draft("llama.cpp"))
            self._draft.words["version"] = f"b{build[1] or build[2]}"
        if "raft" in text or "speculative" in text:
            self._drafting(text)

    def _drafting(self, text: str) -> None:
        if _DRAFTING.search(text):
            self._draft.words["drafting"] = "yes"
            self._draft.refuse("speculative decoding was on", "decode", "prefill")

    def _device(self, line: Line) -> None:
        for found in _DEVICE.finditer(line.text):
            name = next(group for group in found.groups() if group)
            if "CPU" not in found[0][:20]:
                self._draft.devices[name.strip()] = None
        if memory := _VRAM.search(line.text):
            self._draft.memory("device_memory", memory[1], "MiB", line.number, rank=line.text)

    def _table(self, line: Line) -> None:
        if found := _BREAKDOWN.search(line.text):
            if found[1].upper() not in ("HOST", "CPU"):
                self._draft.memory("device_memory", found[2], "MiB", line.number, rank=found[1])
                self._draft.memory("unaccounted", found[3], "MiB", line.number, rank=found[1])
        elif row := table_row(line):
            if row.model != self._draft.words.setdefault("table model", row.model):
                self._draft.problem(f"line {line.number}: {row.model} is another model; left out")
            else:
                self._draft.words["backend"] = row.backend
                if row.size is not None and not self._draft.has("file"):
                    self._draft.memory("file", row.size, "GiB", line.number)
                self._draft.speed(row.speed)
                if row.refused:
                    self._draft.refuse(row.refused, "decode", "prefill")

    def _timing(self, line: Line) -> None:
        found = _TIMING.search(line.text)
        timings = self._draft.timings
        if found is None or len(timings) >= _MOST_TIMINGS:
            return
        count, speed = int(found["count"]), number(found["speed"]) or 0.0
        if found["what"] == "prompt eval":
            self._prompt = count
            if count >= _LEAST_PROMPT:
                timings.append(
                    SpeedRow(kind="prefill", tokens_per_second=speed, line=line.number, tokens=count)
                )
        elif count >= _LEAST_REPLY:
            depth = (self._prompt or 0) + count // 2
            timings.append(
                SpeedRow(kind="decode", tokens_per_second=speed, line=line.number, depth_tokens=depth)
            )

    def boots(self) -> list[BootLog]:
        """Each load that has measured anything, in the order of the file."""
        return [_finish(draft) for draft in self.drafts if draft.figures or draft.speeds or draft.timings]


def _finish(draft: Draft) -> BootLog:
    weights = _mean(draft, "weights")
    for row in median_rows(draft.timings):
        draft.speed(row)
    if draft.has("weights of the host"):
        draft.refuse("the input embedding stayed in host memory, a share that differs by model", "weights")
    if draft.has("kv_cache of the host"):
        draft.refuse("a part of the cache was in host memory", "kv_cache", "decode")
    if (count := len(draft.figures.get("weights", {}))) > 1:
        draft.refuse(f"{count} devices share the layers", "decode", "prefill")
    sequences = draft.whole("n_seq_max") or 1
    context = draft.whole("n_ctx_seq") or draft.whole("n_ctx")
    cells = draft.most("cells")
    if cells and context:  # a cache that all sequences share is no larger for more of them
        sequences = max(1, min(sequences, round(cells.value / context)))
    return BootLog(
        engine=draft.engine,
        engine_version=draft.words.get("version"),
        model=draft.words.get("model") or draft.words.get("table model"),
        devices=tuple(draft.devices),
        settings=Settings(
            batched_tokens=draft.whole("n_ubatch"),
            cache_dtype=cache_dtype(draft.words.get("cache_dtype")),
            tensor_parallel=count if count > 1 else None,
        ),
        context_tokens=context,
        sequences=sequences,
        states=draft.whole("n_seq_max") or 1,
        device_memory=draft.least("device_memory"),
        file_bytes=draft.most("file"),
        weights=weights,
        activations=draft.most("activations"),
        unaccounted=draft.most("unaccounted"),
        kv_cache=_mean(draft, "kv_cache"),
        state=_mean(draft, "state"),
        kv_tokens=cells,
        speeds=tuple(draft.speeds),
        refused=draft.refused,
        complete=bool(draft.speeds) or (weights is not None and draft.has("kv_cache", "state")),
        problems=tuple(draft.problems),
    )


def _mean(draft: Draft, name: str) -> Measure | None:
    """Layers are dealt out to the devices: what one of them holds on average."""
    found = list(draft.figures.get(name, {}).values())
    if not found:
        return None
    return Measure(value=sum(m.value for m in found) / len(found), line=found[0].line)
