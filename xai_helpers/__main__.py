"""The command line: `python -m xai_helpers explain TEXT`, `... compare TEXT` and `... doctor`."""

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

    methods = None if options.methods is None else [name.strip() for name in options.methods.split(",")]
    print(compare(load(options.model), options.text, _target(options), methods))
    return 0


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
