"""The command ``serveml``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from ..errors import APIError, ConfigurationError, ServeMLError
from .arguments import parse_arguments
from .commands import COMMANDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0, 1 for an error, 2 for a wrong command line, 130 for Ctrl-C."""
    options = parse_arguments(arguments)
    try:
        COMMANDS[options.command](options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output (such as head) has enough. What Python flushes at its end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("serveml: interrupted", file=sys.stderr)
        return 130
    except (ServeMLError, OSError) as error:
        _print_error(error, as_json=options.json)
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


def _print_error(error: ServeMLError | OSError, *, as_json: bool) -> None:
    if not as_json:
        message = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        print(f"serveml: {message}", file=sys.stderr)
        return
    if isinstance(error, APIError):
        shown = {"code": error.code, "message": error.message, "details": error.details}
        body = {"error": shown, "request_id": error.request_id}
    else:
        body = {"error": {"code": type(error).__name__, "message": str(error), "details": {}}, "request_id": None}
    print(json.dumps(body, indent=2), file=sys.stderr)
