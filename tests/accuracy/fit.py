"""python -m tests.accuracy.fit --memory FILE.csv --speed FILE.csv [--json]: how far the estimates are off."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.accuracy.booklet import beside_booklet
from tests.accuracy.document import write_part
from tests.accuracy.exact import exact_scores
from tests.accuracy.heldout import held_out_rows
from tests.accuracy.memory_scores import compare_memory
from tests.accuracy.peers import beside_llmfit
from tests.accuracy.read_configs import read_configs
from tests.accuracy.report import document, text
from tests.accuracy.result import Result, scored
from tests.accuracy.rows import SpeedRow, read_boots, read_speed
from tests.accuracy.screening import screening_scores
from tests.accuracy.speed_scores import compare_speeds
from tests.accuracy.vectors import vector_scores
from tests.shared import ROOT

EVIDENCE = Path(__file__).resolve().parent / "evidence"


def main(arguments: Sequence[str] | None = None) -> int:
    options = options_of(arguments)
    if not options.memory and not options.speed:
        options.memory, options.speed = [EVIDENCE / "memory.csv"], _evidence_files()
    missing = [str(path) for path in (*options.memory, *options.speed) if not path.is_file()]
    if missing:
        print(f"no such file: {', '.join(missing)}", file=sys.stderr)
        return 2
    rows = read_speed(options.speed)
    result = run(options, rows)
    if options.csv:
        _write_rows(options.csv, result)
    if not options.no_write:
        configs = list(read_configs(ROOT / "data/hub/configs"))
        write_part("fit", document(result, beside_booklet(rows, result.compared), configs, options.worst))
    print(json.dumps(result.as_json(), indent=2) if options.json else text(result, options.worst))
    return 0


def run(options: argparse.Namespace, rows: Sequence[SpeedRow]) -> Result:
    boots, speeds = read_boots(options.memory), compare_speeds(rows)
    return scored(
        boots,
        rows,
        compare_memory(boots),
        speeds,
        files=[_label(path) for path in (*options.memory, *options.speed)],
        held_out=[] if options.no_cross_validation else held_out_rows(rows, _evidence()),
        beside=None if options.no_peers else beside_llmfit(rows, options.llmfit),
        further={
            **vector_scores(),
            **exact_scores(),
            **screening_scores(options.llmfit, peers=not options.no_peers),
        },
    )


def _evidence_files() -> list[Path]:
    return sorted(EVIDENCE.glob("speed*.csv"))


def _evidence() -> list[SpeedRow]:
    """The project's own rows, which help to fit whatever files are given."""
    return read_speed(_evidence_files())


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, read."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.fit", description=__doc__)
    files = parser.add_argument_group("rows (without any: the project's own evidence)")
    files.add_argument(
        "--memory", type=Path, action="append", default=[], help="what engines printed at boot"
    )
    files.add_argument("--speed", type=Path, action="append", default=[], help="tokens per second")
    parser.add_argument("--json", action="store_true", help="one object instead of text")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst rows are shown")
    parser.add_argument("--csv", type=Path, help="write every compared row here")
    parser.add_argument("--llmfit", help="the llmfit to compare with (default: the one on PATH)")
    parser.add_argument("--no-peers", action="store_true", help="do not run llmfit")
    parser.add_argument("--no-cross-validation", action="store_true", help="do not refit the constants")
    parser.add_argument("--no-write", action="store_true", help="leave docs/accuracy.md as it is")
    return parser.parse_args(arguments)


def _label(path: Path) -> str:
    """A name that tells files of the same name apart, and nothing of this machine."""
    return f"{path.parent.name}/{path.name}"


def _write_rows(path: Path, result: Result) -> None:
    names = ("measure", "row_id", "source", "model", "family", "device", "engine", "estimated", "measured")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "ratio", "low", "high", "guessed", "working"])
        for row in [*result.compared, *result.held_out]:
            told = [getattr(row, name) for name in names]
            writer.writerow(
                [*told, f"{row.estimated / row.measured:.3f}", row.low, row.high, row.guessed, row.working]
            )


if __name__ == "__main__":
    raise SystemExit(main())
