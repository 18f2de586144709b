"""From JSON to the dataclasses of ``models``, by their annotations."""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from datetime import datetime, timezone
from typing import Any, TypeVar

from .errors import UnexpectedAnswerError

T = TypeVar("T")
_MISSING = object()


def decode(kind: type[T], value: Any, where: str = "answer") -> T:
    """Make a dataclass of a JSON object.

    A field that the object lacks becomes ``None`` or the field's default where it has one. What the dataclass does not
    know is left out, except in a field ``raw``, which gets the object as it came.

    Raises:
        UnexpectedAnswerError: A required field is missing or a value has another type; the text names the field.
    """
    if not isinstance(value, dict):
        raise UnexpectedAnswerError(f"{where}: expected a JSON object, got {_shown(value)}")
    values: dict[str, Any] = {}
    for name, annotation, required in _fields_of(typing.cast(typing.Hashable, kind)):
        if name == "raw":
            values[name] = value
            continue
        given = value.get(name, _MISSING)
        if given is _MISSING or (given is None and not required):
            if required:
                raise UnexpectedAnswerError(f"{where}: the field {name!r} is missing")
            continue
        values[name] = _convert(annotation, given, f"{where}.{name}")
    return kind(**values)


@functools.cache
def _fields_of(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.init
    )


def _convert(annotation: Any, value: Any, where: str) -> Any:
    if annotation is Any:
        return value
    origin = typing.get_origin(annotation)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        options = [option for option in typing.get_args(annotation) if option is not type(None)]
        return _convert(options[0], value, where)
    if origin is list and isinstance(value, list):
        (item,) = typing.get_args(annotation)
        return [_convert(item, each, f"{where}[{index}]") for index, each in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        _, item = typing.get_args(annotation)
        return {name: _convert(item, each, f"{where}.{name}") for name, each in value.items()}
    if annotation is datetime and isinstance(value, str):
        return _time(value, where)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return decode(annotation, value, where)
    if annotation is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # To Python a bool is an int too; to the API it is not.
    right_type = isinstance(annotation, type) and isinstance(value, annotation)
    if right_type and (annotation is bool or not isinstance(value, bool)):
        return value
    raise UnexpectedAnswerError(f"{where}: expected {getattr(annotation, '__name__', annotation)}, got {_shown(value)}")


def _time(text: str, where: str) -> datetime:
    # Python 3.10 reads neither a "Z" nor a fraction of other than three or six digits.
    normal = re.sub(r"[zZ]$", "+00:00", text)
    normal = re.sub(r"\.(\d+)", lambda match: "." + match[1][:6].ljust(6, "0"), normal)
    try:
        moment = datetime.fromisoformat(normal)
    except ValueError:
        raise UnexpectedAnswerError(f"{where}: {_shown(text)} is no time in ISO 8601") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:100] + "…"
