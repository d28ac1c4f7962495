"""Which weights a repo offers: names as publishers write them, sizes and completeness."""

from collections.abc import Sequence
from typing import Any

import pytest

from watcher.formats import label_of
from watcher.quants import is_weight_file, missing_shards, variants_of, weights_complete
from watcher.types import Details, Parameters, Quantisation, RepoFacts, RepoFile

GGUF = "bartowski/Llama-3.3-70B-Instruct-GGUF"
STEM = "Llama-3.3-70B-Instruct"


def files(*names: str, size: int | None = 1000) -> tuple[RepoFile, ...]:
    return tuple(RepoFile(path=name, size_bytes=size) for name in names)


def facts(repo_id: str = GGUF, listed: Sequence[RepoFile] | None = None, **more: Any) -> RepoFacts:
    return RepoFacts(repo_id=repo_id, files=None if listed is None else tuple(listed), **more)


def details(*listed: RepoFile, **more: Any) -> Details:
    return Details(repo_id="a/b", revision="1", files=listed, **more)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        pytest.param(f"{STEM}-Q4_K_M.gguf", "Q4_K_M", id="bartowski's plain file"),
        pytest.param(
            f"{STEM}-Q8_0/{STEM}-Q8_0-00001-of-00002.gguf", "Q8_0", id="bartowski's shard in a folder"
        ),
        pytest.param(f"{STEM}-UD-Q4_K_XL.gguf", "UD-Q4_K_XL", id="unsloth's dynamic file"),
        pytest.param(
            "UD-IQ1_S/Kimi-K2-UD-IQ1_S-00001-of-00006.gguf", "UD-IQ1_S", id="unsloth's dynamic shard"
        ),
        pytest.param("BF16/model-00001-of-00002.gguf", "BF16", id="the folder says it"),
        pytest.param("qwen3-30b-a3b-instruct-2507-q8_0.gguf", "Q8_0", id="ggml-org's small letters"),
        pytest.param("zephyr-7b-beta.Q4_K_S.gguf", "Q4_K_S", id="TheBloke's dot"),
        pytest.param("gpt-oss-20b-mxfp4.gguf", "MXFP4", id="MXFP4"),
        pytest.param("model-fp16.gguf", "F16", id="fp16 is F16"),
        pytest.param("model-fp32.gguf", "F32", id="fp32 is F32"),
        pytest.param("Q4_0-distilled-Q6_K.gguf", "Q6_K", id="the last one counts"),
        pytest.param("model.gguf", "gguf", id="no label"),
    ],
)
def test_labels_of_gguf_files(path: str, label: str) -> None:
    assert label_of(path) == label


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        pytest.param("model-00001-of-00004.safetensors", True, id="a shard"),
        pytest.param("Qwen3.6-27B-MTP-Q4_K_M.gguf", True, id="a model that brings its MTP layers"),
        pytest.param("mmproj-BF16.gguf", False, id="a projector"),
        pytest.param("model-imatrix.gguf", False, id="an importance matrix"),
        pytest.param("MTP/Qwen3.6-27B-Q8_0.gguf", False, id="MTP layers alone, in a folder"),
        pytest.param("mtp-Qwen3.6-27B.gguf", False, id="MTP layers alone, by name"),
        pytest.param("draft/model.safetensors", False, id="a draft model"),
        pytest.param("original/consolidated.00.pth", False, id="the maker's original"),
        pytest.param("adapter_model.safetensors", False, id="an adapter"),
        pytest.param("adapters.safetensors", False, id="MLX's adapter"),
        pytest.param("gemma-4-E4B-it-mmproj.gguf", False, id="a projector, told at the end"),
        pytest.param("dflash-Qwen3.6-27B-BF16.gguf", False, id="a draft of the DFlash kind"),
        pytest.param("dspark-DeepSeek-V4-Flash-MXFP4.gguf", False, id="a draft of the DSpark kind"),
        pytest.param("Llama-3.3-70B-eagle3-Q8_0.gguf", False, id="a draft of the EAGLE kind"),
        pytest.param("SPM/ggml-vocab-gemma-3.gguf", False, id="a vocabulary alone"),
        pytest.param("stories15M-be.Q4_0.gguf", False, id="the other byte order"),
        pytest.param("vae/model.safetensors", False, id="a part of an image model"),
        pytest.param("checkpoint-500/model.safetensors", False, id="a halt on the way"),
        pytest.param("onnx/model.onnx", False, id="another engine's"),
        pytest.param("Dracarys-8B-Q4_K_M.gguf", True, id="a name that begins like a draft"),
        pytest.param("UD-IQ1_S/Kimi-K2-UD-IQ1_S-00001-of-00006.gguf", True, id="a shard in a folder"),
        pytest.param("training_args.bin", False, id="what training left"),
        pytest.param("optimizer.pt", False, id="an optimiser's state"),
        pytest.param("README.md", False, id="a card"),
    ],
)
def test_what_counts_as_weights(path: str, counts: bool) -> None:
    assert is_weight_file(path) is counts


class TestVariants:
    def test_one_per_gguf_type_with_exact_sizes(self) -> None:
        listed = (
            RepoFile(path=f"{STEM}-Q4_K_M.gguf", size_bytes=42_520_398_432),
            RepoFile(path=f"{STEM}-Q8_0/{STEM}-Q8_0-00001-of-00002.gguf", size_bytes=39_000),
            RepoFile(path=f"{STEM}-Q8_0/{STEM}-Q8_0-00002-of-00002.gguf", size_bytes=35_000),
            RepoFile(path="mmproj-F16.gguf", size_bytes=800),
            RepoFile(path=f"{STEM}.imatrix", size_bytes=25),
        )
        found = {v.label: v for v in variants_of(facts(), details(*listed), 70_553_706_496)}
        assert set(found) == {"Q4_K_M", "Q8_0"}
        assert found["Q4_K_M"].size_bytes == 42_520_398_432
        assert found["Q4_K_M"].size_source == "files"
        assert found["Q4_K_M"].bits == pytest.approx(4.82)
        assert found["Q8_0"].size_bytes == 74_000
        assert len(found["Q8_0"].files) == 2

    def test_parameters_times_bits_where_sizes_are_not_known(self) -> None:
        (found,) = variants_of(facts(listed=files(f"{STEM}-Q4_K_M.gguf", size=None)), None, 70_000_000_000)
        assert found.size_bytes == int(70e9 * 4.89 / 8)
        assert found.size_source == "table"

    def test_the_name_says_a_size_where_nothing_else_does(self) -> None:
        (found,) = variants_of(facts(listed=files(f"{STEM}-Q4_K_M.gguf", size=None)), None, None)
        assert found.size_bytes == int(70e9 * 4.89 / 8)
        assert found.size_source == "guess"

    def test_nothing_at_all_is_no_size(self) -> None:
        listed = files("x-Q4_K_M.gguf", size=None)
        (found,) = variants_of(facts("a/nameless-GGUF", listed), None, None)
        assert found.size_bytes is None

    def test_a_set_with_a_missing_shard_is_not_offered(self) -> None:
        listed = files("x-Q8_0-00001-of-00003.gguf", "x-Q8_0-00003-of-00003.gguf", "x-Q4_K_M.gguf")
        assert [v.label for v in variants_of(facts(listed=listed), None, None)] == ["Q4_K_M"]

    def test_of_two_sets_of_one_type_the_larger_is_the_model(self) -> None:
        listed = (
            RepoFile(path="small-Q4_K_M.gguf", size_bytes=5),
            RepoFile(path="x-Q4_K_M.gguf", size_bytes=50),
        )
        (found,) = variants_of(facts(listed=listed), None, None)
        assert found.files == ("x-Q4_K_M.gguf",)

    def test_all_safetensors_are_one(self) -> None:
        listed = files(
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "consolidated-00001-of-00002.safetensors",
            "consolidated-00002-of-00002.safetensors",
            "model.safetensors",
            "original/consolidated.00.pth",
            "pytorch_model.bin",
            "vision/model.safetensors",
        )
        (found,) = variants_of(facts("mistralai/Devstral-2-123B", listed), None, None)
        assert found.files == ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
        assert (found.format, found.label, found.size_bytes) == ("safetensors", "bf16", 2000)

    @pytest.mark.parametrize(
        ("names", "loaded"),
        [
            pytest.param(
                ("model.safetensors", "model.fp16.safetensors", "model.fp32-00001-of-00001.safetensors"),
                ("model.safetensors",),
                id="copies in other widths",
            ),
            pytest.param(("model.fp16.safetensors",), ("model.fp16.safetensors",), id="one width alone"),
            pytest.param(
                (
                    "bf16/model.safetensors",
                    "fp8/a-00001-of-00002.safetensors",
                    "fp8/a-00002-of-00002.safetensors",
                ),
                ("fp8/a-00001-of-00002.safetensors", "fp8/a-00002-of-00002.safetensors"),
                id="two folders, of which the larger counts",
            ),
            pytest.param(
                (
                    "v1/model.safetensors",
                    "v1/model-00001-of-00001.safetensors",
                    "v1/consolidated.safetensors",
                ),
                ("v1/model-00001-of-00001.safetensors",),
                id="copies in a folder",
            ),
            pytest.param(
                (
                    "model.safetensors",
                    "pytorch_model.bin",
                    "consolidated.00.pth",
                    "model.onnx",
                    "flax_model.msgpack",
                ),
                ("model.safetensors",),
                id="the same for other engines",
            ),
        ],
    )
    def test_no_second_copy_is_loaded(self, names: tuple[str, ...], loaded: tuple[str, ...]) -> None:
        (found,) = variants_of(facts("a/b", files(*names)), None, None)
        assert found.files == loaded

    def test_consolidated_weights_where_there_are_no_others(self) -> None:
        (found,) = variants_of(facts("mistralai/X", files("consolidated.safetensors")), None, None)
        assert found.files == ("consolidated.safetensors",)

    def test_old_pytorch_weights(self) -> None:
        (found,) = variants_of(facts("a/b", files("pytorch_model.bin", "training_args.bin")), None, None)
        assert found.files == ("pytorch_model.bin",)

    def test_half_uploaded_safetensors_are_not_offered(self) -> None:
        assert variants_of(facts("a/b", files("model-00001-of-00004.safetensors")), None, None) == ()

    def test_headers_say_the_bytes_where_files_do_not(self) -> None:
        stored = Parameters(per_dtype=(("BF16", 1000), ("U8", 4000), ("F8_E4M3", 500), ("F32", 10)))
        listed = files("model.safetensors", size=None)
        (found,) = variants_of(facts("nvidia/X-NVFP4", listed, parameters=stored), None, 8000)
        assert (found.size_bytes, found.size_source) == (2000 + 4000 + 500 + 40, "header")

    def test_no_files_no_variants(self) -> None:
        assert variants_of(facts(), None, 10) == ()
        assert variants_of(facts(listed=files("README.md")), None, 10) == ()


@pytest.mark.parametrize(
    ("repo_id", "more", "label"),
    [
        pytest.param("Qwen/Qwen3-32B-FP8", {"quantisation": Quantisation(method="fp8")}, "fp8", id="FP8"),
        pytest.param(
            "nvidia/X-NVFP4",
            {"quantisation": Quantisation(method="modelopt")},
            "nvfp4",
            id="ModelOpt by name",
        ),
        pytest.param("Qwen/X-AWQ", {"quantisation": Quantisation(method="awq", bits=4)}, "awq", id="AWQ"),
        pytest.param(
            "Qwen/X-GPTQ-Int4", {"quantisation": Quantisation(method="gptq", bits=4)}, "gptq", id="GPTQ"
        ),
        pytest.param(
            "Qwen/X-GPTQ-Int8",
            {"quantisation": Quantisation(method="gptq", bits=8)},
            "gptq-8bit",
            id="GPTQ of 8 bits",
        ),
        pytest.param(
            "openai/gpt-oss-20b", {"quantisation": Quantisation(method="mxfp4")}, "mxfp4", id="MXFP4"
        ),
        pytest.param(
            "RedHatAI/X-quantized.w4a16",
            {"quantisation": Quantisation(method="compressed-tensors")},
            "w4a16",
            id="compressed tensors by name",
        ),
        pytest.param(
            "RedHatAI/X-quantized.w8a8",
            {"quantisation": Quantisation(method="compressed-tensors")},
            "int8",
            id="eight bits by name",
        ),
        pytest.param(
            "unsloth/X-bnb-4bit",
            {"quantisation": Quantisation(method="bitsandbytes", bits=4)},
            "bnb-4bit",
            id="bitsandbytes",
        ),
        pytest.param("mlx-community/X-4bit", {"tags": ("mlx",)}, "mlx-4bit", id="MLX by tag"),
        pytest.param(
            "a/X", {"quantisation": Quantisation(method="unheard-of")}, "mixed", id="a method nobody knows"
        ),
        pytest.param("a/X", {"parameters": Parameters(per_dtype=(("F16", 5),))}, "fp16", id="by its dtypes"),
        pytest.param("a/X", {}, "bf16", id="nothing said"),
    ],
)
def test_labels_of_safetensors(repo_id: str, more: dict[str, Any], label: str) -> None:
    (found,) = variants_of(facts(repo_id, files("model.safetensors"), **more), None, None)
    assert found.label == label


@pytest.mark.parametrize(
    ("more", "label"),
    [
        pytest.param(
            {"quant_config": {"quantization": {"quant_algo": "NVFP4"}}}, "nvfp4", id="ModelOpt's own file"
        ),
        pytest.param(
            {"config": {"quantization_config": {"quant_algo": "FP8"}}}, "fp8", id="ModelOpt in config.json"
        ),
        pytest.param(
            {"quant_config": {"quantization": {"quant_algo": "MIXED_PRECISION"}}},
            "mixed",
            id="mixed precision",
        ),
        pytest.param(
            {
                "config": {
                    "quantization_config": {
                        "quant_method": "compressed-tensors",
                        "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}},
                    }
                }
            },
            "w4a16",
            id="compressed tensors by their groups",
        ),
        pytest.param({"config": {"quantization_config": ["a", "list"]}}, "bf16", id="a list instead"),
        pytest.param({"quant_config": {"quantization": "fp8"}}, "bf16", id="a word instead"),
    ],
)
def test_labels_that_the_configuration_states(more: dict[str, Any], label: str) -> None:
    (found,) = variants_of(facts("a/X"), details(*files("model.safetensors"), **more), None)
    assert found.label == label


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(("model.safetensors",), (), id="one file"),
        pytest.param(("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"), (), id="all shards"),
        pytest.param(
            ("q8/m-00001-of-00003.gguf", "q8/m-00003-of-00003.gguf", "q4/m-00001-of-00001.gguf"),
            ("q8/m.gguf: 2 of 3 files, 00002 is missing",),
            id="one of three in a folder",
        ),
        pytest.param(
            ("m-00000-of-00002.safetensors", "m-00001-of-00002.safetensors"),
            (),
            id="shards counted from zero",
        ),
    ],
)
def test_incomplete_sets_are_named(names: tuple[str, ...], said: tuple[str, ...]) -> None:
    assert missing_shards(names) == said


@pytest.mark.parametrize(
    ("listed", "complete"),
    [
        pytest.param(None, None, id="no list of files"),
        pytest.param((), False, id="an empty repo"),
        pytest.param(files("README.md", "config.json"), False, id="no weights yet"),
        pytest.param(files("model.safetensors.index.json"), False, id="an index without shards"),
        pytest.param(files("model-00001-of-00004.safetensors"), False, id="one shard of four"),
        pytest.param(files("x-Q8_0-00001-of-00003.gguf", "x-Q4_K_M.gguf"), False, id="a GGUF set with gaps"),
        pytest.param(files("training_args.bin"), False, id="only what training left"),
        pytest.param(
            files("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
            True,
            id="all shards",
        ),
        pytest.param(files("x-Q4_K_M.gguf"), True, id="one GGUF"),
    ],
)
def test_whether_the_weights_are_complete(listed: tuple[RepoFile, ...] | None, complete: bool | None) -> None:
    assert weights_complete(facts(listed=listed), None) is complete
    if listed:
        assert weights_complete(facts(), details(*listed)) is complete
