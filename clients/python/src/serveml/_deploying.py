"""What a deployment's request is made of, and how its file travels."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import httpx

from ._call import Call
from ._calls import Upload, deploy
from .errors import ConfigurationError
from .models import DeploymentRecord, UploadProgress

FilePath = str | PathLike[str]
ProgressCallback = Callable[[UploadProgress], object]
Form = dict[str, tuple[str | None, bytes]]

LARGEST_FORM_FILES = 4_000_000
"""Bytes of files that go along in the form; more go by an upload of their own, as the API takes no larger bodies."""

_CHUNK = 128 * 1024


@dataclass(frozen=True)
class DeployRequest:
    """A deployment as its caller asked for it."""

    model: Path
    model_size: int
    requirements: bytes | None
    fields: Mapping[str, str]
    idempotency_key: str

    @classmethod
    def prepare(
        cls,
        model_path: FilePath,
        requirements_path: FilePath | None,
        idempotency_key: str | None,
        **fields: str | int | bool | None,
    ) -> DeployRequest:
        """Look at the files.

        Raises:
            OSError: A file is missing or cannot be read.
            ConfigurationError: The model is no file, or empty.
        """
        model = Path(model_path)
        size = model.stat().st_size
        if not model.is_file():
            raise ConfigurationError(f"{model} is no file")
        if size == 0:
            raise ConfigurationError(f"{model} is empty")
        requirements = Path(requirements_path).read_bytes() if requirements_path is not None else None
        texts = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in fields.items()
            if value is not None and value is not False
        }
        return cls(model, size, requirements, texts, idempotency_key or str(uuid.uuid4()))

    @property
    def needs_upload(self) -> bool:
        """Whether the files are too large to go along in the form."""
        return self.model_size + len(self.requirements or b"") > LARGEST_FORM_FILES

    def call(self, upload: Upload | None) -> Call[DeploymentRecord]:
        """Describe the request, with the model file in it or with the upload's id in its place."""
        form: Form = {}
        if upload is None:
            form["model_file"] = (self.model.name, self.model.read_bytes())
        else:
            form["upload_id"] = (None, upload.upload_id.encode())
        if self.requirements is not None:
            form["requirements_file"] = ("requirements.txt", self.requirements)
        form.update({name: (None, value.encode()) for name, value in self.fields.items()})
        return deploy(form, self.idempotency_key)


def encode_form(form: Mapping[str, tuple[str | None, bytes]]) -> tuple[bytes, str]:
    """Give a form's body and its content type."""
    request = httpx.Request("POST", "http://form", files=dict(form))
    return request.read(), request.headers["content-type"]


def body_chunks(body: bytes, on_progress: ProgressCallback | None) -> Iterator[bytes]:
    """Give a body in pieces and tell of each that was taken."""
    for start in range(0, len(body), _CHUNK):
        yield body[start : start + _CHUNK]
        _tell(on_progress, min(start + _CHUNK, len(body)), len(body))


def file_chunks(path: Path, size: int, on_progress: ProgressCallback | None) -> Iterator[bytes]:
    """Give a file in pieces and tell of each that was taken."""
    sent = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
            sent += len(chunk)
            _tell(on_progress, sent, size)


async def body_chunks_async(body: bytes, on_progress: ProgressCallback | None) -> AsyncIterator[bytes]:
    """Do what ``body_chunks`` does for the asynchronous client."""
    for chunk in body_chunks(body, on_progress):
        yield chunk


async def file_chunks_async(path: Path, size: int, on_progress: ProgressCallback | None) -> AsyncIterator[bytes]:
    """Do what ``file_chunks`` does for the asynchronous client: the disk is read beside the event loop."""
    sent = 0
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
            sent += len(chunk)
            _tell(on_progress, sent, size)


def upload_headers(upload: Upload, size: int) -> dict[str, str]:
    """Give the headers of an upload: those that its URL was signed for, and the size (storage takes no chunks)."""
    return {**(upload.headers or {}), "Content-Length": str(size)}


def _tell(on_progress: ProgressCallback | None, sent: int, total: int) -> None:
    if on_progress is not None:
        on_progress(UploadProgress(sent, total))
