"""Getting started: `modelwatch init`, `check` and `channels test`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sources.standin.server import Fault, StandIn
from tests.commands import modelwatch
from tests.rows import START
from tests.sink import Sink
from tests.site import DAY, MODEL, Site, world

SECRET = "TIiajkdnlazkcOXrIdevi7"


@pytest.fixture
def hub() -> Iterator[StandIn]:
    with StandIn(world(), now=START) as standin:
        yield standin


def test_init_writes_a_starter_that_loads_and_says_what_comes_next(folder: Path) -> None:
    said = modelwatch("init")
    assert (said.status, said.err) == (0, "")
    assert "Wrote modelwatch.yaml" in said.out
    assert "modelwatch check, then modelwatch sync" in said.out
    assert "no database at modelwatch.db yet" in modelwatch("status").err


def test_init_into_another_file_names_it_in_the_next_commands(folder: Path) -> None:
    said = modelwatch("init", "team.yaml")
    assert "modelwatch check --config team.yaml" in said.out
    assert modelwatch("status", "--config", "team.yaml").status == 4


def test_init_does_not_overwrite_unless_told_to(folder: Path) -> None:
    (folder / "modelwatch.yaml").write_text("# mine\n")
    said = modelwatch("init")
    assert (said.status, said.out) == (2, "")
    assert "exists already" in said.err
    assert (folder / "modelwatch.yaml").read_text() == "# mine\n"
    assert modelwatch("init", "--force").status == 0
    assert "hub:" in (folder / "modelwatch.yaml").read_text()


def test_init_into_a_folder_that_is_not_there_is_one_line(folder: Path) -> None:
    said = modelwatch("init", "no/such/folder.yaml")
    assert (said.status, said.err) == (2, "modelwatch: no/such/folder.yaml: No such file or directory\n")


def _findings(site: Site) -> tuple[int, dict[str, tuple[bool, str]]]:
    said = modelwatch("check", "--config", site.path, "--json")
    return said.status, {row["what"]: (row["ok"], row["message"]) for row in said.json}


def test_check_of_a_good_installation_is_all_ok(folder: Path, hub: StandIn, sink: Sink) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    said = modelwatch("check", "--config", site.path)
    assert said.status == 0
    assert all(line.startswith("ok ") for line in said.out.splitlines())
    status, found = _findings(site)
    assert status == 0
    assert list(found) == [
        "configuration",
        "store",
        "hub:mistralai",
        "hub:unsloth",
        "helpdesk",
        "channel ops",
    ]
    assert found["configuration"] == (True, "1 deployments on spark (1 x DGX Spark (GB10) 128 GB)")
    assert found["helpdesk"] == (True, f"{MODEL} is present")
    assert sink.titles == []


def test_check_without_channels_says_where_alerts_go(folder: Path, hub: StandIn) -> None:
    _, found = _findings(Site(folder, hub))
    assert found["channels"] == (True, "none configured: alerts go to the terminal and alerts.jsonl")


def test_check_of_a_hub_that_is_away_tries_one_account_only(folder: Path) -> None:
    with StandIn(world()) as closed:
        site = Site(folder, closed)
    status, found = _findings(site)
    assert status == 1
    assert "no connection to http://127.0.0.1" in found["hub:mistralai"][1]
    assert found["hub"] == (False, "the other accounts were not tried: mend this first")
    assert "hub:unsloth" not in found


def test_check_of_one_account_that_fails_goes_on_with_the_rest(folder: Path, hub: StandIn) -> None:
    hub.faults.append(Fault(path="author=unsloth", status=500))
    status, found = _findings(Site(folder, hub))
    assert status == 1
    assert {what for what, (ok, _) in found.items() if not ok} == {"hub:unsloth"}


def test_check_of_an_account_without_models_asks_about_its_name(folder: Path, hub: StandIn) -> None:
    hub.world.remove("unsloth/Mistral-Small-4-119B-2603-GGUF", START)
    _, found = _findings(Site(folder, hub))
    assert found["hub:unsloth"] == (False, "has no models: is the name right?")


@pytest.mark.parametrize(
    ("event", "ok", "words"),
    [
        pytest.param("rename", False, "is now called mistralai/Small-4: write that", id="renamed"),
        pytest.param("remove", False, "is not on the Hub (or private): is it spelt right?", id="gone"),
        pytest.param("gate", True, "is present", id="gated: its page is open, its files are not"),
        pytest.param("fault", False, "the Hub answered 502", id="no answer"),
    ],
)
def test_check_says_how_a_model_in_use_is(
    folder: Path, hub: StandIn, event: str, ok: bool, words: str
) -> None:
    if event == "rename":
        hub.world.rename(MODEL, "mistralai/Small-4", START)
    elif event == "remove":
        hub.world.remove(MODEL, START)
    elif event == "gate":
        hub.world.gate(MODEL, "manual", START)
    else:
        hub.faults.append(Fault(path=f"/api/models/{MODEL}", status=502))
    hub.now = START + DAY
    status, found = _findings(Site(folder, hub))
    assert (status, found["helpdesk"][0]) == (0 if ok else 1, ok)
    assert words in found["helpdesk"][1]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param(f"slak://T1JJ3T3L2/A1BRTD4JD/{SECRET}", "did you mean slack://?", id="a typo"),
        pytest.param(f"slack://{SECRET}", "slack:// is known, but the rest is not right", id="too short"),
        pytest.param(f"https://hooks.example/{SECRET}", "write jsons://", id="a bare web address"),
        pytest.param("jsonl:///no/such/alerts.jsonl", "does not exist", id="no folder for the file"),
    ],
)
def test_check_says_what_is_wrong_with_a_channel_and_shows_no_secret(
    folder: Path, hub: StandIn, url: str, words: str
) -> None:
    said = modelwatch("check", "--config", Site(folder, hub, {"ops": url}).path)
    assert said.status == 1
    [line] = [line for line in said.out.splitlines() if line.startswith("FIX")]
    assert line.startswith("FIX  channel ops: ")
    assert words in line
    assert SECRET not in said.out + said.err


def test_check_of_a_store_that_can_not_be_opened_says_so(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    site.database.mkdir()
    status, found = _findings(site)
    assert (status, found["store"][0]) == (1, False)
    assert str(site.database) in found["store"][1]


def test_channels_are_tried_one_by_one_and_each_outcome_is_said(folder: Path, hub: StandIn) -> None:
    with Sink() as good, Sink() as bad:
        bad.status = 403
        site = Site(folder, hub, {"ops": good.url, "legal": bad.url})
        said = modelwatch("channels", "test", "--config", site.path)
        assert said.status == 1
        assert said.out.splitlines() == ["ops: sent", "legal: legal: JSON answered 403 (forbidden)"]
        assert good.accepted == ["modelwatch sample alert"]
        only = modelwatch("channels", "test", "ops", "--config", site.path)
        assert (only.status, only.out) == (0, "ops: sent\n")


def test_a_channel_of_another_name_is_refused_with_those_there_are(
    folder: Path, hub: StandIn, sink: Sink
) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    said = modelwatch("channels", "test", "opps", "--config", site.path)
    assert (said.status, said.out) == (2, "")
    assert "no channel 'opps'; there are: ops" in said.err
    assert sink.titles == []


def test_the_default_channels_can_be_tried_too(folder: Path, hub: StandIn) -> None:
    said = modelwatch("channels", "test", "--config", Site(folder, hub).path)
    assert said.status == 0
    assert said.out.startswith("modelwatch sample alert\n")
    assert said.out.splitlines()[-2:] == ["terminal: sent", "alerts.jsonl: sent"]
    assert (folder / "alerts.jsonl").read_text().count("\n") == 1


def test_check_names_a_deployment_whose_alerts_nobody_receives(folder: Path) -> None:
    (folder / "modelwatch.yaml").write_text(
        "hub: {endpoint: 'http://127.0.0.1:9'}\n"
        "hardware: {spark: {device: dgx-spark}}\n"
        "deployments: {helpdesk: {model: a/b, engine: vllm, hardware: spark}}\n"
        "channels: {ops: {url: 'json://localhost', receives: [digest]}}\n"
    )
    said = modelwatch("check")
    assert said.status == 1
    assert "FIX  deployment helpdesk: no channel receives its alerts" in said.out
