"""`modelwatch eval run` against a real server: good days, bad days, and being killed half-way."""

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat_server import ChatServer, Fault
from tests.commands import Answer, modelwatch, start
from tests.store.builders import rows
from tests.test_cli_eval import CONFIG, IN_USE, OTHER
from watcher.cli_eval_run import KEY_VARIABLE

KEY = "sk-secret-1234567890"


@pytest.fixture
def site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (folder / "modelwatch.yaml").write_text(CONFIG)
    return folder


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(
        lambda question: f"<think>hm</think>The answer is {question.removeprefix('Say ')}."
    ) as running:
        yield running


def prompts(site: Path, count: int, *, right: int | None = None, name: str = "helpdesk.jsonl") -> Path:
    """Questions "Say 0", "Say 1" ...; the server is right about the first so many."""
    lines = [
        {
            "id": f"q{i}",
            "prompt": f"Say {i}",
            "check": {"contains": [f"is {i if right is None or i < right else 'x'}."]},
        }
        for i in range(count)
    ]
    path = site / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def ask(path: Path, server: ChatServer, *more: str, model: str = OTHER) -> Answer:
    return modelwatch("eval", "run", path, "--endpoint", server.url, "--model", model, *more)


def answers(site: Path, model: str = OTHER) -> list[dict[str, Any]]:
    path = site / f"helpdesk.results-{model.replace('/', '--')}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_ends_with_score_size_and_interval_and_is_kept(site: Path, server: ChatServer) -> None:
    said = ask(prompts(site, 20, right=15), server)
    assert said.status == 0, said.err
    assert "15 right, 5 wrong, 0 without a result." in said.out
    assert f"{OTHER} on helpdesk: 75.0 % of 20 answers (95 %: 53.1 % to 88.8 %)" in said.out
    assert "the model in use, has no result on helpdesk" in said.out
    [row] = rows(site / "m.db", "SELECT * FROM evaluations")
    assert (row["model"], row["task"], row["score"], row["samples"]) == (OTHER, "helpdesk", 0.75, 20)
    assert row["source"] == f"helpdesk.jsonl asked of {server.url}"
    assert sorted(server.asked) == sorted(f"Say {i}" for i in range(20))
    assert server.requests[0]["temperature"] == 0
    assert 1 < server.most_at_once <= 4


def test_two_runs_on_the_same_prompts_are_compared_pair_by_pair(site: Path, server: ChatServer) -> None:
    path = prompts(site, 60)
    good = server.answer
    server.answer = lambda question: good(question) if int(question[4:]) < 40 else "no idea"
    assert ask(path, server, "--as-model", IN_USE, model="default").status == 0
    server.answer = good
    said = ask(path, server, "--json")
    [comparison] = said.json["comparisons"]
    assert (comparison["paired"], comparison["samples"], comparison["incumbent"]) == (True, 60, IN_USE)
    assert comparison["gain"] == pytest.approx(0.5)
    assert said.json["verdicts"]["alert"] == 1
    assert "50.0 % better than the model in use on helpdesk" in said.err
    assert (len(answers(site)), len(answers(site, IN_USE))) == (60, 60)


def test_started_again_nothing_is_asked_twice(site: Path, server: ChatServer) -> None:
    path = prompts(site, 10)
    ask(path, server, "--limit", "4")
    assert sorted(server.asked) == [f"Say {i}" for i in range(4)]
    again = ask(path, server)
    assert "4 answered before, 6 to ask" in again.err
    assert sorted(server.asked) == [f"Say {i}" for i in range(10)]
    third = ask(path, server)
    assert len(server.asked) == 10
    assert "Nothing new" in third.out
    fresh = ask(path, server, "--fresh")
    assert (fresh.status, len(server.asked)) == (0, 20)
    assert (
        len((site / f"helpdesk.results-{OTHER.replace('/', '--')}.jsonl.old").read_text().splitlines()) == 10
    )


def test_a_question_that_changed_is_asked_again_and_a_check_that_changed_is_not(
    site: Path, server: ChatServer
) -> None:
    path = prompts(site, 5)
    ask(path, server)
    path.write_text(path.read_text().replace("Say 3", "Say  3").replace('"is 2."', '"never"'))
    said = ask(path, server, "--json").json
    assert server.asked[5:] == ["Say  3"]
    assert (said["right"], said["wrong"]) == (3, 2)


def test_endpoint_errors_are_no_answers_and_asked_again_next_time(site: Path, server: ChatServer) -> None:
    server.faults = [Fault(status=400, body='{"error": {"message": "too long"}}')]
    said = ask(prompts(site, 20), server, "--concurrency", "1")
    assert "no result: q0: the endpoint answered 400 (too long)" in said.err
    assert "19 right, 0 wrong, 1 without a result." in said.out
    assert "100.0 % of 19 answers" in said.out
    assert ask(prompts(site, 20), server, "--json").json["right"] == 20
    assert len(server.asked) == 21


def test_too_few_answers_are_no_result(site: Path, server: ChatServer) -> None:
    server.faults = [Fault(status=400, body="{}")] * 3
    said = ask(prompts(site, 20), server)
    assert said.status == 3
    assert "too many prompts have no answer" in said.err
    assert not (site / "m.db").exists()
    assert ask(prompts(site, 20), server).status == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param(Fault(status=401, body="{}"), "refuses the key: 401", id="a refused key"),
        pytest.param(Fault(status=404, body="{}"), "no such path or model", id="no such model"),
        pytest.param(Fault(hang=True), "no answer within 0.2 s", id="silent"),
    ],
)
def test_an_endpoint_beyond_hope_is_given_up(
    site: Path, server: ChatServer, fault: Fault, words: str
) -> None:
    server.always = fault
    said = ask(prompts(site, 50), server, "--timeout", "0.2", "--concurrency", "2")
    assert said.status == 3
    assert words in said.err
    assert "Start it again to go on" in said.err
    assert len(server.asked) < 25
    assert not (site / "m.db").exists()


def test_a_bad_morning_is_waited_out(site: Path, server: ChatServer) -> None:
    busy = Fault(status=429, headers={"Retry-After": "0"}, body="{}")
    server.faults = [busy, Fault(status=500, body="<html>"), Fault(body="no json"), Fault(delay_s=0.5)]
    assert "12 right, 0 wrong, 0 without" in ask(prompts(site, 12), server).out


def test_the_key_is_sent_and_never_seen(site: Path, server: ChatServer) -> None:
    key = site / "key.txt"
    key.write_text(KEY + "\n")
    server.answer = lambda _: f"your key is {KEY}"
    server.faults = [Fault(status=400, body=json.dumps({"error": {"message": f"bad key {KEY}"}}))]
    said = ask(prompts(site, 12), server, "--api-key-file", str(key))
    assert set(server.keys) == {f"Bearer {KEY}"}
    kept = "".join(
        path.read_text(errors="replace") for path in site.iterdir() if path != key and path.is_file()
    )
    assert KEY not in said.out + said.err
    assert "your key is ***" in kept
    assert KEY not in kept
    database = sqlite3.connect(site / "m.db")
    assert KEY not in "\n".join(database.iterdump())
    database.close()


def test_the_key_may_come_from_the_environment(
    site: Path, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    ask(prompts(site, 2), server)
    assert set(server.keys) == {f"Bearer {KEY}"}


def test_every_prompt_may_name_its_task(site: Path, server: ChatServer) -> None:
    path = prompts(site, 10)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps(x | {"task": "sums"} if i % 2 else x) + "\n" for i, x in enumerate(lines))
    )
    said = ask(path, server, "--task", "talk", "--json").json
    assert [(e["task"], e["samples"]) for e in said["results"]] == [("talk", 5), ("sums", 5)]


def test_answers_that_ended_at_max_tokens_are_said(site: Path, server: ChatServer) -> None:
    server.finish_reason = "length"
    assert "12 answers ended at max_tokens" in ask(prompts(site, 12), server).err


def test_a_check_without_end_is_no_verdict(site: Path, server: ChatServer) -> None:
    path = prompts(site, 12)
    line = {"id": "evil", "prompt": "Say x", "check": {"regex": r"(a+)+$"}}
    path.write_text(path.read_text() + json.dumps(line) + "\n")
    good = server.answer
    server.answer = lambda question: "a" * 40 + "!" if question == "Say x" else good(question)
    said = ask(path, server)
    assert "no result: evil: the check took longer than 2 s" in said.err
    assert "12 right, 0 wrong, 1 without" in said.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("--endpoint", "localhost:8000", "--model", "m"), "no http(s) address", id="no address"),
        pytest.param(
            ("--endpoint", "http://a:b@h/", "--model", "m"),
            "holds a password",
            id="a password in the address",
        ),
        pytest.param(
            ("--endpoint", "http://h/", "--model", "m", "--api-key-file", "nowhere"),
            "can not be read",
            id="no key file",
        ),
    ],
)
def test_usage(site: Path, arguments: tuple[str, ...], says: str) -> None:
    said = modelwatch("eval", "run", prompts(site, 1), *arguments)
    assert said.status == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_mistakes_in_prompts_end_it_before_anything_is_asked(site: Path, server: ChatServer) -> None:
    path = prompts(site, 2)
    path.write_text(path.read_text() + '{"id": "q9"}\n')
    said = ask(path, server)
    assert (said.status, server.asked) == (2, [])
    assert "helpdesk.jsonl:3: " in said.err


def test_another_models_answers_are_not_taken_for_its_own(site: Path, server: ChatServer) -> None:
    path = prompts(site, 3)
    ask(path, server, "--out", "a.jsonl")
    said = ask(path, server, "--out", "a.jsonl", model="other/model")
    assert said.status == 2
    assert f"a.jsonl:1: answers of {OTHER}, not of other/model" in said.err


@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
@pytest.mark.parametrize(
    "held",
    [
        pytest.param('{"id": "a", "prompt": "Say 1"}\n{"id": "b", "prompt": "Say 2"}', id="prompts"),
        pytest.param('{"id": "a", "prompt": "Say 1"}', id="a single prompt"),
        pytest.param("notes\nwithout an end", id="notes"),
        pytest.param("[1]\n", id="a list"),
    ],
)
def test_nothing_is_written_into_a_file_that_holds_something_else(
    site: Path, server: ChatServer, held: str, fresh: tuple[str, ...]
) -> None:
    (site / "mine.txt").write_text(held)
    said = ask(prompts(site, 2), server, "--out", "mine.txt", *fresh)
    assert said.status == 2
    assert "mine.txt: holds something else than answers" in said.err
    assert (site / "mine.txt").read_text() == held
    assert server.asked == []


def test_a_first_answer_that_was_cut_off_is_asked_again(site: Path, server: ChatServer) -> None:
    (site / "a.jsonl").write_text('{"id": "q0", "asked": "5')
    assert ask(prompts(site, 2), server, "--out", "a.jsonl").status == 0
    assert len((site / "a.jsonl").read_text().splitlines()) == 2


def _begin(site: Path, server: ChatServer, after: int) -> Any:
    """A run in a process of its own that has so many answers, and waits for three more."""
    server.hold_after = after
    process = start(
        *("eval", "run", "helpdesk.jsonl", "--endpoint", server.url, "--model", OTHER, "--concurrency", "3"),
        folder=site,
    )
    path = site / f"helpdesk.results-{OTHER.replace('/', '--')}.jsonl"
    for _ in range(600):
        if path.exists() and path.read_bytes().count(b"\n") == after and len(server.asked) == after + 3:
            return process
        time.sleep(0.1)
    raise AssertionError(process.communicate(timeout=5))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_goes_on_where_it_was(site: Path, server: ChatServer, sign: signal.Signals) -> None:
    path = prompts(site, 60)
    process = _begin(site, server, after=20)
    process.send_signal(sign)
    process.communicate(timeout=60)
    server.hold_after = None
    server.go_on.set()
    file = site / f"helpdesk.results-{OTHER.replace('/', '--')}.jsonl"
    assert len(answers(site)) == 20
    with file.open("ab") as torn:  # what a kill in the middle of a line leaves
        torn.write(b'{"id": "q59", "asked": "0')
    said = ask(path, server, "--json").json
    assert said["right"] == 60
    twice = {question for question in server.asked if server.asked.count(question) > 1}
    assert len(twice) == 3, "what was in flight, and nothing else"
    assert len(answers(site)) == 60


def test_ctrl_c_leaves_a_usable_file_at_once(site: Path, server: ChatServer) -> None:
    prompts(site, 60)
    process = _begin(site, server, after=10)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)  # what is in flight is held for longer
    assert process.returncode == 130
    assert "stopped. Start it again to go on." in err
    assert "Traceback" not in err
    assert len(answers(site)) == 10


def test_two_runs_do_not_write_to_one_file(site: Path, server: ChatServer) -> None:
    path = prompts(site, 60)
    process = _begin(site, server, after=1)
    said = ask(path, server)
    assert said.status == 2
    assert "another run is writing to it" in said.err
    process.kill()
    process.communicate(timeout=60)


def test_progress_is_said_where_nobody_watches_a_bar(site: Path, server: ChatServer) -> None:
    assert "12 of 12" in ask(prompts(site, 12), server).err
