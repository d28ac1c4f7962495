"""What `modelwatch check` says of how a configuration stands: advice with figures, and nothing to fix."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sources.standin.server import StandIn
from tests.april import april_catalog, team
from tests.commands import modelwatch
from tests.rows import START
from tests.site import DAY, Site, world

HELPDESK = "model: mistralai/Mistral-Small-4-119B-2603, quant: q4, engine: sglang, hardware: spark, users: 10"
SMALL = "model: google/gemma-4-E4B-it, engine: vllm, hardware: spark, task: summarise"
LARGE = "model: google/gemma-4-31B-it, quant: q4, engine: vllm, hardware: spark, users: 40, context: 32768"
NOBODYS = "model: newlab/Private-24B, engine: vllm, hardware: spark"


@pytest.fixture(scope="module")
def april(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return april_catalog(tmp_path_factory.mktemp("april"))


Advise = Callable[..., dict[str, str]]


@pytest.fixture
def advice(folder: Path, april: Path) -> Advise:
    """Advice by subject for the deployments that are named; whatever the Hub says, it is not reached."""

    def ask(**deployments: str) -> dict[str, str]:
        said = modelwatch("check", "--config", team(folder, april, **deployments), "--json")
        return {row["what"]: row["message"] for row in said.json if row["advice"] and row["ok"]}

    return ask


def test_each_model_in_use_is_held_against_its_own_requirements(advice: Advise) -> None:
    said = advice(helpdesk=HELPDESK, legal=LARGE)
    assert said["model of helpdesk"].startswith("mistralai/Mistral-Small-4-119B-2603 meets 8 of 9 ")
    assert said["model of legal"].startswith("google/gemma-4-31B-it fails speed: ")
    assert "tok/s each at 40 users, wanted 10 tok/s each" in said["model of legal"]


def test_a_model_that_the_catalog_has_not_seen(advice: Advise) -> None:
    said = advice(other=NOBODYS)
    assert said["model of other"] == "newlab/Private-24B is not in the catalog"


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        pytest.param(SMALL, "they fit together", id="a small one beside it"),
        pytest.param(
            LARGE, "they do not fit together, whatever each does alone", id="two that are too large"
        ),
        pytest.param(NOBODYS, "no weights of other are", id="one that nobody knows"),
    ],
)
def test_deployments_that_share_machines_are_added_up(advice: Advise, second: str, verdict: str) -> None:
    assert advice(helpdesk=HELPDESK, other=second)["sharing spark"].endswith(verdict)


def test_the_sum_shows_its_addends(advice: Advise) -> None:
    said = advice(helpdesk=HELPDESK, legal=LARGE)["sharing spark"]
    numbers = [float(word) for word in said.split() if word.replace(".", "", 1).isdigit()]
    assert numbers[0] + numbers[1] == pytest.approx(numbers[2], abs=0.11)


def test_a_deployment_alone_on_its_machines_shares_nothing(advice: Advise) -> None:
    assert list(advice(helpdesk=HELPDESK)) == ["model of helpdesk"]


def test_check_says_what_the_next_sync_will_judge(folder: Path) -> None:
    with StandIn(world(), now=START) as hub:
        site = Site(folder, hub)
        site.poll(START)
        text = site.path.read_text(encoding="utf-8")
        site.path.write_text(text.replace("users: 2", "users: 25"), encoding="utf-8")
        before = modelwatch("check", "--config", site.path)
        assert "see  next sync: will judge: helpdesk: users 2 → 25\n" in before.out
        assert before.status == 0
        site = Site(folder, hub)
        site.poll(START + DAY)
        assert "will judge" not in modelwatch("check", "--config", site.path).out
