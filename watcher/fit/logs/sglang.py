"""SGLang's start-up log: what is free before and after each step, and the pools that it allocates.

The sentences are those of model_runner.py, memory_pool.py and scheduler.py (0.4 to 0.5).
It prints "GB" for 1024**3.
"""

import re

from watcher.fit.logs.boot import BootLog, Draft, Measure, Status, number
from watcher.fit.logs.settings import cache_dtype
from watcher.fit.logs.status import decode_rows
from watcher.fit.logs.text import Line, setting
from watcher.types import Settings

LOOKED_FOR = (
    "Load weight end. .. mem usage=.. GB",
    "KV Cache is allocated. #tokens: ..",
    "max_total_num_tokens=..",
)
_SIZE = r"(-?[\d.,]{1,24})\s?(GB|MB)"

_MEMORY: tuple[tuple[str, re.Pattern[str], str, bool], ...] = tuple(
    (words, re.compile(pattern), name, add)
    for words, pattern, name, add in (
        ("Load weight begin", r"avail mem=" + _SIZE, "free_before", False),
        ("Load weight end", r"avail mem=" + _SIZE, "free_after", False),
        ("Load weight end", r"mem usage=" + _SIZE, "weights", False),
        ("KV Cache is allocated", r"K size: " + _SIZE, "kv_cache", True),
        ("KV Cache is allocated", r"V size: " + _SIZE, "kv_cache", True),
        ("KV Cache is allocated", r"KV size: " + _SIZE, "kv_cache", True),
        ("Mamba Cache is allocated", r"conv_state size: " + _SIZE, "state", True),
        ("Mamba Cache is allocated", r"ssm_state size: " + _SIZE, "state", True),
        ("CUDA graph end", r"mem usage=" + _SIZE, "graphs", True),
        ("cuda graph end", r"mem usage=" + _SIZE, "graphs", True),
    )
)
_COUNTS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (words, re.compile(pattern), name)
    for words, pattern, name in (
        ("max_total_num_tokens=", r"max_total_num_tokens=(\d[\d,]{0,18})", "kv_tokens"),
        ("max_total_num_tokens=", r"chunked_prefill_size=(-?\d{1,12})", "batched_tokens"),
        ("max_total_num_tokens=", r"max_running_requests=(\d{1,12})", "max_sequences"),
        ("max_total_num_tokens=", r"context_len=(\d{1,12})", "context"),
    )
)
_POOL = re.compile(r"#tokens: (\d[\d,]{0,18})")
_DECODE = re.compile(
    r"Decode batch.{0,40}?#running-req: (\d{1,6}), #(?:full )?token: (\d{1,12}).*?"
    r"gen throughput \(token/s\): ([\d.,]{1,16})"
)
_DTYPE = re.compile(r"Using KV cache dtype: ([\w.]{3,40})")
_DEVICE = re.compile(r"device_name=([\w.\-]{3,60}?)(?:,|\.json|$)")
_VERSION = re.compile(r"\bsglang(?:_version)?[ =:'\"]{1,4}v?(\d+\.\d+[\w.]{0,20})", re.IGNORECASE)


class Reader:
    """All of SGLang's boots in a file, line by line."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    @property
    def _draft(self) -> Draft:
        if not self.drafts:
            self.drafts.append(Draft("sglang"))
        return self.drafts[-1]

    def read(self, line: Line) -> None:
        text = line.text
        if "Decode batch" in text and (found := _DECODE.search(text)):
            self._running(found, line.number)
            return
        if "ServerArgs(" in text:
            if not self.drafts or self._draft.has("weights", "kv_cache"):
                self.drafts.append(Draft("sglang"))
            _configure(self._draft, text, line.number)
        if "Load weight begin" in text and line.rank in self._draft.figures.get("weights", {}):
            self._draft.refuse("a second model was loaded beside", "weights", "kv_cache", "rest", "decode")
        if "Using KV cache dtype" in text and (found := _DTYPE.search(text)):
            self._draft.words["cache_dtype"] = found[1]
        if "device_name=" in text and (found := _DEVICE.search(text)):
            self._draft.devices[found[1].replace("_", " ")] = None
        if "sglang" in text and "version" not in self._draft.words and (found := _VERSION.search(text)):
            self._draft.words["version"] = found[1]
        self._figures(line)

    def _figures(self, line: Line) -> None:
        for words, pattern, name, add in _MEMORY if "GB" in line.text or "MB" in line.text else ():
            if words in line.text and (found := pattern.search(line.text)):
                if name == "weights" and line.rank in self._draft.figures.get(name, {}):
                    continue  # those of a second model
                self._draft.memory(name, found[1], found[2], line.number, rank=line.rank, add=add)
        for words, pattern, name in _COUNTS:
            if words in line.text and (found := pattern.search(line.text)):
                self._draft.count(name, found[1], line.number, rank=line.rank)
        if "KV Cache is allocated" in line.text and (found := _POOL.search(line.text)):
            self._draft.count("pools", "1", line.number, rank=line.rank, add=True)
            if not self._draft.has("kv_tokens"):
                self._draft.count("pool_tokens", found[1], line.number, rank=line.rank)

    def _running(self, found: re.Match[str], line: int) -> None:
        running, held, total = (number(text) for text in found.groups())
        self._draft.statuses.append(
            Status(
                line=line,
                total_tokens_per_second=total or 0.0,
                running=int(running or 0),
                held_tokens=held,
            )
        )

    def boots(self) -> list[BootLog]:
        """Each boot that has measured anything, in the order of the file."""
        return [_finish(draft) for draft in self.drafts if draft.figures or draft.statuses]


def _configure(draft: Draft, text: str, line: int) -> None:
    for name, key in (
        ("utilisation", "mem_fraction_static"),
        ("batched_tokens", "chunked_prefill_size"),
        ("max_sequences", "max_running_requests"),
        ("block_size", "page_size"),
        ("tensor_parallel", "tp_size"),
        ("context", "context_length"),
    ):
        value = setting(text, key)
        if value is not None and number(value) is not None:
            draft.count(name, value, line)
    words = ("model", "model_path"), ("cache_dtype", "kv_cache_dtype"), ("quantisation", "quantization")
    for name, key in words:
        value = setting(text, key)
        if value and value != "auto":
            draft.words[name] = value
    if "True" in (setting(text, "disable_cuda_graph"), setting(text, "disable_decode_cuda_graph")):
        draft.words["eager"] = "yes"
    if setting(text, "speculative_algorithm"):
        draft.refuse("speculative decoding was on", "weights", "kv_cache", "rest", "decode", "prefill")
    if (number(setting(text, "pp_size") or "1") or 1) > 1:
        draft.refuse("pipeline parallel ranks hold different layers", "weights", "kv_cache", "rest", "decode")
    if number(setting(text, "cpu_offload_gb") or "0"):
        draft.refuse("a part of the weights was in host memory", "weights", "rest", "decode", "prefill")
    if setting(text, "max_total_tokens"):
        draft.refuse("the size of the cache was given, not what was left", "rest")


def _finish(draft: Draft) -> BootLog:
    weights = draft.most("weights") or _loaded(draft)
    utilisation = draft.most("utilisation")
    pools = draft.most("pools")
    if pools and pools.value > 1:
        draft.refuse("it has a pool for full and one for sliding layers", "kv_per_token")
    return BootLog(
        engine="sglang",
        engine_version=draft.words.get("version"),
        model=draft.words.get("model"),
        quantisation=draft.words.get("quantisation"),
        devices=tuple(draft.devices),
        settings=Settings(
            utilisation=utilisation.value if utilisation and 0 < utilisation.value <= 1 else None,
            batched_tokens=draft.whole("batched_tokens"),
            max_sequences=draft.whole("max_sequences"),
            cache_dtype=cache_dtype(draft.words.get("cache_dtype")),
            tensor_parallel=draft.whole("tensor_parallel"),
            eager="eager" in draft.words,
        ),
        context_tokens=draft.whole("context"),
        block_size=draft.whole("block_size"),
        weights=weights,
        graphs=draft.most("graphs"),
        kv_cache=draft.least("kv_cache"),
        state=draft.most("state"),
        kv_tokens=draft.least("kv_tokens") or draft.least("pool_tokens"),
        speeds=tuple(decode_rows(draft.statuses)),
        refused=draft.refused,
        complete=weights is not None and draft.has("kv_cache", "kv_tokens"),
        problems=tuple(draft.problems),
    )


def _loaded(draft: Draft) -> Measure | None:
    """Before 0.4.2 the end of loading told only what was free."""
    before, after = draft.least("free_before"), draft.least("free_after")
    if before is None or after is None or after.value > before.value:
        return None
    return Measure(value=before.value - after.value, line=after.line)
