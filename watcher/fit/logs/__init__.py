"""What an engine's own log says of one start: vLLM, SGLang, llama.cpp, Ollama, and llama-bench.

read_log is pure: the caller decodes the file (decode) and cuts what is too long. Logs are text from
outside: a number that can not be is left out and said, and a text without any line that we know is
refused with what was looked for.
"""

import re
from dataclasses import replace

from watcher.fit.logs import llamacpp, sglang, vllm
from watcher.fit.logs.bench import read_bench
from watcher.fit.logs.boot import BootLog, Measure, SpeedRow, UnknownLog
from watcher.fit.logs.text import decode, is_binary, lines

__all__ = ["BootLog", "Measure", "SpeedRow", "UnknownLog", "decode", "read_log"]

# A GPU as nvidia-smi, nvidia-smi -L and PyTorch's collect_env name it, whichever engine is started below.
_GPU = re.compile(
    r"GPU \d{1,3}: (?P<listed>(?:NVIDIA|AMD|Tesla|Quadro) [^\n(]{2,60}?)\s{0,4}(?:\(UUID|$)"
    r"|^\|\s{1,6}\d{1,3}\s{1,4}(?P<table>NVIDIA [\w .\-]{2,60}?)\s{2,40}(?:On|Off|N/A|WDDM)"
)


def read_log(text: str) -> BootLog:
    """The last complete boot in a log, or the last that measured anything.

    Raises UnknownLog where no engine's lines are found.
    """
    if is_binary(text):
        raise UnknownLog("this is no text: give the log as the engine printed it")
    readers = (vllm.Reader(), sglang.Reader(), llamacpp.Reader())
    gpus: dict[str, None] = {}
    for line in lines(text):
        for reader in readers:
            reader.read(line)
        if "GPU " in line.text or line.text.startswith("|"):
            gpus |= {(m["listed"] or m["table"]).strip(): None for m in _GPU.finditer(line.text)}
    boots = [boot for reader in readers for boot in reader.boots() if _measured(boot)]
    bench = read_bench(text) if "build_commit" in text else None
    boots += [bench] if bench else []
    if not boots:
        raise UnknownLog(_nothing_found())
    chosen = max(boots, key=lambda boot: (boot.complete, _last_line(boot)))
    notes = chosen.problems
    if not chosen.complete:
        notes += ("the boot did not come to its end: only what it had measured until then counts",)
    return replace(
        chosen,
        devices=chosen.devices or tuple(gpus),
        boots=len(boots),
        problems=notes,
    )


def _measured(boot: BootLog) -> bool:
    return bool(boot.speeds) or bool(_figures(boot))


def _figures(boot: BootLog) -> list[Measure]:
    found = (boot.weights, boot.kv_cache, boot.kv_tokens, boot.num_blocks, boot.max_concurrency)
    return [figure for figure in (*found, boot.activations, boot.kv_needed) if figure]


def _last_line(boot: BootLog) -> int:
    lines_ = [figure.line for figure in _figures(boot)] + [row.line for row in boot.speeds]
    return max(lines_, default=0)


def _nothing_found() -> str:
    wanted = (("vLLM", vllm), ("SGLang", sglang), ("llama.cpp or llama-bench", llamacpp))
    looked = "\n".join(
        f"  {name}: " + ", ".join(f'"{words}"' for words in module.LOOKED_FOR) for name, module in wanted
    )
    return f"no line of a start-up log that we know. Looked for:\n{looked}"
