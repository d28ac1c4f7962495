"""When an answer is right, how long finding out may take, and prompts as a team writes them."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.evaluation_checks import Check, Kind, passes, problem_with, without_thinking
from watcher.evaluation_files import BadResults
from watcher.evaluation_guard import CheckFailed, Grader
from watcher.evaluation_prompts import read_prompts

INVOICE = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "currency": {"enum": ["EUR", "USD"]}},
    "required": ["total", "currency"],
}


@pytest.mark.parametrize(
    ("kind", "wanted", "answer", "right"),
    [
        pytest.param("exact", "42", " 42\n", True, id="white space around it"),
        pytest.param("exact", "Paris", "paris", False, id="exact means its case too"),
        pytest.param("exact", "42", "<think>41? no</think>\n42", True, id="reasoning is taken off"),
        pytest.param("contains", ["19 %", "vat"], "The VAT is 19 %.", True, id="every part, in any case"),
        pytest.param("contains", ["19 %", "vat"], "The rate is 19 %.", False, id="a part is missing"),
        pytest.param("contains", ["yes"], "<think>yes or no?</think> no", False, id="thought of, not said"),
        pytest.param("regex", r"\b\d{4}-\d{2}\b", "in 2026-04.", True, id="a pattern anywhere"),
        pytest.param("regex", r"^\d+$", "42 apples", False, id="a pattern with ends"),
        pytest.param("json_schema", INVOICE, '{"total": 9.5, "currency": "EUR"}', True, id="JSON"),
        pytest.param(
            "json_schema", INVOICE, '```json\n{"total": 9.5, "currency": "EUR"}\n```', True, id="in a fence"
        ),
        pytest.param(
            "json_schema", INVOICE, '{"total": "9.5", "currency": "EUR"}', False, id="a text for a number"
        ),
        pytest.param("json_schema", INVOICE, 'Here: {"total": 9.5}', False, id="talk around it"),
        pytest.param("json_schema", INVOICE, "", False, id="nothing"),
    ],
)
def test_answers(kind: Kind, wanted: Any, answer: str, right: bool) -> None:
    check = Check(kind=kind, wanted=wanted)
    assert passes(check, answer) is right
    with Grader() as grader:
        assert grader.passes(check, answer) is right


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("plain", "plain", id="no reasoning"),
        pytest.param("<think>a</think>b", "b", id="before the answer"),
        pytest.param("a</think>b", "b", id="opened by the template"),
        pytest.param("<think>a", "", id="never ended"),
        pytest.param("x<think>a</think>y<think>b</think>z", "xz", id="twice"),
        pytest.param("[THINK]a[/THINK]b", "b", id="Magistral's marks"),
        pytest.param("<think>a <think> b</think>c", "c", id="a mark inside"),
    ],
)
def test_reasoning(text: str, left: str) -> None:
    assert without_thinking(text) == left


@given(st.lists(st.sampled_from(["<think>", "</think>", "a", " "]), max_size=12).map("".join))
def test_no_reasoning_is_ever_left(text: str) -> None:
    assert "think>" not in without_thinking(text)


CATASTROPHE = Check(kind="regex", wanted=r"(a+)+$")


def test_a_pattern_without_end_is_ended_and_the_next_check_works() -> None:
    with Grader(limit_s=1.0) as grader:
        grader.passes(Check(kind="regex", wanted="a"), "a")
        began = time.monotonic()
        with pytest.raises(CheckFailed, match=r"longer than 1 s"):
            grader.passes(CATASTROPHE, "a" * 40 + "!")
        assert time.monotonic() - began < 20
        assert grader.passes(Check(kind="regex", wanted="b"), "abc")


def test_a_pattern_in_a_schema_is_limited_too() -> None:
    schema = {"type": "string", "pattern": CATASTROPHE.wanted}
    with Grader(limit_s=1.0) as grader, pytest.raises(CheckFailed):
        grader.passes(Check(kind="json_schema", wanted=schema), json.dumps("a" * 40 + "!"))


def test_a_schema_is_not_fetched_from_elsewhere() -> None:
    check = Check(kind="json_schema", wanted={"properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}})
    with Grader() as grader, pytest.raises(CheckFailed, match="broke"):
        grader.passes(check, '{"a": 1}')
    assert problem_with(Check(kind="json_schema", wanted={"$ref": "http://127.0.0.1:9/x.json"}))


def test_what_lies_in_the_working_folder_is_not_run(folder: Any) -> None:
    (folder / "json.py").write_text("raise SystemExit")
    with Grader() as grader:
        assert grader.passes(Check(kind="regex", wanted="a"), "a")


def _line(**more: Any) -> str:
    return json.dumps({"id": "q1", "prompt": "Hello?", "check": {"contains": "hi"}, **more})


def test_prompts_as_a_team_writes_them() -> None:
    text = "\n".join(
        [
            "\ufeff" + _line(),
            "",
            _line(id=2, max_tokens=50, temperature=0.7, task="sums", check={"exact": "4"}),
            _line(
                id="q3",
                prompt=None,
                messages=[{"role": "system", "content": "x"}, {"role": "user", "content": "y"}],
            ),
            _line(id="q4", note="for us", categroy="typo"),
        ]
    )
    prompts, warnings = read_prompts("p.jsonl", text.encode(), "desk")
    assert [(p.id, p.task, len(p.question.messages)) for p in prompts] == [
        ("q1", "desk", 1),
        ("2", "sums", 1),
        ("q3", "desk", 2),
        ("q4", "desk", 1),
    ]
    assert (prompts[1].question.max_tokens, prompts[1].question.temperature) == (50, 0.7)
    assert warnings == ("p.jsonl:5: 'categroy' is not used",)


def test_an_answer_serves_until_the_question_changes_and_a_pair_until_the_check_does() -> None:
    [first], [other], [stricter] = (
        read_prompts("p", _line(**more).encode(), "t")[0]
        for more in ({}, {"prompt": "Hello!"}, {"check": {"contains": "hi!"}})
    )
    assert first.asked != other.asked
    assert (first.asked, first.key) == (stricter.asked, first.key)
    assert first.key != stricter.key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "p.jsonl: the file is empty", id="an empty file"),
        pytest.param("[\n" + _line() + "\n]", ":1:2: not complete JSON", id="a JSON list"),
        pytest.param('["a"]', ":1: a JSON object is needed", id="no object"),
        pytest.param(
            _line() + "\n" + _line(), ":2: id 'q1' is that of line 1 already", id="an id that comes twice"
        ),
        pytest.param(_line(id=None), ":1: id: a name", id="no id"),
        pytest.param(_line(prompt=None), ":1: give either prompt", id="no prompt"),
        pytest.param(_line(messages=[]), ":1: give either prompt", id="both ways"),
        pytest.param(
            _line(prompt=None, messages=[{"role": "boss", "content": "x"}]), "needs a role", id="a role"
        ),
        pytest.param(_line(prompt=None, messages=[{"role": "user"}]), "needs content", id="no content"),
        pytest.param(_line(check=None), ":1: check: exactly one of exact, contains", id="no check"),
        pytest.param(_line(check={"exact": "a", "regex": "b"}), "exactly one of", id="two checks"),
        pytest.param(_line(check={"exactly": "a"}), "'exactly' is none", id="a misspelt check"),
        pytest.param(
            _line(check={"exact": 4}), "check.exact: a text is needed", id="a number to be equal to"
        ),
        pytest.param(
            _line(check={"contains": []}), "check.contains: a text or a list", id="contains nothing"
        ),
        pytest.param(
            _line(check={"regex": "(a"}), "check.regex: no regular expression", id="a broken pattern"
        ),
        pytest.param(_line(check={"json_schema": {"type": "objct"}}), "no JSON schema", id="a broken schema"),
        pytest.param(
            _line(check={"json_schema": {"$ref": "#/$defs/x"}}), "refers to what is not", id="a dead end"
        ),
        pytest.param(_line(max_tokens=0), "max_tokens: a number", id="no tokens"),
        pytest.param(_line(temperature="hot"), "temperature: a number", id="no temperature"),
        pytest.param(_line(temperature=10**400), "temperature: a number", id="hotter than any number"),
        pytest.param(_line(prompt="\ud800"), "half a character", id="half a character"),
        pytest.param(
            _line(prompt=None, messages=[{"role": "user", "content": [float("nan")]}]), "NaN", id="no number"
        ),
        pytest.param('{"id": "a", ', ":1:12: not complete JSON", id="cut off"),
    ],
)
def test_mistakes_in_prompts_are_named_with_their_line(text: str, says: str) -> None:
    with pytest.raises(BadResults) as refused:
        read_prompts("p.jsonl", text.encode(), "t")
    assert says in str(refused.value)
    assert str(refused.value).startswith("p.jsonl:")
