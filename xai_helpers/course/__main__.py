"""The command line of the course's authors: `python -m xai_helpers.course badges`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import XaiError
from . import badges


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit status: 0, or 1 with a message on stderr."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (XaiError, OSError) as error:
        print(f"xai_helpers.course: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m xai_helpers.course", description="For the course's authors.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "badges",
        help="say where the course's repository lies: pyproject.toml, README.md and all notebooks follow",
        description="Writes the repository into pyproject.toml, and badges for Colab and Binder into README.md and the "
        "notebooks, which then fetch the course from there on Colab. Run it in a clone's own folder.",
    )
    setting = command.add_mutually_exclusive_group(required=True)
    setting.add_argument("--repository", metavar="OWNER/NAME", help="a public repository on GitHub that exists")
    setting.add_argument("--remove", action="store_true", help="take all of it away again")
    command.set_defaults(run=_badges)
    return parser


def _badges(options: argparse.Namespace) -> int:
    root = Path.cwd()
    changed = badges.set_repository(root, None if options.remove else options.repository)
    for path in changed:
        print(path.relative_to(root).as_posix())
    if not changed:
        print("nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
