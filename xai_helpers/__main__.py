"""The command line: `python -m xai_helpers explain TEXT` and `python -m xai_helpers doctor`."""

from __future__ import annotations

import argparse
import sys

from .errors import XaiError
from .registry import METHODS, attribute


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, or 1 with a message on stderr."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except XaiError as error:
        print(f"xai_helpers: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m xai_helpers", description="Why did the model say that?")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    explain = commands.add_parser("explain", help="explain what a model makes of one text")
    explain.add_argument("text", metavar="TEXT")
    explain.add_argument("--method", default="attention_rollout", help=f"one of: {', '.join(METHODS)}")
    explain.add_argument("--model", default="course-gpt2", help="an embedded model, a folder, or a hub id")
    explain.add_argument("--target", help="a next token or a class label; the default is the model's own prediction")
    explain.add_argument("--json", action="store_true", help="print the attribution as JSON")
    explain.set_defaults(run=_explain)

    doctor = commands.add_parser("doctor", help="check this installation, and say what to do about what is missing")
    doctor.set_defaults(run=_doctor)
    return parser


def _explain(options: argparse.Namespace) -> int:
    from .models import load

    model = load(options.model)
    attribution = attribute(model, options.text, options.method, options.target)
    if options.json:
        print(attribution.to_json())
        return 0
    from rich.console import Console

    from .viz import terminal

    Console().print(terminal.coloured_table(attribution))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from . import doctor

    return doctor.main()


if __name__ == "__main__":
    sys.exit(main())
