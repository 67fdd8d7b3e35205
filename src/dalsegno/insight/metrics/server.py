"""Metrics over HTTP: one page, on a thread of its own, so that it answers while the worker's loop stands still."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from dalsegno.errors import InvalidInput

_HERE = ("localhost", "127.0.0.1", "::1")


def read_address(text: str, token: str | None) -> tuple[str, int]:
    """Read ``127.0.0.1:9464``; a port alone is on this machine. Raises InvalidInput.

    An address that others can reach needs a token.
    """
    host, colon, port = text.rpartition(":")
    host = host.strip("[]") if colon else "127.0.0.1"
    if not port.isdecimal() or int(port) > 65_535 or not host:
        raise InvalidInput(
            f"{text!r} is no address to serve metrics on.",
            "It is HOST:PORT, or a port of this machine alone.",
            "Write 127.0.0.1:9464; port 0 takes a free one.",
            value=text,
        )
    if not token and not _is_loopback(host):
        raise InvalidInput(
            f"Metrics on {host} can be read from other machines, and no token was given.",
            "They name workflows, services and how much is done.",
            "Serve them on 127.0.0.1, or set DALSEGNO_METRICS_TOKEN, which whoever scrapes then sends as a "
            "bearer token.",
            value=text,
        )
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class MetricsServer:
    """Serves ``/metrics``; ``answer`` makes the page, of what the asker accepts, on the thread of the request."""

    def __init__(
        self, address: tuple[str, int], token: str | None, answer: Callable[[str], tuple[bytes, str]]
    ) -> None:
        self._server = _Server(address, token, answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="dalsegno-metrics", daemon=True, args=(0.1,)
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it is: HOST:PORT, with the port that it got."""
        host, port = self._server.server_address[:2]
        name = host.decode() if isinstance(host, bytes | bytearray) else str(host)
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], token: str | None, answer: Callable[[str], tuple[bytes, str]]
    ) -> None:
        self.token = token
        self.answer = answer
        if ":" in address[0]:
            import socket

            self.address_family = socket.AF_INET6
        try:
            super().__init__(address, _Page)
        except OSError as error:
            raise InvalidInput(
                f"Metrics cannot be served on {address[0]}:{address[1]}: {error.strerror or error}.",
                "Another process may have that port; each worker needs one of its own.",
                "Give another port, or 0 for a free one.",
                value=f"{address[0]}:{address[1]}",
            ) from error


class _Page(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.partition("?")[0] != "/metrics":
            self._say(HTTPStatus.NOT_FOUND, b"the metrics are at /metrics\n")
        elif not self._may():
            self._say(HTTPStatus.UNAUTHORIZED, b"a bearer token is needed\n")
        elif not self.server.token and self._host() not in _HERE:
            self._say(HTTPStatus.FORBIDDEN, b"without a token this page is for its own machine\n")
        else:
            self._say(HTTPStatus.OK, *self.server.answer(self.headers.get("Accept", "")))

    def _may(self) -> bool:
        if not self.server.token:
            return True
        given = self.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {self.server.token}".encode())

    def _host(self) -> str:
        """Name the host that the asker means: a page that a browser was led to by another name is refused."""
        host = self.headers.get("Host", "")
        return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]

    def _say(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: a scrape every few seconds is no news."""
