"""Fetches one file over http(s) into memory, within a total time and a size limit.

The standard library's urllib follows proxies and redirects, which is all a picture needs. Private and loopback
addresses are allowed on purpose: this is a local tool, run by the person who typed the URL.
"""

from __future__ import annotations

import threading
import time
from http.client import HTTPException
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit

from vqa.errors import InputError

_CHUNK = 64 * 1024
_MIB = 1024 * 1024


def download(url: str, *, timeout_s: float, max_bytes: int) -> bytes:
    """Return the body that `url` answers with.

    Args:
        url: An http or https address; redirects stay within the two.
        timeout_s: For everything together: name resolution, redirects, headers and body.
        max_bytes: The longest body accepted.

    Raises:
        InputError: Cannot be reached, an HTTP error, too slow, too long, or cut off.
    """
    fetch = _Fetch(url, timeout_s, max_bytes)
    # A socket's timeout counts from each byte, and name resolution has none: only a thread can be given up on time.
    worker = threading.Thread(target=fetch.run, name="vqa-download", daemon=True)
    worker.start()
    worker.join(timeout_s)
    if worker.is_alive() or isinstance(fetch.error, TimeoutError):
        raise InputError(f"{url!r}: not complete after {timeout_s:g} s; try again, or download it and give the file")
    if fetch.error is not None:
        raise fetch.error
    return fetch.body


class _Fetch:
    """One download; `run` never raises, it leaves `body` or `error`."""

    def __init__(self, url: str, timeout_s: float, max_bytes: int) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self.body = b""
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.body = self._read()
        except (InputError, TimeoutError) as error:
            self.error = error
        except HTTPError as error:
            error.close()
            self.error = InputError(
                f"{self.url!r}: the server answers {error.code} ({_line(error.reason)}); check the address"
            )
        except URLError as error:
            timed_out = isinstance(error.reason, TimeoutError)
            self.error = TimeoutError() if timed_out else self._unreachable(error.reason)
        except (OSError, HTTPException, ValueError) as error:
            self.error = self._unreachable(error)

    def _unreachable(self, reason: object) -> InputError:
        why = _line(getattr(reason, "strerror", None) or reason) or type(reason).__name__
        return InputError(f"{self.url!r}: cannot be fetched ({why}); check the address and the network")

    def _read(self) -> bytes:
        deadline = time.monotonic() + self.timeout_s
        headers = {"User-Agent": "vqa-agent", "Accept": "image/*,*/*;q=0.1"}
        with _opener().open(request.Request(_ascii(self.url), headers=headers), timeout=self.timeout_s) as response:
            announced = int(response.headers.get("Content-Length") or 0)
            if announced > self.max_bytes:
                raise self._too_long()
            body = bytearray()
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > self.max_bytes:
                    raise self._too_long()
                if time.monotonic() > deadline:
                    raise TimeoutError
        if len(body) < announced:
            raise InputError(f"{self.url!r}: cut off after {len(body)} of {announced} bytes; try again")
        return bytes(body)

    def _too_long(self) -> InputError:
        return InputError(
            f"{self.url!r}: larger than {self.max_bytes / _MIB:g} MiB; download it, scale it down and give the file"
        )


def _line(text: object) -> str:
    """Return foreign text as one printable line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))


def _opener() -> request.OpenerDirector:
    """Return an opener for http and https alone: unlike urllib's default it knows no ftp, file or data."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPRedirectHandler(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _ascii(url: str) -> str:
    """Return the address as HTTP wants it: spaces and non-ASCII letters encoded, what is encoded already left alone."""
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    reserved = "%/:=&?~+!$,;'@()*[]"
    return urlunsplit((parts.scheme, host, quote(parts.path, safe=reserved), quote(parts.query, safe=reserved), ""))
