"""How an upload and a build show on the terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from ..deployment import Deployment
from ..models import UploadProgress

_BAR_WIDTH = 30
_REDRAW_SECONDS = 0.1


class Display:
    """A bar for the upload, then a line for the build: drawn in place on a terminal, told line by line elsewhere.

    It goes to the standard error, so that the standard output has the result alone.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Draw on the stream, or on the standard error."""
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._started = time.monotonic()
        self._drawn_at = 0.0
        self._line = ""
        self._last_status: str | None = None

    def uploaded(self, progress: UploadProgress) -> None:
        """Show how far the upload is."""
        if not self._in_place:
            return
        now = time.monotonic()
        complete = progress.sent_bytes >= progress.total_bytes
        if not complete and now - self._drawn_at < _REDRAW_SECONDS:
            return
        self._drawn_at = now
        part = progress.sent_bytes / progress.total_bytes if progress.total_bytes else 1.0
        filled = int(part * _BAR_WIDTH)
        rate = progress.sent_bytes / max(now - self._started, 0.001)
        self._draw(
            f"uploading [{'#' * filled}{'-' * (_BAR_WIDTH - filled)}] {part:4.0%} "
            f"{_megabytes(progress.sent_bytes)} of {_megabytes(progress.total_bytes)} MB, {_megabytes(rate)} MB/s"
        )
        if complete:
            self._finish_line()

    def looked(self, deployment: Deployment) -> None:
        """Show what a look at the deployment found."""
        if self._in_place:
            self._draw(f"{deployment.id} {deployment.status}, {time.monotonic() - self._started:.0f} s")
        elif deployment.status != self._last_status:
            print(f"{deployment.id} {deployment.status}", file=self._stream, flush=True)
        self._last_status = deployment.status

    def end(self) -> None:
        """Leave the cursor on a line of its own."""
        if self._line:
            self._finish_line()

    def _draw(self, line: str) -> None:
        self._stream.write("\r" + line.ljust(len(self._line)))
        self._stream.flush()
        self._line = line

    def _finish_line(self) -> None:
        self._stream.write("\n")
        self._stream.flush()
        self._line = ""


def _megabytes(count: float) -> str:
    return f"{count / 1_000_000:.1f}"
