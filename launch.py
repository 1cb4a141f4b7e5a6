"""Start the studio: `uv run launch.py`, the same as `studio serve`."""

import sys

from studio.cli.main import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
