"""``python -m serveml`` is the command ``serveml``."""

import sys

from .command_line import main

if __name__ == "__main__":
    sys.exit(main())
