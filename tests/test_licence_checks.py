"""Which licence counts where a repo's own statements and its base model disagree."""

import pytest

from tests.factories import entry, facts, known, lineage
from watcher.licence_checks import card_licences, effective_licence, stated_licence
from watcher.types import Details, Entry, Licence


def _base(repo_id: str, licence: str | None) -> Entry:
    publisher = repo_id.partition("/")[0]
    return entry(facts(repo_id, licence=licence), lineage=lineage(publisher=publisher), licence=licence)


def _child(repo_id: str, licence: str | None, base: str, **line: object) -> Entry:
    publisher = repo_id.partition("/")[0]
    line = {"publisher": publisher, "official": False, "base_repo": base} | line
    return entry(facts(repo_id, licence=licence, base=base), lineage=lineage(**line))


@pytest.mark.parametrize(
    ("child", "base", "counts", "says"),
    [
        pytest.param(
            _child(
                "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
                "mit",
                "meta-llama/Llama-3.3-70B-Instruct",
                official=True,
            ),
            _base("meta-llama/Llama-3.3-70B-Instruct", "llama3.3"),
            "llama3.3",
            "the licence of its base meta-llama/Llama-3.3-70B-Instruct counts: "
            "Llama 3.3 Community (it says MIT)",
            id="a maker's distillation says MIT of somebody else's Llama",
        ),
        pytest.param(
            _child(
                "unsloth/Qwen2.5-3B-Instruct-bnb-4bit", "apache-2.0", "Qwen/Qwen2.5-3B-Instruct", quant=True
            ),
            _base("Qwen/Qwen2.5-3B-Instruct", "qwen-research"),
            "qwen-research",
            "the licence of its base Qwen/Qwen2.5-3B-Instruct counts: "
            "Qwen Research (its own tag, a label, says Apache 2.0)",
            id="a quant says Apache 2.0 of a research model",
        ),
        pytest.param(
            _child("bartowski/x-GGUF", None, "org/x", quant=True),
            _base("org/x", "gemma"),
            "gemma",
            "the licence of its base org/x counts: Gemma Terms of Use (it states none)",
            id="a quant without a tag has its base's",
        ),
        pytest.param(
            _child("bartowski/x-GGUF", "mrl", "org/x", quant=True),
            _base("org/x", "mit"),
            "mit",
            "the licence of its base org/x counts: MIT (its own tag, a label, says Mistral Research)",
            id="a quant's stricter tag is a label as well",
        ),
        pytest.param(
            _child("somebody/x-chat", "cc-by-nc-4.0", "org/x", derived=True),
            _base("org/x", "apache-2.0"),
            "cc-by-nc-4.0",
            None,
            id="a fine-tune may be stricter than its base",
        ),
        pytest.param(
            _child("somebody/x-chat", "apache-2.0", "org/x", derived=True),
            _base("org/x", "house-rules"),
            "house-rules",
            "the licence of its base org/x counts: house-rules (it says Apache 2.0)",
            id="a licence that nobody knows is stricter than a free one",
        ),
        pytest.param(
            _child("nvidia/x", "nvidia-open-model-license", "meta-llama/y", derived=True),
            _base("meta-llama/y", "llama3.3"),
            "llama3.3 + nvidia-open-model-license",
            "the licence of its base meta-llama/y counts as well: "
            "Llama 3.3 Community (it says NVIDIA Open Model)",
            id="two licences with terms of their own bind both",
        ),
        pytest.param(
            _child("mistralai/x-Instruct", "apache-2.0", "mistralai/x-Base", official=True),
            _base("mistralai/x-Base", "mrl"),
            "apache-2.0",
            None,
            id="a maker may free its own work",
        ),
        pytest.param(
            _child("somebody/x", "mit", "org/x", derived=True),
            _base("org/x", "apache-2.0"),
            "mit",
            None,
            id="two free licences: its own",
        ),
        pytest.param(
            _child("somebody/x", "mit", "org/x", derived=True),
            _base("org/x", "other"),
            "mit",
            None,
            id="a base that says other says nothing",
        ),
        pytest.param(
            _child("somebody/x", "mit", "org/x", derived=True),
            None,
            "mit",
            None,
            id="a base that nobody knows",
        ),
    ],
)
def test_the_licence_that_counts(child: Entry, base: Entry | None, counts: str, says: str | None) -> None:
    assert effective_licence(child, base) == (counts, (says,) if says else ())


def _card(*lines: str) -> Details:
    return Details(repo_id="x/y", revision="a", files=(), card_says=lines)


@pytest.mark.parametrize(
    ("licence", "card", "counts", "says"),
    [
        pytest.param(Licence(id="mit"), None, "mit", (), id="a tag alone"),
        pytest.param(
            Licence(id="other", name="mnpl", link="https://mistral.ai/licences/MNPL-0.1.md"),
            None,
            "mnpl",
            (),
            id="tag other, and a name that agrees with its link",
        ),
        pytest.param(
            Licence(id="apache-2.0", name="llama3"),
            None,
            "llama3",
            ("its licence's name says Llama 3 Community, its tag Apache 2.0",),
            id="tag against name: the stricter counts",
        ),
        pytest.param(
            Licence(id="mit", link="https://mistral.ai/licenses/MRL-0.1.md"),
            None,
            "mrl",
            ("its licence's link says Mistral Research, its tag MIT",),
            id="tag against link",
        ),
        pytest.param(
            Licence(id="other"),
            _card("Released under the Llama 3.2 Community License."),
            "llama3.2",
            ("its tag says other; its card's text says Llama 3.2 Community",),
            id="tag other, and the card's text names one",
        ),
        pytest.param(
            Licence(),
            _card("License: MIT, the data cc-by-nc-4.0"),
            None,
            ("it has no licence tag; its card's text speaks of CC BY-NC 4.0 and MIT",),
            id="no tag, and a text that names two",
        ),
        pytest.param(
            Licence(id="mit"),
            _card(
                "derived from Llama and originally licensed under the Llama 3.3 Community License Agreement"
            ),
            "mit",
            ("its card's text speaks of Llama 3.3 Community, its tag of MIT",),
            id="tag against the card's text is a caveat",
        ),
    ],
)
def test_what_a_repo_itself_says(
    licence: Licence, card: Details | None, counts: str | None, says: tuple[str, ...]
) -> None:
    assert stated_licence(facts(licence=licence), card) == (counts, says)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        pytest.param("* **License**: Apache-2.0", ("apache-2.0",), id="a list item"),
        pytest.param("under the Apache License, Version 2.0", ("apache-2.0",), id="the long name"),
        pytest.param(
            "Meta Llama 3 is licensed under the Meta Llama 3 Community License", ("llama3",), id="Llama 3"
        ),
        pytest.param("CC BY-NC-SA 4.0 license", ("cc-by-nc-sa-4.0",), id="the longer of two names"),
        pytest.param("released with MIT license", ("mit",), id="MIT"),
        pytest.param(
            "licensed under a modified MIT license", ("modified-mit",), id="a modified MIT is not MIT"
        ),
        pytest.param("steht mit Lizenz (license) bereit", (), id="a word that looks like one"),
        pytest.param("see the LICENSE file for terms of gemma and research use", (), id="no name at all"),
        pytest.param("[terms](https://ai.google.dev/gemma/terms)", ("gemma",), id="a link that is known"),
    ],
)
def test_licences_in_a_line_of_a_card(line: str, found: tuple[str, ...]) -> None:
    assert card_licences([line]) == found


def test_a_licence_is_checked_again_alike() -> None:
    child = _child("unsloth/x", "apache-2.0", "org/x", quant=True)
    base = _base("org/x", "qwen-research")
    counts, notes = effective_licence(child, base)
    again = entry(child.known.facts, known=known(child.known.facts), lineage=child.lineage, licence=counts)
    assert effective_licence(again, base) == (counts, notes)
