"""Mistakes in `modelwatch fit`, each in one clear line, and numbers as people write them."""

from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from sources.standin.server import StandIn
from tests.commands import modelwatch
from tests.fit.files import gguf, safetensors
from tests.fitting import CONFIG, EMBEDDING, LAYER, LLAMA, METADATA, TENSORS, Ask, put
from tests.rows import START, api_row
from tests.site import MODEL, Site, world
from watcher.cli_fit_options import checked_quant, checked_settings, context_tokens, pools_named, size_bytes
from watcher.types import Settings


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        pytest.param([LLAMA, "--on", "h100x"], 2, "'h100x' is no hardware that we know", id="device"),
        pytest.param([LLAMA, "--on", "a100"], 2, "say which", id="one of several devices"),
        pytest.param([LLAMA, "--json", "--csv"], 2, "--json and --csv are two answers", id="two forms"),
        pytest.param([LLAMA, "--on", "memory=96GB"], 2, "bandwidth is missing", id="description"),
        pytest.param([LLAMA, "--on", ","], 2, "names no hardware", id="nothing between commas"),
        pytest.param(
            [LLAMA, "--context", "32q"], 2, "no number of tokens such as 32768 or 32k", id="context"
        ),
        pytest.param([LLAMA, "--context", "0"], 2, "is not between 1 and", id="no context"),
        pytest.param([LLAMA, "--users", "0"], 2, "--users", id="no users"),
        pytest.param([LLAMA, "--kv-dtype", "fp9"], 2, "(did you mean 'fp8'?)", id="cache type"),
        pytest.param([LLAMA, "--utilisation", "92"], 2, "no share of memory between 0 and 1", id="share"),
        pytest.param(
            [LLAMA, "--utilisation", "nan"], 2, "no share of memory between 0 and 1", id="no number"
        ),
        pytest.param([LLAMA, "--quant", "q44"], 2, "(did you mean 'q4'?)", id="format"),
        pytest.param([LLAMA, "--weights-bytes", "lots"], 2, "no size such as 40GB or 37.5GiB", id="size"),
        pytest.param([LLAMA, "--weights-bytes", "40"], 2, "40 bytes: did you mean 40GB?", id="no unit"),
        pytest.param([LLAMA, "--weights-bytes", "1KB"], 2, "are 1e-06 bits for each of", id="too small"),
        pytest.param([LLAMA, "--weights-bytes", "90TB"], 2, "9e+04 bits for each of", id="too large"),
        pytest.param([LLAMA, "--engine", "vlm"], 2, "'vllm', 'sglang'", id="engine"),
        pytest.param(["lama-3.1-8b"], 1, "(did you mean meta-llama/Llama-3.1-8B?)", id="name"),
        pytest.param(["a b\x1b[2J/c"], 1, "a name without an owner is no Hub id", id="no name at all"),
        pytest.param(["x" * 5000], 1, "nor a model that we know by name", id="a long name"),
        pytest.param(["Owner/Unknown"], 3, "no connection to http://127.0.0.1:9", id="a silent Hub"),
        pytest.param(["./nothing"], 2, "MODEL nothing: no such file or directory", id="no folder"),
        pytest.param(["nothing.gguf"], 2, "MODEL nothing.gguf: no such file or directory", id="no file"),
        pytest.param(["noise.gguf"], 2, "no GGUF: it begins with", id="no GGUF"),
        pytest.param(["short.gguf"], 2, "short.gguf: truncated", id="cut short"),
        pytest.param(["broken/config.json"], 2, "no JSON at line 1, column 2", id="no JSON"),
        pytest.param(["./empty"], 2, "empty holds no model", id="an empty folder"),
        pytest.param(["empty"], 2, "MODEL empty holds no model", id="an empty folder by its name"),
        pytest.param(["broken"], 2, "MODEL broken/config.json: no JSON", id="a broken folder by its name"),
        pytest.param(["cut"], 2, "MODEL model.safetensors: truncated", id="safetensors cut short"),
        pytest.param(["noise"], 2, "MODEL model.safetensors: ", id="no safetensors"),
        pytest.param(["bare"], 2, "MODEL model.safetensors: there are no tensors", id="no tensors"),
        pytest.param(["modelwatch.yaml"], 2, "only .json, .safetensors and .gguf are read", id="other files"),
        pytest.param([], 2, "", id="nothing"),
    ],
)
def test_a_mistake_is_one_clear_line(
    ask_fit: Ask, folder: Path, arguments: list[str], status: int, words: str
) -> None:
    put(folder / "noise.gguf", b"no gguf at all" * 9)
    put(folder / "short.gguf", gguf(METADATA, TENSORS)[:500])
    put(folder / "broken" / "config.json", b"{oops")
    (folder / "empty").mkdir()
    for name, content in (
        ("cut", safetensors(EMBEDDING | LAYER)[:300]),
        ("noise", b"not weights at all"),
        ("bare", safetensors({})),
    ):
        put(folder / name / "config.json", CONFIG)
        put(folder / name / "model.safetensors", content)
    said = ask_fit(*arguments)
    assert said.status == status
    assert words in said.err.replace("\n", " ")
    assert "Traceback" not in said.err
    if arguments:
        assert said.out == ""
        assert (
            len([line for line in said.err.splitlines() if "rror: " in line or "modelwatch: " in line]) == 1
        )


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        pytest.param({"model_type": "nonesuch"}, "its layers can not be read: ", id="no layers"),
        pytest.param({"_class_name": "FluxPipeline"}, "a diffusion pipeline has no layers", id="diffusion"),
    ],
)
@pytest.mark.parametrize("weights", [False, True])
def test_layers_that_can_not_be_read_are_the_reason_given(
    ask_fit: Ask, folder: Path, config: dict[str, str], reason: str, weights: bool
) -> None:
    put(folder / "own" / "config.json", config)
    if weights:
        put(folder / "own" / "model.safetensors", safetensors(EMBEDDING | LAYER))
    said = ask_fit("own", "--on", "h100")
    assert (said.status, said.out) == (2, "")
    assert "MODEL own: its layers can not be read: " in said.err
    assert reason in said.err.replace("\n", " ")


def test_an_encoder_generates_nothing_and_has_no_speed(ask_fit: Ask, folder: Path) -> None:
    put(folder / "bert" / "config.json", CONFIG | {"model_type": "bert", "architectures": ["BertModel"]})
    put(folder / "bert" / "model.safetensors", safetensors(EMBEDDING | LAYER))
    said = ask_fit("bert", "--on", "h100")
    assert "to spare; it keeps no cache and generates no text\n" in said.out
    for word in ("speed:", "room:", "tok/s", "breaks first"):
        assert word not in said.out
    assert ask_fit("bert", "--on", "h100", "--json").json["decode_tokens_per_second"] is None


def test_a_format_that_is_not_there_names_those_that_are(ask_fit: Ask, folder: Path) -> None:
    put(folder / "tiny-Q4_K_M.gguf", gguf(METADATA, TENSORS))
    said = ask_fit("tiny-Q4_K_M.gguf", "--on", "h100", "--quant", "q8")
    assert (said.status, said.err) == (1, "")
    assert said.out == "No weights of tiny-Q4_K_M are known in that format; there are Q4_K_M.\n"
    empty = ask_fit("tiny-Q4_K_M.gguf", "--on", "h100", "--quant", "q8", "--json")
    assert (empty.status, empty.json) == (1, [])


def test_one_size_for_several_weights_asks_which(folder: Path) -> None:
    files = {f"M-4-119B-{label}.gguf": (7 * 10**10, label) for label in ("Q4_K_M", "Q8_0")}
    with StandIn(world(), now=START) as hub:
        hub.world.put(api_row("unsloth/Two-GGUF", base=MODEL, files=files), START)
        config = Site(folder, hub).path
        said = modelwatch("fit", "unsloth/Two-GGUF", "--weights-bytes", "40GB", "--config", config)
    assert said.status == 2
    assert "--weights-bytes: one size for which weights? There are" in said.err


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("32768", 32768, id="plain"),
        pytest.param("32,768", 32768, id="with a comma"),
        pytest.param("32k", 32768, id="k"),
        pytest.param("128K", 131072, id="K"),
        pytest.param("1.5k", 1536, id="a half"),
        pytest.param("1m", 1048576, id="m"),
    ],
)
def test_contexts_as_people_write_them(text: str, tokens: int) -> None:
    assert context_tokens(text) == tokens


@pytest.mark.parametrize(
    ("text", "size"),
    [
        pytest.param("40GB", 40 * 10**9, id="GB"),
        pytest.param("37.5 GiB", 40265318400, id="GiB"),
        pytest.param("40g", 40 * 10**9, id="a letter"),
        pytest.param("123456789", 123456789, id="bytes"),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert size_bytes(text) == size


@given(st.text(max_size=60) | st.from_regex(r"[0-9a-z ,.=x_-]{0,40}", fullmatch=True))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """Nothing but a value or a refusal comes of what somebody types."""
    said = []
    for read in (
        context_tokens,
        size_bytes,
        lambda word: checked_quant(word, ["Q4_K_M"]),
        lambda word: checked_settings(Settings(cache_dtype=word)),
        lambda word: pools_named([word], ()),
    ):
        try:
            read(text)
        except typer.BadParameter as error:
            said.append(str(error))
    assert all(message.isprintable() for message in said)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("h100x4", "4xh100-sxm-80gb", id="a count run together"),
        pytest.param("4 h100", "4xh100-sxm-80gb", id="a count in front"),
        pytest.param("3090 ti", "rtx-3090-ti", id="a name of digits"),
        pytest.param("mac studio m3 ultra", "apple-m3-ultra-256gb", id="a Mac by its case"),
    ],
)
def test_machines_as_people_write_them(text: str, name: str) -> None:
    assert [pool.name for pool in pools_named([text], ())] == [name]


@pytest.mark.parametrize(
    ("quant", "label"),
    [
        pytest.param("int4", "Q4_K_M", id="bits"),
        pytest.param("awq-int4", "awq", id="a method with its bits"),
        pytest.param("gguf", "Q4_K_M", id="a container"),
        pytest.param("UD-Q4_K_XL", "Q4_K_M", id="a dynamic type"),
    ],
)
def test_generic_words_find_a_format(ask_fit: Ask, quant: str, label: str) -> None:
    row = ask_fit(LLAMA, "--on", "h100", "--quant", quant, "--json").json
    assert row["label"] == label
    assert any("is taken as" in note for note in row["notes"]) is quant.startswith("UD-")


def test_weights_of_another_size_are_not_those_of_the_repo(ask_fit: Ask) -> None:
    assert "OWNER/REPO" in ask_fit(LLAMA, "--on", "h100", "--weights-bytes", "9GB").out
