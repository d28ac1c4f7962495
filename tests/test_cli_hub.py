"""Commands that ask the Hub while somebody watches: fit of an unknown repo, the progress bar, Ctrl-C."""

import io
import signal
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from sources.standin.server import Fault, StandIn
from tests.commands import modelwatch, start
from tests.rows import START, api_row
from tests.site import MODEL, Site, world
from watcher import cli

QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"


@pytest.fixture
def hub() -> Iterator[StandIn]:
    with StandIn(world(), now=START) as standin:
        yield standin


def test_fit_of_an_unknown_quant_reads_it_and_its_base_and_leaves_no_database(
    folder: Path, hub: StandIn
) -> None:
    site = Site(folder, hub)
    said = modelwatch("fit", QUANT, "--config", site.path, "--json")
    assert (said.status, said.err) == (0, "")
    assert (said.json["label"], said.json["hardware"], said.json["verdict"]) == ("Q4_K_M", "spark", "fits")
    assert {path for _, path, _ in hub.requests if path.startswith(f"/api/models/{MODEL}?")}
    assert not site.database.exists()


def test_fit_without_hardware_of_ones_own_shows_three_usual_machines(folder: Path, hub: StandIn) -> None:
    (folder / "modelwatch.yaml").write_text(f"hub: {{endpoint: '{hub.url}'}}\n")
    rows = modelwatch("fit", MODEL, "--json").json
    assert [row["hardware"] for row in rows] == ["h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark"]
    assert {row["label"] for row in rows} == {"bf16"}


def test_fit_of_a_format_that_nobody_published_is_an_assumption_and_says_so(
    folder: Path, hub: StandIn
) -> None:
    said = modelwatch("fit", MODEL, "--quant", "nvfp4", "--config", Site(folder, hub).path)
    assert said.status == 0
    assert f"{MODEL} nvfp4 on spark" in said.out
    assert "note: the size of the weights is parameters times bits" in said.out
    assert "run it, with a repo that has it in nvfp4:" in said.out


def test_fit_goes_on_without_a_base_that_does_not_answer(folder: Path, hub: StandIn) -> None:
    hub.faults.append(Fault(path=f"/api/models/{MODEL}", status=500))
    said = modelwatch("fit", QUANT, "--config", Site(folder, hub).path, "--json")
    assert said.json["label"] == "Q4_K_M"


def test_fit_of_a_repo_without_weights_says_that_nothing_is_known(folder: Path, hub: StandIn) -> None:
    hub.world.put(api_row("mistralai/Empty", files={"README.md": (10, "r")}), START)
    said = modelwatch("fit", "mistralai/Empty", "--config", Site(folder, hub).path)
    assert said.status == 1
    assert "its files or parameters may not be stated" in said.out


def test_fit_of_a_repo_that_is_nowhere_ends_with_1_and_of_a_silent_hub_with_3(
    folder: Path, hub: StandIn
) -> None:
    site = Site(folder, hub)
    said = modelwatch("fit", "mistralai/Nothing", "--config", site.path)
    assert (said.status, said.out) == (1, "")
    assert "the Hub shows no such repo (deleted, private or misspelt)" in said.err
    hub.faults.append(Fault(status=500))
    assert modelwatch("fit", "mistralai/Nothing", "--config", site.path).status == 3
    assert "note: the Hub answered 500" in modelwatch("fit", MODEL, "--config", site.path).out


def test_a_repo_that_was_renamed_is_found_by_its_old_name(folder: Path, hub: StandIn) -> None:
    hub.world.rename(MODEL, "mistralai/Small-4", START)
    said = modelwatch("fit", MODEL, "--config", Site(folder, hub).path, "--json")
    assert said.json["model"] == "mistralai/Small-4"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_first_sync_shows_its_progress_to_somebody_who_watches(folder: Path, hub: StandIn) -> None:
    hub.faults += [Fault(path=f"author={author}", delay_s=0.4) for author in ("mistralai", "unsloth")]
    out, screen = io.StringIO(), _Terminal()
    with redirect_stdout(out), redirect_stderr(screen), pytest.raises(SystemExit) as end:
        cli.main(["sync", "--config", str(Site(folder, hub).path)])
    assert not end.value.code
    assert "mistralai" in screen.getvalue()
    assert "unsloth" in screen.getvalue()
    assert "2 of 2 accounts read" in out.getvalue()


def test_ctrl_c_ends_a_sync_quietly_with_status_130(folder: Path, hub: StandIn) -> None:
    slow = Fault(path="author=unsloth", delay_s=30)
    hub.faults.append(slow)
    process = start("sync", "--config", Site(folder, hub).path, folder=folder)
    while not any("author=mistralai" in path for _, path, _ in hub.requests):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


def test_check_names_what_has_no_effect_in_this_version(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    more = "feeds: [mistral-news]\npolicy: {max_alerts_per_week: 3}\n"
    more += 'channels:\n  ops: {url: "json://127.0.0.1:1/x", quiet_hours: "20:00-07:00"}\n'
    site.path.write_text(site.path.read_text() + more)
    said = modelwatch("check", "--config", site.path)
    assert said.status == 0
    assert said.out.count("no effect yet: ") == 3
