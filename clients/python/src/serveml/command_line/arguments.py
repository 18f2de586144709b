"""The command line's arguments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from .._version import __version__
from ..models import DeploymentStatus, Framework


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line, or end the program with status 2 and the usage."""
    parser = argparse.ArgumentParser(
        prog="serveml",
        description="Deploy model files to ServeML and use them.",
        epilog="The key is --api-key, else SERVEML_API_KEY, else the one that 'serveml login' kept. "
        "The API is --url, else SERVEML_URL, else https://api.serveml.com.",
    )
    parser.add_argument("--version", action="version", version=f"serveml {__version__}")
    parser.set_defaults(url=None, api_key=None, json=False)
    _add_common(parser)
    # They may stand before the command and after it; a default of the second parser would undo the first.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    _add_common(common)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    login = commands.add_parser("login", parents=[common], help="log in and keep an API key on this machine")
    login.add_argument("--email", help="asked for if not given")
    login.add_argument("--password-stdin", action="store_true", help="read the password from the standard input")
    login.add_argument("--key-name", help="the API key's name (default: serveml on this machine's name)")

    deploy = commands.add_parser("deploy", parents=[common], help="deploy a model file")
    deploy.add_argument("model", type=Path, help=".pkl, .joblib, .pt, .pth, .h5, .keras or .onnx")
    deploy.add_argument("-r", "--requirements", type=Path, metavar="FILE", help="the packages that the model needs")
    deploy.add_argument("-n", "--name", help="the deployment's name")
    deploy.add_argument("--memory", type=int, metavar="MB", help="memory (default: 1024)")
    deploy.add_argument("--timeout", type=int, metavar="SECONDS", help="time for a prediction (default: 30)")
    deploy.add_argument("--deployment", metavar="ID", help="deploy a new version of this deployment")
    deploy.add_argument("--changes", metavar="TEXT", help="what is new in this version")
    deploy.add_argument("--trusted", action="store_true", help="accept a pickle with unusual imports; yours only")
    deploy.add_argument("--no-wait", action="store_true", help="do not wait until it is ready")
    deploy.add_argument(
        "--wait-timeout", type=float, default=900.0, metavar="SECONDS", help="how long to wait (default: 900)"
    )

    predict = commands.add_parser("predict", parents=[common], help="predict for a row, or several")
    predict.add_argument("deployment", metavar="ID")
    predict.add_argument("data", metavar="DATA", help="JSON, @FILE, or - for the standard input")

    logs = commands.add_parser("logs", parents=[common], help="show the log of a deployment's build")
    logs.add_argument("deployment", metavar="ID")

    listing = commands.add_parser("ls", parents=[common], help="list deployments")
    listing.add_argument("--status", choices=get_args(DeploymentStatus))
    listing.add_argument("--framework", choices=get_args(Framework))
    listing.add_argument("--search", metavar="TEXT", help="part of the name")
    listing.add_argument("--limit", type=int, metavar="COUNT", help="show at most so many (default: all)")

    remove = commands.add_parser("rm", parents=[common], help="delete deployments")
    remove.add_argument("deployments", nargs="+", metavar="ID")

    return parser.parse_args(arguments)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="where the API is")
    parser.add_argument("--api-key", metavar="KEY", help="better kept in SERVEML_API_KEY: others see arguments")
    parser.add_argument("--json", action="store_true", help="print JSON")
