"""The program widenet, as `python -m widenet` and as the script of the package."""

import sys

from ._widenet import main as run


def main() -> int:
    """Runs the program with the arguments of the process."""
    return run(["widenet", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
