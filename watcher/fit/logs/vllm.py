"""vLLM's start-up log, V0 and V1: what is loaded, what profiling found, and what is left for the cache.

The sentences are those of worker.py and gpu_worker.py (0.5 to 0.33), model_runner.py and gpu_model_runner.py,
kv_cache_utils.py, executor_base.py and loggers.py. Most state GiB;
"Loading model weights took 14.99 GB" is GiB too.
"""

import re

from watcher.fit.logs.boot import BootLog, Draft, Measure, Status, number
from watcher.fit.logs.settings import cache_dtype
from watcher.fit.logs.status import decode_rows
from watcher.fit.logs.text import Line, setting
from watcher.types import Settings

LOOKED_FOR = "Model loading took .. GiB", "Available KV cache memory: .. GiB", "GPU KV cache size: .. tokens"
_N = r"(-?[\d.,]{1,24})"
_SIZE = _N + r"\s?(GiB|GB|MiB)"

# Sentence, and the figure that its number is. Newest wording first; several may match one line.
_MEMORY: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (words, re.compile(pattern), name)
    for words, pattern, name in (
        ("Model loading took", r"Model loading took " + _SIZE, "weights"),
        ("model weights took", r"Loading model weights took " + _SIZE, "weights"),
        ("model weights take", r"model weights take " + _SIZE, "weights"),
        ("weights memory", r"weights memory: " + _SIZE, "weights"),
        ("for weight,", r"Actual usage is " + _SIZE + " for weight,", "weights"),
        ("for consumed memory", _SIZE + r" for consumed memory", "consumed"),
        ("total consumed", r"total consumed[^:]{0,40}: " + _SIZE, "consumed"),
        ("activation peak", r"activation peak memory takes " + _SIZE, "activations"),
        ("torch peak memory", r"torch peak memory increase: " + _SIZE, "activations"),
        ("peak activation", _SIZE + r" for peak activation", "activations"),
        ("non_torch_memory takes", r"non_torch_memory takes " + _SIZE, "non_torch"),
        ("non-torch forward", r"non-torch forward increase memory: " + _SIZE, "non_torch"),
        ("non-torch memory", _SIZE + r" for non-torch memory", "non_torch"),
        ("Graph capturing finished", r"Graph capturing finished in .{1,20}took " + _SIZE, "graphs"),
        ("CUDAGraph memory", _SIZE + r" for CUDAGraph memory", "graphs"),
        ("graph pool memory", r"graph pool memory: " + _SIZE + r" \(actual\)", "graphs"),
        ("Estimated CUDA graph", r"Estimated CUDA graph memory: " + _SIZE, "graphs_estimate"),
        ("KV Cache is", r"KV Cache is " + _SIZE, "kv_cache"),
        ("Available KV cache memory", r"Available KV cache memory: " + _SIZE, "kv_cache"),
        ("total_gpu_memory (", r"total_gpu_memory \(" + _SIZE, "device_memory"),
        ("Free memory on device", r"Free memory on device[^(]{0,20}\([\d.]{1,12}/" + _SIZE, "device_memory"),
        ("KV cache is needed", _SIZE + r" KV cache is needed", "kv_needed"),
        ("as specified by", r"reserved " + _SIZE + r" memory for KV Cache as specified", "kv_given"),
    )
)
_COUNTS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (words, re.compile(pattern), name)
    for words, pattern, name in (
        ("KV cache size", r"GPU KV cache size: " + _N + " tokens", "kv_tokens"),
        ("Maximum concurrency", r"Maximum concurrency for " + _N + " tokens", "concurrency_context"),
        ("Maximum concurrency", r"tokens per request: " + _N + "x", "max_concurrency"),
        (" blocks: ", r"# (?:GPU|CUDA) blocks: " + _N, "num_blocks"),
        ("gpu_memory_utilization (", r"gpu_memory_utilization \(" + _N, "utilisation"),
        ("Desired GPU memory", r"utilization is \(" + _N, "utilisation"),
        ("gpu-memory-utilization=", r"The current --gpu-memory-utilization=(\d\.\d{1,8})", "utilisation"),
        ("max_num_batched_tokens=", r"max_num_batched_tokens=" + _N, "batched_tokens"),
        ("attention block size", r"attention block size to " + _N + " tokens", "block_size"),
        ("max seq len (", r"max seq len \(" + _N + r"\).{1,40}KV cache is needed", "needed_context"),
    )
)
_STATUS = re.compile(
    r"Avg prompt throughput: ([\d.,]{1,16}) tokens/s, Avg generation throughput: ([\d.,]{1,16}) tokens/s, "
    r"Running: (\d{1,6}) reqs.{0,200}?GPU KV cache usage: ([\d.]{1,8})%"
)
_ENGINE = re.compile(r"Initializing an? (?:V1 )?LLM engine \(v([^)\s]{1,80})\)")
_SERVER = re.compile(r"vLLM API server version v?(\S{1,80})")
_DEVICE = re.compile(r"device_name=([\w.\-]{3,60}?)(?:,|\.json|$)")
_CONFIGURATIONS = "args: {", "args: Namespace(", "with config: "
_NEW_LINE = re.compile(r"\b(?:INFO|DEBUG|WARNING|ERROR|CRITICAL)\b|\(\w{2,40} pid=")
_LONGEST, _MOST_PIECES = 32_768, 40
# The default was 0.9 until the releases that print what they were asked for.
_DEFAULT_UTILISATION, _PRINTS_UTILISATION = 0.9, (0, 19)


class Reader:
    """All of vLLM's boots in a file, line by line."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._open: list[str] = []  # a configuration that a terminal broke into lines

    @property
    def _draft(self) -> Draft:
        if not self.drafts:
            self.drafts.append(Draft("vllm"))
        return self.drafts[-1]

    def read(self, line: Line) -> None:
        text = line.text
        if "throughput: " in text and (found := _STATUS.search(text)):
            self._running(found, line.number)
            return
        if "LLM engine (v" in text or "vLLM API server version" in text:
            self._begin(text)
        self._configuration(line)
        if "device_name=" in text and (found := _DEVICE.search(text)):
            self._draft.devices[found[1].replace("_", " ")] = None
        if "fp8 data type to store kv cache" in text:
            self._draft.words["cache_dtype"] = "fp8"
        if "CUDA graph memory profiling is enabled" in text:
            self._draft.words["graphs_inside"] = "yes"
        for words, pattern, name in _MEMORY if "iB" in text or "GB" in text else ():
            if words in text and (found := pattern.search(text)):
                self._draft.memory(name, found[1], found[2], line.number, rank=line.rank)
        for words, pattern, name in _COUNTS:
            if words in text and (found := pattern.search(text)):
                rank = line.rank if name in ("kv_tokens", "num_blocks", "max_concurrency") else ""
                self._draft.count(name, found[1].rstrip("."), line.number, rank=rank)

    def _configuration(self, line: Line) -> None:
        """A printed configuration, with the lines that it goes on for."""
        text = line.text
        if any(words in text for words in _CONFIGURATIONS):
            self._open = [text]
        elif self._open and not _NEW_LINE.search(text[:200]) and len(self._open) < _MOST_PIECES:
            self._open.append(text)
        else:
            self._open = []
        if self._open:
            _configure(self._draft, "".join(self._open)[:_LONGEST], line.number)

    def _begin(self, text: str) -> None:
        """A new boot, unless the one under way has measured nothing yet."""
        if not self.drafts or self._draft.has("weights", "kv_cache"):
            self.drafts.append(Draft("vllm"))
        found = _ENGINE.search(text) or _SERVER.search(text)
        if found:
            self._draft.words["version"] = found[1]

    def _running(self, found: re.Match[str], line: int) -> None:
        prompt, total, running, usage = (number(text) for text in found.groups())
        if None in (prompt, total, running, usage):
            return
        tokens = self._draft.least("kv_tokens")
        held = (usage or 0.0) / 100 * tokens.value if tokens else None
        self._draft.statuses.append(
            Status(
                line=line,
                total_tokens_per_second=total or 0.0,
                running=int(running or 0),
                held_tokens=held,
                prefilling=bool(prompt),
            )
        )

    def boots(self) -> list[BootLog]:
        """Each boot that has told anything, in the order of the file."""
        return [_finish(draft) for draft in self.drafts if draft.figures or draft.words]


def _configure(draft: Draft, text: str, line: int) -> None:
    """The settings of a printed configuration."""
    if "args: " in text:
        draft.words["arguments"] = "told"
    for name, key in (
        ("utilisation", "gpu_memory_utilization"),
        ("batched_tokens", "max_num_batched_tokens"),
        ("max_sequences", "max_num_seqs"),
        ("block_size", "block_size"),
        ("tensor_parallel", "tensor_parallel_size"),
        ("context", "max_model_len"),
        ("context", "max_seq_len"),
    ):
        value = setting(text, key)
        if value is not None and number(value) is not None:
            draft.count(name, value, line)
    model = setting(text, "model") or setting(text, "model_tag")
    method = setting(text, "quantization")
    cache = setting(text, "kv_cache_dtype")
    for name, value in (("model", model), ("quantisation", method), ("cache_dtype", cache)):
        if value and value != "auto":
            draft.words[name] = value
    if setting(text, "enforce_eager") == "True":
        draft.words["eager"] = "yes"
    if (caching := setting(text, "enable_prefix_caching")) is not None:
        draft.words["prefix_caching"] = caching
    _refusals(draft, text)


def _refusals(draft: Draft, text: str) -> None:
    if setting(text, "speculative_config") or re.search(
        r"speculative_config['\"]?\s?[=:]\s?[{A-Z](?!one)", text
    ):
        draft.refuse("speculative decoding was on", "weights", "kv_cache", "rest", "decode", "prefill")
    if (number(setting(text, "pipeline_parallel_size") or "1") or 1) > 1:
        draft.refuse("pipeline parallel ranks hold different layers", "weights", "kv_cache", "rest", "decode")
    if number(setting(text, "cpu_offload_gb") or "0"):
        draft.refuse("a part of the weights was in host memory", "weights", "rest", "decode", "prefill")
    if setting(text, "enable_lora") == "True":
        draft.refuse("LoRA adapters were loaded beside the model", "weights", "rest", "decode")
    if setting(text, "kv_cache_memory_bytes") or setting(text, "num_gpu_blocks_override"):
        draft.refuse("the size of the cache was given, not what was left", "rest")


def _finish(draft: Draft) -> BootLog:
    weights = draft.most("weights")
    version = draft.words.get("version")
    inside = "graphs_inside" in draft.words or draft.has("graphs_estimate")
    if draft.has("kv_given"):
        draft.refuse("the size of the cache was given, not what was left", "rest")
    return BootLog(
        engine="vllm",
        engine_version=version,
        model=draft.words.get("model"),
        quantisation=draft.words.get("quantisation"),
        devices=tuple(draft.devices),
        settings=Settings(
            utilisation=_utilisation(draft, version),
            batched_tokens=draft.whole("batched_tokens"),
            max_sequences=draft.whole("max_sequences"),
            cache_dtype=cache_dtype(draft.words.get("cache_dtype")),
            tensor_parallel=draft.whole("tensor_parallel"),
            eager="eager" in draft.words,
            prefix_caching=draft.words.get("prefix_caching") != "False",
        ),
        context_tokens=draft.whole("context") or draft.whole("concurrency_context"),
        block_size=draft.whole("block_size"),
        device_memory=draft.least("device_memory"),
        weights=weights,
        activations=draft.most("activations"),
        non_torch=draft.most("non_torch") or _rest_of(draft.most("consumed"), weights),
        graphs=draft.most("graphs") or draft.most("graphs_estimate"),
        graphs_inside=inside,
        kv_cache=draft.least("kv_cache") or draft.least("kv_given"),
        kv_tokens=draft.least("kv_tokens"),
        kv_needed=draft.most("kv_needed"),
        needed_context_tokens=draft.whole("needed_context"),
        max_concurrency=draft.least("max_concurrency"),
        concurrency_context_tokens=draft.whole("concurrency_context"),
        num_blocks=draft.least("num_blocks"),
        speeds=tuple(decode_rows(draft.statuses)),
        refused=draft.refused,
        complete=weights is not None and draft.has("kv_cache", "kv_tokens", "num_blocks"),
        problems=tuple(draft.problems),
    )


def _utilisation(draft: Draft, version: str | None) -> float | None:
    """As printed; older releases were silent about their default of 0.9."""
    said = draft.most("utilisation")
    if said is not None:
        return said.value if 0 < said.value <= 1 else None
    release = re.match(r"(\d{1,4})\.(\d{1,4})", version or "")
    old = release is not None and (int(release[1]), int(release[2])) < _PRINTS_UTILISATION
    return _DEFAULT_UTILISATION if old and "arguments" in draft.words else None


def _rest_of(consumed: Measure | None, weights: Measure | None) -> Measure | None:
    """Newer releases state weights and non-torch as one sum."""
    if consumed is None or weights is None or consumed.value < weights.value:
        return None
    return Measure(value=consumed.value - weights.value, line=consumed.line)
