"""Whose shape a name means: repos, quantisers' repos, files, tags and names as people write them."""

import pytest

from watcher.shapes import known_shape

# What is asked, whose layers it has, and why they are taken for its.
REPOS = """
meta-llama/Llama-3.1-8B-Instruct = meta-llama/Llama-3.1-8B-Instruct
META-LLAMA/llama-3.1-8b-instruct = meta-llama/Llama-3.1-8B-Instruct
deepseek-ai/DeepSeek-R1 = deepseek-ai/DeepSeek-R1
deepseek-ai/DeepSeek-R1-Distill-Llama-70B = deepseek-ai/DeepSeek-R1-Distill-Llama-70B
google/gemma-3-27b-it = google/gemma-3-27b-it
openai/gpt-oss-120b = openai/gpt-oss-120b
NousResearch/Hermes-3-Llama-3.1-8B = NousResearch/Hermes-3-Llama-3.1-8B
state-spaces/mamba-2.8b-hf = state-spaces/mamba-2.8b-hf
"""
QUANTS = """
unsloth/Llama-3.3-70B-Instruct-bnb-4bit = meta-llama/Llama-3.3-70B-Instruct
unsloth/Qwen3.5-9B-GGUF = Qwen/Qwen3.5-9B
unsloth/DeepSeek-R1-0528-Qwen3-8B-GGUF = deepseek-ai/DeepSeek-R1-0528-Qwen3-8B
unsloth/gemma-4-26B-A4B-it-qat-GGUF = google/gemma-4-26B-A4B-it
V3-0324-GGUF/UD-Q2_K_XL/DeepSeek-V3-0324-UD-Q2_K_XL-00001-of-00006.gguf = deepseek-ai/DeepSeek-V3-0324
bartowski/google_gemma-3-27b-it-GGUF = google/gemma-3-27b-it
bartowski/nvidia_Nemotron-Cascade-2-30B-A3B-GGUF = nvidia/Nemotron-Cascade-2-30B-A3B
nvidia/Llama-3.3-70B-Instruct-NVFP4 = meta-llama/Llama-3.3-70B-Instruct
nvidia/DeepSeek-R1-0528-NVFP4-v2 = deepseek-ai/DeepSeek-R1-0528
nvidia/Qwen3-Next-80B-A3B-Instruct-NVFP4 = Qwen/Qwen3-Next-80B-A3B-Instruct
nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4 = nvidia/NVIDIA-Nemotron-3-Super-120B-A12B
nvidia/Llama-4-Scout-17B-16E-Instruct-FP4 = meta-llama/Llama-4-Scout-17B-16E-Instruct
RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16 = meta-llama/Meta-Llama-3.1-8B-Instruct
RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic = meta-llama/Llama-3.3-70B-Instruct
neuralmagic/Meta-Llama-3.1-405B-Instruct-FP8-dynamic = meta-llama/Meta-Llama-3.1-405B-Instruct
hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4 = meta-llama/Meta-Llama-3.1-70B-Instruct
TheBloke/Mistral-7B-Instruct-v0.2-GPTQ = mistralai/Mistral-7B-Instruct-v0.2
TheBloke/Llama-2-13B-chat-GGUF = meta-llama/Llama-2-13b-chat-hf
turboderp/Llama-3.1-70B-exl2 = meta-llama/Llama-3.1-70B
mlx-community/Qwen3-30B-A3B-4bit = Qwen/Qwen3-30B-A3B
lmstudio-community/Qwen3-Coder-480B-A35B-Instruct-MLX-4bit = Qwen/Qwen3-Coder-480B-A35B-Instruct
mradermacher/Qwen3.6-27B-i1-GGUF = Qwen/Qwen3.6-27B
cyankiwi/Qwen3.8-27B-AWQ-INT4 = Qwen/Qwen3.8-27B
QuantTrio/GLM-4.7-Flash-AWQ = zai-org/GLM-4.7-Flash
kaitchup/Phi-4-AutoRound-GPTQ-4bit = microsoft/phi-4
Qwen/Qwen2.5-VL-72B-Instruct-AWQ = Qwen/Qwen2.5-VL-72B-Instruct
Qwen/Qwen3-235B-A22B-Instruct-2507-FP8 = Qwen/Qwen3-235B-A22B-Instruct-2507
tencent/Hunyuan-A13B-Instruct-GPTQ-Int4 = tencent/Hunyuan-A13B-Instruct
DeepSeek-R1-Distill-Llama-70B-FP8-dynamic = deepseek-ai/DeepSeek-R1-Distill-Llama-70B
Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf = meta-llama/Meta-Llama-3.1-8B-Instruct
gemma-2-9b-it-Q4_K_M-fp16.gguf = google/gemma-2-9b-it
gpt-oss-20b-MXFP4.gguf = openai/gpt-oss-20b
OLMo-2-1124-13B-Instruct-Q4_K_M.gguf = allenai/OLMo-2-1124-13B-Instruct
internlm2_5-20b-chat-Q4_K_M.gguf = internlm/internlm2_5-20b-chat
arcee-ai_AFM-4.5B-Q4_K_M.gguf = arcee-ai/AFM-4.5B
baidu_ERNIE-4.5-21B-A3B-PT-Q4_K_M.gguf = baidu/ERNIE-4.5-21B-A3B-PT
mistralai_Mistral-Small-3.2-24B-Instruct-2506-Q4_K_M.gguf = mistralai/Mistral-Small-3.2-24B-Instruct-2506
Ministral-8B-Instruct-2410-Q4_K_M.gguf = mistralai/Ministral-8B-Instruct-2410
aya-expanse-32b-Q4_K_M.gguf = CohereForAI/aya-expanse-32b
granite-3.1-8b-instruct-Q4_K_M.gguf = ibm-granite/granite-3.1-8b-instruct
llama3.1:8b-instruct-q4_K_M = meta-llama/Llama-3.1-8B-Instruct
Gemma-4-26B-A4B NVFP4 = google/gemma-4-26B-A4B
GLM-4.5-Air-AWQ-4bit = zai-org/GLM-4.5-Air
Kimi-K2-Instruct-GGUF = moonshotai/Kimi-K2-Instruct
llama33-70b-nvfp4 = meta-llama/Llama-3.3-70B
Qwen3.6-35B-A3B nvfp4 modelopt = Qwen/Qwen3.6-35B-A3B
"""
FREE = """
LLaMA 3 8B = meta-llama/Llama-3-8B
LLaMA 3 70B = meta-llama/Llama-3-70B
Llama 3.1:70b = meta-llama/Llama-3.1-70B
Llama 3.2:3b = meta-llama/Llama-3.2-3B
llama31-8b = meta-llama/Llama-3.1-8B
Llama-3-1-8B-Instruct = meta-llama/Llama-3.1-8B-Instruct
meta/llama-3_1-70b-instruct = meta-llama/Llama-3.1-70B-Instruct
accounts/fireworks/models/llama-v3p1-8b-instruct = meta-llama/Llama-3.1-8B-Instruct
Llama2-70B = meta-llama/Llama-2-70b
Code Llama 34B = codellama/CodeLlama-34b-hf
Llama-3.1-8B + EAGLE = meta-llama/Llama-3.1-8B
Qwen3.6-27B (dflash dual) = Qwen/Qwen3.6-27B
qwen3:30b-a3b = Qwen/Qwen3-30B-A3B
qwen3moe 30B.A3B Q4_K - Medium = Qwen/Qwen3-30B-A3B
gpt-oss 20B MXFP4 MoE = openai/gpt-oss-20b
gemma4 26B.A4B Q4_0 = google/gemma-4-26B-A4B
qwen3.5:9b = Qwen/Qwen3.5-9B
Qwen 3 32B = Qwen/Qwen3-32B
qwen25-72b = Qwen/Qwen2.5-72B-Instruct
qwen2-5-7b-instruct = Qwen/Qwen2.5-7B-Instruct
qwen36-35b-a3b = Qwen/Qwen3.6-35B-A3B
qwen2.5vl:7b = Qwen/Qwen2.5-VL-7B-Instruct
Qwen3-Coder-30B-A3B = Qwen/Qwen3-Coder-30B-A3B-Instruct
Qwen3-4B-Instruct-2507 = Qwen/Qwen3-4B-Instruct-2507
qwen3-4b = Qwen/Qwen3-4B
gpt-oss:20b = openai/gpt-oss-20b
GPT-OSS 120B = openai/gpt-oss-120b
Gemma 3 27B it = google/gemma-3-27b-it
gemma3:27b-it-qat = google/gemma-3-27b-it
gemma-3n-e2b-it = google/gemma-3n-E2B-it
gemma-4-12b = google/gemma-4-12B
gemma-7b = google/gemma-7b
Gemma 2 9B = google/gemma-2-9b
phi4-mini = microsoft/Phi-4-mini-instruct
phi-3-5-mini = microsoft/Phi-3.5-mini-instruct
Devstral-Small-2505 = mistralai/Devstral-Small-2505
DeepSeek V3.1 = deepseek-ai/DeepSeek-V3.1
deepseek-v2.5 = deepseek-ai/DeepSeek-V2.5
deepseek-coder:33b = deepseek-ai/deepseek-coder-33b-base
glm-4.5-air = zai-org/GLM-4.5-Air
glm47-flash = zai-org/GLM-4.7-Flash
Kimi K2 = moonshotai/Kimi-K2-Base
MiniMax M2 = MiniMaxAI/MiniMax-M2
granite3.3:8b = ibm-granite/granite-3.3-8b-base
granite-4.0-h-small = ibm-granite/granite-4.0-h-small
NVIDIA Nemotron Nano 9B v2 = nvidia/NVIDIA-Nemotron-Nano-9B-v2
Llama-3.3-Nemotron-Super-49B-v1 = nvidia/Llama-3.3-Nemotron-Super-49B-v1.5
c4ai-command-r-plus-08-2024 = CohereForAI/c4ai-command-r-plus-08-2024
Vicuna 13B v1.5 = lmsys/vicuna-13b-v1.5
falcon-180B = tiiuae/falcon-180B
GPT-NeoX-20B = EleutherAI/gpt-neox-20b
gpt2-xl = gpt2-xl
starcoder2:15b = bigcode/starcoder2-15b
chatglm3-6b = zai-org/chatglm3-6b
Seed-OSS-36B = ByteDance-Seed/Seed-OSS-36B-Base
exaone3.5:2.4b = LGAI-EXAONE/EXAONE-3.5-2.4B-Instruct
Hermes 4 405B = NousResearch/Hermes-4-405B
"""
SIZES = """
DeepSeek R1 14b = deepseek-ai/DeepSeek-R1-Distill-Qwen-14B
deepseek-r1:8b = deepseek-ai/DeepSeek-R1-0528-Qwen3-8B
deepseek-r1:70b = deepseek-ai/DeepSeek-R1-Distill-Llama-70B
deepseek-r1-671b = deepseek-ai/DeepSeek-R1
R1-Distill-Qwen-32B = deepseek-ai/DeepSeek-R1-Distill-Qwen-32B
mixtral:8x7b = mistralai/Mixtral-8x7B-v0.1
Mistral 7B = mistralai/Mistral-7B-Instruct-v0.3
mistral-small3.2:24b = mistralai/Mistral-Small-3.2-24B-Instruct-2506
Mistral Small 3.2 24B = mistralai/Mistral-Small-3.2-24B-Instruct-2506
mistral-nemo = mistralai/Mistral-Nemo-Instruct-2407
ministral-8b = mistralai/Ministral-8B-Instruct-2410
command-r:35b = CohereForAI/c4ai-command-r-v01
Command A = CohereForAI/c4ai-command-a-03-2025
Qwen3 Coder 30B = Qwen/Qwen3-Coder-30B-A3B-Instruct
qwen3-235b = Qwen/Qwen3-235B-A22B
nemotron-nano-30b-a3b = nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16
llama4:scout = meta-llama/Llama-4-Scout-17B-16E-Instruct
llama3.2-vision:11b = meta-llama/Llama-3.2-11B-Vision-Instruct
phi3:medium = microsoft/Phi-3-medium-4k-instruct
Zephyr 7B = HuggingFaceH4/zephyr-7b-beta
Llama 70B = meta-llama/Llama-3.1-70B
llama 8B Q4_K - Medium = meta-llama/Llama-3.1-8B
deepseek2 671B = deepseek-ai/DeepSeek-R1
qwen2 32B = Qwen/Qwen2.5-32B-Instruct
qwen35moe 35B.A3B = Qwen/Qwen3.5-35B-A3B
"""
TUNES = """
cognitivecomputations/Dolphin3.0-Llama3.1-8B = meta-llama/Llama-3.1-8B
AEON-7/Qwen3.6-27B-AEON-Ultimate-Uncensored-NVFP4 = Qwen/Qwen3.6-27B
Jackrong/Qwen3.5-0.8B-Claude-4.6-Opus-Reasoning-Distilled-GGUF = Qwen/Qwen3.5-0.8B
yuxinlu1/gemma-4-12B-agentic-fable5-composer2.5-v2-3.5x-tau2-GGUF = google/gemma-4-12B
bekoozkan/godot-qwen2.5-coder-7b-instruct-bnb-4bit = Qwen/Qwen2.5-Coder-7B-Instruct
4B NVFP4 (Qwen3-4B) = Qwen/Qwen3-4B
gpt-oss-20b (high) = openai/gpt-oss-20b
"""


def _cases(lines: str) -> list[object]:
    pairs = [line.split(" = ") for line in lines.strip().splitlines()]
    return [pytest.param(asked, of, id=f"{asked} has the layers of {of}") for asked, of in pairs]


def _check(asked: str, of: str, how: str) -> None:
    found, wanted = known_shape(asked), known_shape(of)
    assert wanted
    assert wanted.how == "same repo", "the table itself names an unknown repo"
    assert found
    assert found.config == wanted.config
    assert found.how == how


@pytest.mark.parametrize(("asked", "of"), _cases(REPOS))
def test_a_repo_of_the_table_is_found_by_its_id(asked: str, of: str) -> None:
    _check(asked, of, "same repo")


@pytest.mark.parametrize(("asked", "of"), _cases(QUANTS))
def test_a_quant_has_the_shape_of_what_it_quantises(asked: str, of: str) -> None:
    _check(asked, of, "quant of")


@pytest.mark.parametrize(("asked", "of"), _cases(FREE))
def test_a_name_in_other_words_is_the_same_name(asked: str, of: str) -> None:
    found = known_shape(asked)
    assert found
    _check(asked, of, found.how)
    assert found.how in ("same name", "same repo", "quant of")


@pytest.mark.parametrize(("asked", "of"), _cases(SIZES))
def test_a_shorter_name_means_the_usual_model_of_that_size(asked: str, of: str) -> None:
    _check(asked, of, "same size of the series")


@pytest.mark.parametrize(("asked", "of"), _cases(TUNES))
def test_a_longer_name_has_the_shape_that_it_names(asked: str, of: str) -> None:
    _check(asked, of, "name says")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("", id="nothing is nobody's name"),
        pytest.param("my-model", id="a name of no family"),
        pytest.param("stable diffusion xl", id="a model that is no language model"),
        pytest.param("nomic-embed-text", id="an embedding model without a row"),
        pytest.param("gpt-4", id="a closed model whose family's name another has"),
        pytest.param("claude-sonnet-4", id="a closed model"),
        pytest.param("whisper-large-v3", id="a speech model"),
        pytest.param("7B", id="a size alone"),
        pytest.param("8B class", id="a class of sizes"),
        pytest.param("Q4_K_M", id="a format alone"),
        pytest.param("llama", id="a family alone"),
        pytest.param("Qwen-family NVFP4 with MTP", id="a family and a format"),
        pytest.param("Llama 4", id="a version of several sizes"),
        pytest.param("Qwen2.5-VL", id="a line of several sizes"),
        pytest.param("Qwen3.7-27B", id="a version that no row has is not the one beside it"),
        pytest.param("Llama 3.4 8B", id="an unknown minor version"),
        pytest.param("gemma-5-27b", id="an unknown major version"),
        pytest.param("GLM-5.3", id="an unknown version without a size"),
        pytest.param("Qwen3.5-40B-Claude", id="a size that the version does not have"),
        pytest.param("DeepSeek-R1-Medical-8B", id="a distill that does not say whose layers it has"),
        pytest.param(
            "SpatialLM1.1-Qwen-0.5B", id="a model made of a family's that does not say which version"
        ),
        pytest.param("qwen3 8B MoE", id="a mixture made of a model that is none"),
        pytest.param("DeepSeek-R1-Distill", id="distills of all sizes"),
        pytest.param("phi-4-mini-flash-reasoning", id="a line that is another architecture"),
        pytest.param("Falcon3-Mamba-9B", id="another architecture under a known version"),
        pytest.param("llava-llama-3-8b-v1_1", id="a language model with a tower that the row does not count"),
        pytest.param("Llama-3.2-8X3B-MOE-Dark-Champion", id="a mixture made of a dense model"),
        pytest.param("Qwen3-8B-DFlash-b16", id="a draft model for the named one"),
        pytest.param("gpt-oss-120b-Eagle3-long-context", id="an eagle head for the named one"),
        pytest.param("gemma-4-E4B-it-assistant", id="an assistant for the named one"),
        pytest.param("MiniMax-M2.5-REAP-139B-A10B", id="a model with experts taken out"),
        pytest.param("Llama-3.1-Nemotron-Ultra-253B-v1", id="an architecture searched out of the named one"),
    ],
)
def test_no_shape_is_known_of(asked: str) -> None:
    assert known_shape(asked) is None


def _stated(name: str, key: str) -> int:
    found = known_shape(name)
    assert found
    return int(found.config[key])


def test_versions_are_never_confused() -> None:
    """Llama 3 and 3.1 have equal layers and unlike contexts; Qwen 2.5 and 3 differ in their layers too."""
    key = "max_position_embeddings"
    assert [_stated(name, key) for name in ("Llama 3 8B", "Llama 3.1 8B")] == [8192, 131072]
    assert [_stated(name, "num_attention_heads") for name in ("Qwen2.5 7B", "Qwen3 8B")] == [28, 32]
