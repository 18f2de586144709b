"""The API keys that ``serveml login`` keeps, one for each API, in a file that only its owner reads."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError


def load(url: str) -> str | None:
    """Give the key for the API at ``url``, if one is kept."""
    key = _read().get(url)
    return key if isinstance(key, str) else None


def save(url: str, api_key: str) -> Path:
    """Keep the key for the API at ``url``; gives the file's path."""
    path = _path()
    keys = {**_read(), url: api_key}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A temporary file is its owner's alone from the start, and takes the other's place at once.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"api_keys": keys}, file, indent=2)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _path() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if os.name == "nt" else None)
    return (Path(home) if home else Path.home() / ".config") / "serveml" / "credentials.json"


def _read() -> dict[str, Any]:
    path = _path()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        kept = None
    keys = kept.get("api_keys") if isinstance(kept, dict) else None
    if not isinstance(keys, dict):
        raise ConfigurationError(f"{path} is not what 'serveml login' wrote; delete it and log in again")
    return keys
