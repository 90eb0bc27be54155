"""Pictures by address, from a server on the loopback interface that misbehaves in every way it can."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from PIL import Image

from vqa.downloading import download
from vqa.errors import InputError
from vqa.images import load_image

_BUFFER = io.BytesIO()
Image.new("RGB", (5, 4), "red").save(_BUFFER, "PNG")
PNG = _BUFFER.getvalue()


class Misbehaving(BaseHTTPRequestHandler):
    """Answers each path in its own bad way."""

    stop = threading.Event()
    agents: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        with suppress(ConnectionError):
            getattr(self, f"answer_{self.path[1:].split('?')[0].replace('%20', '_').replace('-', '_')}")()

    def send(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer_picture(self) -> None:
        self.agents.append(self.headers["User-Agent"])
        self.send(PNG, ContentType="text/plain")  # the bytes count, not what the server calls them

    def answer_a_picture(self) -> None:
        self.send(PNG)

    def answer_moved(self) -> None:
        self.send(b"", 302, Location="/picture")

    def answer_to_file(self) -> None:
        self.send(b"", 302, Location="file:///etc/passwd")

    def answer_to_ftp(self) -> None:
        self.send(b"", 301, Location="ftp://127.0.0.1/a.png")

    def answer_loop(self) -> None:
        self.send(b"", 302, Location="/loop")

    def answer_missing(self) -> None:
        self.send_response(404, "\x1b[31mNot here")
        self.end_headers()

    def answer_page(self) -> None:
        self.send(b"<!DOCTYPE html><title>a photo</title>")

    def answer_short(self) -> None:
        self.send(PNG[:20], length=len(PNG))

    def answer_announced(self) -> None:
        self.send(b"", length=10**12)

    def answer_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.stop.is_set():
            self.wfile.write(bytes(64 * 1024))

    def answer_silent(self) -> None:
        self.stop.wait(10)

    def answer_slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.drip(PNG[:1])

    def answer_slow_headers(self) -> None:
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        self.drip(b"X-Padding: yes\r\n")

    def answer_nonsense(self) -> None:
        self.wfile.write(b"\x00\xff nonsense\r\n\r\n")

    def drip(self, piece: bytes) -> None:
        """Send something often enough that no single read ever times out."""
        while not self.stop.wait(0.05):
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    Misbehaving.stop.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        Misbehaving.stop.set()
        server.shutdown()
        thread.join()


def message(url: str, *, timeout_s: float = 20, max_bytes: int = 100_000) -> str:
    with pytest.raises(InputError) as caught:
        load_image(url, timeout_s=timeout_s, max_bytes=max_bytes)
    text = str(caught.value)
    assert text.isprintable()
    assert repr(url) in text
    return text


@pytest.mark.parametrize("path", ["/picture", "/moved", "/picture?size=l&x=%C3%A9", "/a picture", "/picture?q=é#top"])
def test_a_picture_is_fetched_by_its_address(address: str, path: str) -> None:
    image = load_image(address + path)
    assert image.source == address + path
    assert image.pil.size == (5, 4)


def test_the_request_says_who_asks(address: str) -> None:
    Misbehaving.agents.clear()
    assert download(f"{address}/picture", timeout_s=20, max_bytes=10_000) == PNG
    assert Misbehaving.agents == ["vqa-agent"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/missing", "the server answers 404"),
        ("/page", "a web page; use the address of the picture itself"),
        ("/short", f"cut off after 20 of {len(PNG)} bytes"),
        ("/announced", "larger than"),
        ("/endless", "larger than"),
        ("/to_file", "is not allowed"),
        ("/to_ftp", "unknown url type: ftp"),
        ("/loop", "infinite loop"),
        ("/nonsense", "cannot be fetched"),
    ],
)
def test_what_is_no_picture_gives_one_clear_line(address: str, path: str, words: str) -> None:
    assert words in message(address + path)


@pytest.mark.parametrize("path", ["/silent", "/slow", "/slow-headers"])
def test_a_server_that_is_too_slow_is_given_up_in_time(address: str, path: str) -> None:
    start = time.monotonic()
    assert "not complete after 0.4 s" in message(address + path, timeout_s=0.4)
    assert time.monotonic() - start < 8


def test_a_refused_connection_and_a_broken_address_give_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as server:
        port = server.server_address[1]
    assert "cannot be fetched" in message(f"http://127.0.0.1:{port}/picture")
    for broken in (
        "http://",
        "http://[::1",
        "http://host:port/a.png",
        "http://127.0.0.1:99999/a",
        f"http://{'ü' * 300}/",
    ):
        assert "cannot be fetched" in message(broken)
