"""python -m tests.accuracy.fit --memory FILE.csv --speed FILE.csv [--json]: how far the estimates are off."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.accuracy.memory_scores import compare_memory
from tests.accuracy.result import Result, scored
from tests.accuracy.rows import read_boots, read_speed
from tests.accuracy.speed_scores import compare_speeds

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    missing = [str(path) for path in (*options.memory, *options.speed) if not path.is_file()]
    if missing:
        print(f"no such file: {', '.join(missing)}", file=sys.stderr)
        return 2
    boots, rows = read_boots(options.memory), read_speed(options.speed)
    result = scored(boots, rows, compare_memory(boots), compare_speeds(rows))
    if options.csv:
        _write_rows(options.csv, result)
    if options.json:
        print(json.dumps(result.as_json(), indent=2))
    else:
        print(result.text(options.worst))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.fit", description=__doc__)
    parser.add_argument("--memory", type=Path, action="append", default=[], help="rows as memory_truth.csv")
    parser.add_argument("--speed", type=Path, action="append", default=[], help="rows as speed_truth.csv")
    parser.add_argument("--json", action="store_true", help="one object instead of text")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst rows are shown")
    parser.add_argument("--csv", type=Path, help="write every compared row here")
    parser.add_argument("--no-write", action="store_true", help="leave docs/accuracy.md as it is")
    return parser.parse_args(arguments)


def _write_rows(path: Path, result: Result) -> None:
    names = ("measure", "row_id", "source", "model", "family", "device", "engine", "estimated", "measured")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "ratio", "low", "high", "guessed", "working"])
        for row in result.compared:
            told = [getattr(row, name) for name in names]
            writer.writerow(
                [*told, f"{row.estimated / row.measured:.3f}", row.low, row.high, row.guessed, row.working]
            )


if __name__ == "__main__":
    raise SystemExit(main())
