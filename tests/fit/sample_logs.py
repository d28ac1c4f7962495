"""Start-up logs as engines write them, by name; the figures are those of public logs."""

from pathlib import Path

from watcher.fit.logs import BootLog, decode, read_log

LOGS = Path(__file__).parent / "logs"
V1 = "vllm-0.11-h100-llama-3.1-8b.log"
TWO_RANKS = "vllm-0.11-2xh100-qwen3-32b.log"
NEWEST = "vllm-0.24-rtx-5090-prefixed.log"
V0 = "vllm-0.7-v0-engine-phi-4.log"
TOO_LONG = "vllm-too-long-for-its-cache.log"
SGLANG = "sglang-0.5-4xh100-qwen3-235b.log"
LLAMA_CPP = "llamacpp-rtx-4090-qwen3-14b.log"
HYBRID = "llamacpp-hybrid-two-gpus.log"
OLLAMA = "ollama-older-llama-8b.log"


def text_of(name: str) -> str:
    return decode((LOGS / name).read_bytes())


def log_of(name: str) -> BootLog:
    return read_log(text_of(name))
