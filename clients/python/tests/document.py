"""The API's document, from which the tests take the answers of their server and the examples that they run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_PATH = Path(__file__).resolve().parents[3] / "tests/end_to_end/documents/serveml-api.md"
_TEXT = _PATH.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading, up to the next heading of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(title)}$", _TEXT, re.MULTILINE)
    assert found, f"the document has no heading {title!r}"
    rest = _TEXT[found.end() :]
    end = re.search(rf"^#{{2,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def example(title: str, label: str = "Response") -> Any:
    """The JSON example below a heading and a label, such as ``Response (Single)``."""
    found = re.search(rf"\*\*{re.escape(label)}:\*\*\n```json\n(.*?)\n```", section(title), re.DOTALL)
    assert found, f"{title!r} has no example {label!r}"
    # The document cuts lists short with "..." and explains with "//".
    return json.loads(re.sub(r", \.\.\.|  //.*", "", found[1]))


def code(title: str, language: str) -> str:
    """The program below a heading, as printed."""
    found = re.search(rf"```{language}\n(.*?)```", section(title), re.DOTALL)
    assert found, f"{title!r} has no example in {language}"
    return found[1]


def error_codes() -> dict[str, int]:
    """The table of error codes with their HTTP statuses."""
    return {code: int(status) for code, status in re.findall(r"^\| `(\w+)` \| (\d+) \|", _TEXT, re.MULTILINE)}


def error_example() -> dict[str, Any]:
    """The example of an error."""
    found = re.search(r"```json\n(.*?)\n```", section("Error Responses"), re.DOTALL)
    assert found
    body: dict[str, Any] = json.loads(found[1])
    return body
