"""The command line `vitrine`: run, predict, batch, teach, api and train."""

from __future__ import annotations

import sys

from vitrine.cli import build_app


def main() -> None:
    """Run the command line `vitrine`."""
    build_app(sys.argv[1:])(prog_name="vitrine")


if __name__ == "__main__":
    main()
