"""The command line: `python -m xai_helpers explain TEXT`, `... compare TEXT`, `... board` and `... doctor`."""

from __future__ import annotations

import argparse
import io
import os
import sys

from .errors import XaiError
from .installation import INSTALL
from .registry import METHODS, attribute


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, or 1 with a message on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the terminal's encoding lacks is shown as "?"
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except XaiError as error:
        print(f"xai_helpers: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has had enough, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m xai_helpers", description="Why did the model say that?")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("text", metavar="TEXT")
    asked.add_argument("--model", default="course-gpt2", help="an embedded name, a folder or a hub id (%(default)s)")
    target = asked.add_mutually_exclusive_group()
    target.add_argument("--target", help="a next token or class label, for methods that explain one output")
    target.add_argument("--target-id", type=int, metavar="ID", help="the same by its id")

    explain = commands.add_parser("explain", parents=[asked], help="explain what a model makes of one text")
    explain.add_argument("--method", default="attention_rollout", help=f"one of: {', '.join(METHODS)} (%(default)s)")
    explain.add_argument("--json", action="store_true", help="print the attribution as JSON")
    explain.set_defaults(run=_explain)

    compare = commands.add_parser("compare", parents=[asked], help="set several methods' answers side by side")
    compare.add_argument("--methods", metavar="A,B,...", help="names with commas between them; all, if left out")
    compare.set_defaults(run=_compare)

    board = commands.add_parser("board", help="hold methods against texts of which it is known what decides")
    board.add_argument("--models", metavar="A,B,...", help="embedded names with commas between them; all, if left out")
    board.add_argument("--methods", metavar="A,B,...", help="the same of methods")
    board.add_argument("--texts", type=int, default=100, metavar="N", help="at most so many of each set (%(default)s)")
    board.add_argument(
        "--costly", type=int, default=30, metavar="N", help="texts of the costliest metrics (%(default)s)"
    )
    board.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (%(default)s)")
    board.add_argument(
        "--output", default="board", metavar="NAME", help="writes NAME.parquet and NAME.md (%(default)s)"
    )
    board.set_defaults(run=_board)

    doctor = commands.add_parser("doctor", help="check this installation, and say what to do about what is missing")
    doctor.set_defaults(run=_doctor)
    return parser


def _explain(options: argparse.Namespace) -> int:
    from .models import load

    attribution = attribute(load(options.model), options.text, options.method, _target(options))
    if options.json:
        print(attribution.to_json())
        return 0
    from rich.console import Console

    from .viz import terminal

    Console().print(terminal.coloured_table(attribution))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from .comparison import compare
    from .models import load

    print(compare(load(options.model), options.text, _target(options), _names(options.methods)))
    return 0


def _board(options: argparse.Namespace) -> int:
    from . import board

    made = board.make(
        _names(options.models),
        _names(options.methods),
        settings=board.Settings(texts=options.texts, costly=options.costly),
        path=f"{options.output}.jsonl",
        jobs=options.jobs,
    )
    made.save(options.output)
    os.remove(f"{options.output}.jsonl")
    print(f"{made!r}; written to {options.output}.parquet and {options.output}.md")
    return 0


def _names(listed: str | None) -> list[str] | None:
    return None if listed is None else [name.strip() for name in listed.split(",")]


def _target(options: argparse.Namespace) -> str | int | None:
    return options.target if options.target_id is None else options.target_id


def _doctor(options: argparse.Namespace) -> int:
    try:
        from . import doctor

        return doctor.main()
    except ModuleNotFoundError as error:  # the report itself is made with two libraries
        print(f"FAIL  {error.name} is missing; {INSTALL}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
