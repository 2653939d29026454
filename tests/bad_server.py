"""A server for downloads that misbehaves in every way we know."""

from __future__ import annotations

import contextlib
import socket
import struct
from http.server import BaseHTTPRequestHandler

CONTENT = bytes(range(256)) * 1000
NAME = "numbers.gz"


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how to behave."""

    def do_GET(self):
        behaviour = self.path.split("/")[1]
        self.server.asked[behaviour] += 1
        getattr(self, behaviour)(self.server.asked[behaviour])

    def body(self, content, declared=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if declared is None else declared))
        self.end_headers()
        self.wfile.write(content)

    def good(self, _turn):
        self.body(CONTENT)

    def unsized(self, _turn):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def missing(self, _turn):
        self.send_error(404)

    def forbidden(self, _turn):
        self.send_error(403)

    def busy_once(self, turn):
        self.send_error(503) if turn == 1 else self.body(CONTENT)

    def broken(self, _turn):
        self.send_error(500)

    def cut(self, turn):
        self.body(CONTENT[: 1000 * turn], declared=len(CONTENT))

    def wrong(self, _turn):
        self.body(CONTENT[::-1])

    def endless(self, _turn):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT + b"more")

    def html(self, _turn):
        page = b"<html>please log in</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def html_unsized(self, _turn):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>please log in</html>")

    def silent(self, _turn):
        self.server.release.wait(10)

    def stalls(self, _turn):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:5000])
        self.wfile.flush()
        self.server.release.wait(10)

    def drip(self, _turn):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for start in range(0, len(CONTENT), 100):
            if self.server.release.wait(0.02):
                return
            self.wfile.write(CONTENT[start : start + 100])
            self.wfile.flush()

    def moved(self, _turn):
        self.send_response(302)
        self.send_header("Location", f"/good/{NAME}")
        self.end_headers()

    def moved_to_a_file(self, _turn):
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.end_headers()

    def reset(self, _turn):
        # Closing with a linger time of 0 sends RST instead of an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()

    def log_message(self, *_args):
        pass

    def handle(self):
        with contextlib.suppress(OSError, ValueError):  # the client or this test hung up
            super().handle()

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()
