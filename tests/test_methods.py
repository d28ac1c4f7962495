"""Ways to store weights that nobody trusted had used before."""

import pytest

from tests.factories import entry, facts, lineage, observation
from watcher.methods import family_of, first_uses, unknown_methods
from watcher.types import Quantisation, RepoFacts


@pytest.mark.parametrize(
    ("word", "family"),
    [
        pytest.param("Q4_K_M", "q_k", id="a k-quant without its bits and size"),
        pytest.param("UD-Q2_K_XL", "q_k", id="a dynamic one"),
        pytest.param("Q4_0_4_8", "q_0", id="a layout for one processor"),
        pytest.param("IQ3_XXS", "iq_xxs", id="an i-quant"),
        pytest.param("IQ2_KS", "iq_ks", id="another scheme"),
        pytest.param("MXFP4_MOE", "mxfp", id="a float of four bits"),
        pytest.param("AQLM", "aqlm", id="a method by its name"),
    ],
)
def test_families(word: str, family: str) -> None:
    assert family_of(word) == family


def _repo(method: str | None = None, bits: float | None = None, files: tuple[str, ...] = ()) -> RepoFacts:
    stated = Quantisation(method=method, bits=bits) if method else None
    return facts("unsloth/x", quantisation=stated, files=files)


@pytest.mark.parametrize(
    ("of", "found"),
    [
        pytest.param(_repo("awq", 4.0), [], id="a method of the table"),
        pytest.param(_repo("aqlm", 2.0), [("aqlm", 2.0)], id="AQLM in two bits"),
        pytest.param(
            _repo(files=("x-Q4_K_M.gguf", "UD/x-UD-IQ2_XXS.gguf", "x-q8.gguf")), [], id="the usual GGUF types"
        ),
        pytest.param(
            _repo(files=("x-IQ4_KT.gguf", "x-IQ2_KT.gguf")),
            [("iq_kt", 2.0)],
            id="a type with its fewest bits",
        ),
        pytest.param(
            _repo(files=("Q4_X/x-Q4_X-00001-of-00002.gguf",)), [("q_x", 4.0)], id="in a shard's name"
        ),
        pytest.param(
            _repo(files=("x-BF16.gguf", "QwQ-32B-F16.gguf", "IQ9x.gguf")), [], id="words that are none"
        ),
        pytest.param(_repo(files=("mmproj-x-IQ2_KT.gguf",)), [], id="a projector's type does not count"),
    ],
)
def test_what_the_table_does_not_have(of: RepoFacts, found: list[tuple[str, float]]) -> None:
    assert [(m.name, m.bits) for m in unknown_methods(entry(of))] == found


def test_the_first_use_is_a_change_and_few_bits_are_said() -> None:
    of = _repo("aqlm", 2.0)
    quant = entry(of, lineage=lineage(publisher="unsloth", official=False, quant=True))
    (change,) = first_uses(observation(of), quant, {"awq", "q4_k_m"})
    assert (change.kind.value, change.before, change.after) == ("quant-method", None, "aqlm")
    assert change.evidence[1] == "2 bits per weight, below 3"
    assert first_uses(observation(of), quant, {"AQLM"}) == []
