"""One file of weights behind an https address, with limits on size, silence and slowness."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, ClassVar
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from vqa.weights.sources import File, Interrupted, Report, SourceError, save, within


@dataclass(frozen=True)
class Url:
    """One file behind an https address.

    Attributes:
        url: Its address.
        timeout_s: Seconds until the first byte, whatever takes them (names, connection, redirects), and then for any
            further silence.
        slowest: Bytes a second below which the download is given up.
        schemes: Address schemes accepted, also of redirects.
    """

    url: str
    timeout_s: float = 5.0
    slowest: float = 50e3
    schemes: tuple[str, ...] = ("https",)

    shows_progress: ClassVar[bool] = False

    @property
    def origin(self) -> str:
        return self.url

    def download_size(self, files: Sequence[File]) -> int:
        return sum(file.size for file in files)

    def download(self, files: Sequence[File], folder: Path, report: Report) -> None:
        (file,) = files
        deadline = time.monotonic() + self.timeout_s + file.size / self.slowest
        with self._open() as response:
            save(_Stream(response, self.url, deadline), file, folder, report)

    def _open(self) -> HTTPResponse:
        """Open the address within `timeout_s`, looking the name up included."""
        _require_scheme(self.url, self.schemes)
        opener = build_opener(_CheckedRedirects(self.schemes))
        try:
            response: HTTPResponse = within(
                self.timeout_s, self.url, lambda: opener.open(self.url, timeout=self.timeout_s)
            )
        except HTTPError as error:
            error.close()
            kind = Interrupted if error.code >= 500 or error.code in {408, 429} else SourceError
            raise kind(f"{self.url} answered {error.code} {error.reason}") from None
        except (OSError, HTTPException) as error:
            raise Interrupted(f"{self.url} cannot be reached ({getattr(error, 'reason', None) or error})") from None
        return response


class _Stream:
    """A response whose failures are ours, and which fails when its time is up, so that a trickle is no hang."""

    def __init__(self, response: HTTPResponse, url: str, deadline: float) -> None:
        self._response = response
        self._url = url
        self._deadline = deadline

    def read(self, size: int, /) -> bytes:
        if time.monotonic() > self._deadline:
            raise Interrupted(f"{self._url} is too slow")
        try:
            return self._response.read1(size)
        except (OSError, HTTPException) as error:
            raise Interrupted(f"{self._url} stopped answering ({error})") from None


class _CheckedRedirects(HTTPRedirectHandler):
    def __init__(self, schemes: tuple[str, ...]) -> None:
        self._schemes = schemes

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        try:
            _require_scheme(newurl, self._schemes)
        except SourceError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_scheme(url: str, schemes: tuple[str, ...]) -> None:
    if urlsplit(url).scheme not in schemes:
        raise SourceError(f"{url} was refused: only {' and '.join(schemes)} addresses are used")
