"""A target with bad manners: what it answers is what its path is called.

Run: fake_rude_target.py ADDRESS NAME. ``/health`` and any other path is answered as it should be.
"""

import socket
import socketserver
import struct
import sys
import time

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
SAID = {
    "/garbage": b"\x00\xff\x17 this is no HTTP\r\n\r\n",
    "/half-head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 9\r\n\r\ngood",
    "/huge-head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "/truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "/half-close": GOOD,
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while head := self._head():
            path = head.split(b" ")[1].decode()
            if path == "/silent":
                time.sleep(30)
                return
            if path == "/reset":
                linger = struct.pack("ii", 1, 0)  # what is closed now is reset
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.request.close()
                return
            self.wfile.write(SAID.get(path, GOOD))
            if path == "/half-close":
                self.request.shutdown(socket.SHUT_WR)
                time.sleep(0.5)
            if path in SAID:
                return

    def _head(self):
        lines = b""
        while not lines.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return b""
            lines += line
        return lines


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass  # who is rude is hung up on


with Server((sys.argv[1], 8080), Handler) as server:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
