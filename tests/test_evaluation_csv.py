"""Sheets of scores: what is understood, what is refused, and where in the file."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.evaluation_files import BadResults, Parsed, read_results

NOW = datetime(2026, 4, 20, tzinfo=UTC)
QWEN, GEMMA = "Qwen/Qwen3.6-27B", "google/gemma-4-31B-it"


def _read(text: str | bytes, **named: Any) -> Parsed:
    raw = text.encode() if isinstance(text, str) else text
    return read_results("scores.csv", raw, now=NOW, **named)


def _table(parsed: Parsed) -> list[tuple[str, str, float]]:
    return [(e.model, e.task, round(e.score, 6)) for e in parsed.results]


@pytest.mark.parametrize(
    ("text", "scores", "note"),
    [
        pytest.param("model,task,score\na,t,0.85\nb,t,1\nc,t,0\n", [0.85, 1, 0], "shares", id="shares"),
        pytest.param("model,task,score\na,t,85\nb,t,100\nc,t,0\n", [0.85, 1, 0], "percent", id="percent"),
        pytest.param("model,task,score\na,t,85 %\nb,t,0.5%\n", [0.85, 0.005], "percent", id="percent signs"),
        pytest.param("model,task,score\na,t,85 %\nb,t,90\n", [0.85, 0.9], "percent", id="a sign on some"),
        pytest.param("model;task;score\na;t;85,5\nb;t;90\n", [0.855, 0.9], "semicolons", id="a German sheet"),
        pytest.param("model\ttask\tscore\na\tt\t0.5\n", [0.5], "tabs", id="tabs"),
        pytest.param("\ufeffmodel,task,score\r\na,t,0.5\r\n", [0.5], "shares", id="a byte order mark"),
        pytest.param("\ufeffmodel,task,score\na,t,0.5\n".encode("utf-16-le"), [0.5], "UTF-16", id="UTF-16"),
        pytest.param(
            "date,Model ID,notes,Accuracy,Benchmark\n2026-04-01,a,x,0.5,t\n",
            [0.5],
            "not used: notes",
            id="other names",
        ),
        pytest.param('model,task,score\n\n"a",t," 0.5 "\n,,\n', [0.5], "shares", id="empty lines and spaces"),
        pytest.param("model,task,score\na,t,5e-1\n", [0.5], "shares", id="a script's number"),
    ],
)
def test_scores_are_shares_or_percent_and_the_file_says_which(
    text: str | bytes, scores: list[float], note: str
) -> None:
    parsed = _read(text)
    assert [round(e.score, 6) for e in parsed.results] == scores
    assert any(note in said for said in parsed.notes), parsed.notes


def test_everything_that_a_line_may_say() -> None:
    [e] = _read(
        f"model,task,metric,score,n,stderr,date\n{QWEN},helpdesk,f1,86 %,100,3.5 %,2026-04-01\n"
    ).results
    assert (e.model, e.task, e.metric, e.samples) == (QWEN, "helpdesk", "f1", 100)
    assert e.score == pytest.approx(0.86)
    assert e.stderr == pytest.approx(0.035)
    assert (e.at, e.source) == (datetime(2026, 4, 1, tzinfo=UTC), "scores.csv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "scores.csv: the file is empty", id="an empty file"),
        pytest.param("\ufeff\n \n", "scores.csv: the file is empty", id="nothing but white space"),
        pytest.param(
            "model|task|score\na|t|1\n", ":1: the first line must name the columns", id="another delimiter"
        ),
        pytest.param("a,t,0.5\nb,t,0.6\n", ":1: the first line must name the columns", id="no header"),
        pytest.param(
            "model,score\na,0.5\n", ":1: no column task or give --task; there are: model, score", id="no task"
        ),
        pytest.param("modle,task,score\na,t,1\n", "did you mean", id="a misspelt column"),
        pytest.param("model,task,points\na,t,1\n", ":1: no column score; there are", id="no score"),
        pytest.param(
            "model,task,acc,value\na,t,1,1\n", ":1: two columns for score: acc and value", id="two scores"
        ),
        pytest.param("model,task,score\na,t,abc\n", ":2: column score: 'abc' is no number", id="no number"),
        pytest.param(
            "model,task,score\na,t,101\n", ":2: column score: 101 is not between 0 and 100", id="too much"
        ),
        pytest.param(
            "model,task,score\na,t,-0.1\n", ":2: column score: -0.1 is not between", id="less than nothing"
        ),
        pytest.param("model,task,score\na,t,inf\n", ":2: column score: 'inf' is no number", id="infinity"),
        pytest.param(
            "model,task,score\na,t,0,85\n", ":2: 4 cells, but the first line names 3", id="decimal comma"
        ),
        pytest.param(
            "model,task,score\na,t,85\nb,t,0.9\n",
            ":3: column score: 0.9 reads as a share, but line 2 is in percent: write 90 or 0.9 %",
            id="both scales",
        ),
        pytest.param("model,task,score\n,t,1\n", ":2: column model: empty", id="no model"),
        pytest.param("model,task,score\na,,1\n", ":2: column task: empty", id="no task on a line"),
        pytest.param("model,task,score,n\na,t,1,many\n", ":2: column samples: 'many'", id="no sample size"),
        pytest.param("model,task,score,n\na,t,1,0\n", ":2: column samples: '0'", id="nobody was asked"),
        pytest.param("model,task,score,se\na,t,0.5,0.7\n", ":2: column stderr: 0.7 is more", id="too unsure"),
        pytest.param(
            "model,task,score,date\na,t,1,01.04.2026\n", ":2: column date: '01.04.2026'", id="a date"
        ),
        pytest.param("model,task,score,date\na,t,1,2062-04-01\n", "dated in the future", id="a day to come"),
        pytest.param(
            "model,task,metric,score\na,t,wer,0.2\n", ":2: column metric: of 'wer' less", id="less is better"
        ),
        pytest.param(
            "model,task,score\na,t,0.5\nA,T,0.6\n",
            ":3: A on T is on line 2 already, with another result",
            id="two truths",
        ),
        pytest.param("model,task,score\na,t,n/a\n", "no line has a score", id="nothing measured"),
        pytest.param(
            'model,task,score\na,t,1\n"b,t,1\nc,t,1\n', "unexpected end of data", id="a quote that never ends"
        ),
        pytest.param("model,task,score\na,t,\x1b[2J\n", "is no number", id="a terminal code"),
        pytest.param(b"model,task,score\na,t,1\n\xe4,t,1\n", ":3: not UTF-8", id="Latin-1"),
        pytest.param("model,task,score\n" + "a" * 300 + ",t,1\n", ":2: column model:", id="a very long name"),
    ],
)
def test_what_is_refused_is_named_with_its_place(text: str | bytes, says: str) -> None:
    with pytest.raises(BadResults) as refused:
        _read(text)
    assert says in str(refused.value)
    assert str(refused.value).startswith("scores.csv:")
    assert "\x1b" not in str(refused.value)


def test_all_mistakes_are_told_at_once() -> None:
    lines = "".join(f"m{i},t,bad\n" for i in range(30))
    with pytest.raises(BadResults) as refused:
        _read("model,task,score\n" + lines)
    said = str(refused.value).splitlines()
    assert (said[0][:12], said[-1]) == ("scores.csv:2", "scores.csv: and 10 more")


def test_what_was_not_measured_is_left_out_and_said() -> None:
    parsed = _read("model,task,score\na,t,0.5\nb,t,\nc,t,NaN\nd,t,N/A\n")
    assert _table(parsed) == [("a", "t", 0.5)]
    assert parsed.warnings == ("no score on line 3, 4, 5: left out",)


def test_a_line_that_comes_twice_counts_once() -> None:
    parsed = _read("model,task,score,n\na,t,0.5,9\nb,t,0.5,9\nA,T,0.5,9\n")
    assert len(parsed.results) == 2
    assert parsed.warnings == ("lines 2 and 4 are the same (A on T): counted once",)


def test_one_model_may_have_a_result_for_every_date_and_metric() -> None:
    parsed = _read(
        "model,task,metric,score,date\na,t,f1,0.5,2026-04-01\na,t,f1,0.6,2026-04-02\na,t,em,0.4,2026-04-02\n"
    )
    assert len(parsed.results) == 3


@pytest.mark.parametrize(
    ("text", "named", "rows"),
    [
        pytest.param("model,score\na,0.5\n", {"task": "x"}, [("a", "x", 0.5)], id="named for a file without"),
        pytest.param("task,score\nt,0.5\n", {"model": QWEN}, [(QWEN, "t", 0.5)], id="the model too"),
        pytest.param(
            "model,task,score\na,t,0.5\n", {"task": "x"}, [("a", "x", 0.5)], id="the only one renamed"
        ),
        pytest.param(
            "model,task,score\na,t,0.5\na,u,0.6\n",
            {"task": "U"},
            [("a", "U", 0.6)],
            id="one of several chosen",
        ),
        pytest.param(
            "model,task,score\na,,0.5\nb,,0.6\n",
            {"task": "x"},
            [("a", "x", 0.5), ("b", "x", 0.6)],
            id="blank cells",
        ),
    ],
)
def test_task_and_model_can_be_told(text: str, named: dict[str, str], rows: list[Any]) -> None:
    assert _table(_read(text, **named)) == rows


def test_of_several_tasks_none_is_guessed() -> None:
    with pytest.raises(BadResults, match=r"--task x: the file has 2 tasks and none of that name: t, u"):
        _read("model,task,score\na,t,0.5\na,u,0.6\n", task="x")


def test_a_sheet_without_end_is_refused() -> None:
    with pytest.raises(BadResults, match="more than 200,000 lines"):
        _read("model,task,score\n" + "a,t,0.5\n" * 200_001)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_a_file_holds_it_is_read_or_refused(raw: bytes) -> None:
    _read_or_refused(raw)


def _read_or_refused(raw: bytes) -> None:
    try:
        parsed = _read(raw)
    except BadResults:
        return
    assert all(0 <= e.score <= 1 for e in parsed.results)


@given(
    st.lists(st.sampled_from(["a", "t", "0.5", "85 %", "", "nan", '"', ",", "\n", ";", "1e9"]), max_size=40)
)
def test_whatever_stands_below_a_header_is_read_or_refused(parts: list[str]) -> None:
    _read_or_refused(("model,task,score\n" + ",".join(parts)).encode())
