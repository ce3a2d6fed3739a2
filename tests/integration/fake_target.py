"""A target: answers every GET with its name and what it heard.

Run: fake_target.py ADDRESS NAME [PEM]; with a certificate and its key it speaks HTTPS.

``/slow`` takes half a second; ``/status/NNN`` answers NNN; ``/die`` hangs up without an answer;
``/cookie`` sets the application's cookie; ``/echo`` becomes a websocket that gives back the bytes
that it hears. POST to ``/health/NNN`` sets what ``/health`` answers.
"""

import base64
import hashlib
import http.server
import json
import signal
import socketserver
import ssl
import sys
import time

address, name = sys.argv[1], sys.argv[2]
health = [200]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        kind, _, rest = self.path.lstrip("/").partition("/")
        if kind == "die":
            self.close_connection = True
            return
        if kind == "echo" and self.headers.get("Upgrade"):
            self.echo()
            return
        if kind == "slow":
            time.sleep(0.5)
        status = int(rest) if kind == "status" else health[0] if kind == "health" else 200
        headers = {"Set-Cookie": "session=1"} if kind == "cookie" else {}
        self.answer(status, headers)

    def echo(self):
        """Source: RFC 6455, 4.2.2."""
        self.close_connection = True
        self.send_response(101)
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_header("Sec-WebSocket-Accept", accepted)
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.send_header("Connection", "Upgrade")
        self.end_headers()
        while heard := self.rfile.read1(1024):
            self.wfile.write(heard)

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/health/"):
            health[0] = int(self.path.rpartition("/")[2])
        self.answer(200, {})

    def answer(self, status, headers):
        heard = {key.lower(): value for key, value in self.headers.items()}
        told = {"name": name, "path": self.path, "headers": heard, "peer": self.client_address}
        body = json.dumps(told).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """A peer that hangs up is no news."""


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = Server((address, 8080), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
sys.stdout.write("ready\n")
sys.stdout.flush()
server.serve_forever()
