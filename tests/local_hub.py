"""A stand-in for the Hugging Face hub on this machine, for the real client to talk to."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

COMMIT = "c" * 40


class LocalHub:
    """Serves folders as the hub serves repositories: metadata on HEAD, content on GET, 404 for what is not there.

    repositories: folders by their ids. requests: the paths that were asked for, in order.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.requests: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes the port; may be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, content and headers for one request."""
        parts = path.split("?")[0].strip("/").split("/")
        if parts == [""]:
            return 200, b"", {}
        name = "/".join(parts[2:4] if parts[:2] == ["api", "models"] else parts[:2])
        if name not in self.repositories:
            return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
        file = self.repositories[name] / parts[-1]
        if "resolve" not in parts or not file.is_file():
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
        return 200, file.read_bytes(), {"X-Repo-Commit": COMMIT, "ETag": f'"{file.name}"'}


def _handler(hub: LocalHub) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.reply(body=False)

        def do_GET(self) -> None:
            self.reply(body=True)

        def reply(self, body: bool) -> None:
            hub.requests.append(self.path)
            status, content, headers = hub.answer(self.path)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    return Handler
