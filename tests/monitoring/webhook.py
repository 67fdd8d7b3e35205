"""A webhook of the test's own: what was posted to it, and how it is to answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class Webhook:
    """Listens on a free port of this machine while the block lasts; ``answers`` are used up one by one."""

    def __init__(self, *answers: int) -> None:
        self.posted: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self._answers = list(answers)
        webhook = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.posted.append(said)
                webhook.keys.append(self.headers["Idempotency-Key"])
                self.send_response(webhook._answers.pop(0) if webhook._answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/alerts"

    @property
    def states(self) -> list[str]:
        return [said["state"] for said in self.posted]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
