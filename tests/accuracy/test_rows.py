"""Rows are read as people wrote them: blanks are unknown, words are no numbers, groups are one boot."""

from pathlib import Path

import pytest

from tests.accuracy.rows import number, read_boots, read_speed, source_key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("4.5", 4.5, id="a number"),
        pytest.param("-0.42", -0.42, id="a negative one, as engines print for graphs"),
        pytest.param("", None, id="a blank is unknown"),
        pytest.param("about 5", None, id="words"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="no end"),
        pytest.param(None, None, id="a column that is missing"),
    ],
)
def test_numbers(text: str | None, expected: float | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    ("cells", "tokens"),
    [
        pytest.param({"context_depth": "9000", "prompt_tokens": "5"}, 9000, id="the stated depth"),
        pytest.param({"prompt_tokens": "100", "output_tokens": "50"}, 125, id="prompt and half the output"),
        pytest.param({"prompt_tokens": "0", "output_tokens": "1024"}, 512, id="half of an empty start"),
        pytest.param({"context_depth": "0"}, 1, id="an empty cache still has the token"),
        pytest.param({}, 512, id="a chat turn where nothing is said"),
    ],
)
def test_context_while_decoding(tmp_path: Path, cells: dict[str, str], tokens: int) -> None:
    [row] = read_speed([written(tmp_path, cells)])
    assert row.context_tokens == tokens


def test_rows_of_a_group_are_one_boot(tmp_path: Path) -> None:
    rows = [
        {"row_id": "1", "group_id": "a", "quantity": "weights_loaded", "value": "14.99", "gpu": "H100"},
        {
            "row_id": "2",
            "group_id": "a",
            "quantity": "kv_cache_mem",
            "value": "-1.44",
            "max_model_len": "16000",
        },
        {"row_id": "3", "group_id": "b", "quantity": "fits", "value": "0"},
        {"row_id": "4", "quantity": "fits", "value": "1"},
        {"row_id": "5", "quantity": "fits", "value": ""},
    ]
    first, second, third, fourth = read_boots([written(tmp_path, *rows)])
    assert first.printed == {"weights_loaded": 14.99, "kv_cache_mem": -1.44}
    assert (first.max_model_len, first.row_ids) == (16000, ("1", "2"))
    assert (second.fits, third.fits, fourth.fits) == (False, True, None)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        pytest.param("github:a/b README.md @0123", "a/b", id="a repository, whatever the file"),
        pytest.param("github:A/B docs/x.json @89ab", "a/b", id="the same one in other letters"),
        pytest.param(
            "github:a/b core/community/rtx-2080/1.json @0123", "community rtx-2080/1.json", id="a submission"
        ),
        pytest.param("public code index, file id 7 (somebody)", "public code index, file id 7", id="a file"),
        pytest.param("", "unnamed", id="nothing"),
    ],
)
def test_who_measured(source: str, key: str) -> None:
    assert source_key(source) == key


def written(folder: Path, *rows: dict[str, str]) -> Path:
    names = sorted({name for row in rows for name in row} | {"row_id", "value"})
    lines = [",".join(names), *(",".join(row.get(name, "") for name in names) for row in rows)]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
