"""vitrine run | predict | train | api, or python -m vitrine"""

from __future__ import annotations

import sys

from vitrine.cli import build_app


def main() -> None:
    build_app(sys.argv[1:])(prog_name="vitrine")


if __name__ == "__main__":
    main()
