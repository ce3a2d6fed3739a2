"""WebSocket echo, both ends, as bare as can be: frames are neither made nor read anew.

Run: websocket_echo.py serve PORT, or websocket_echo.py ask ADDRESS PORT HOST PATH SECONDS, which
asks over TLS and prints the echoes a second. Source: RFC 6455.
"""

import asyncio
import base64
import os
import ssl
import sys
import time
from hashlib import sha1

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECTIONS = 8
FRAME = b"\x81\x85\0\0\0\0hello"  # a final text frame of 5 bytes, masked with zeros
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Echo(asyncio.Protocol):
    """Accepts an upgrade, then sends back what comes."""

    def connection_made(self, transport):
        self.transport, self.upgraded, self.heard = transport, False, b""

    def data_received(self, data):
        if self.upgraded:
            # A server's frames are not masked: the mask's bit and its four zeros go.
            count = len(data) // len(FRAME)
            self.transport.write(b"\x81\x05hello" * count)
            return
        self.heard += data
        if b"\r\n\r\n" not in self.heard:
            return
        fields = dict(
            line.lower().partition(b": ")[::2] for line in self.heard.split(b"\r\n")[1:] if line
        )
        keys = [
            one for one in self.heard.split(b"\r\n") if one.lower().startswith(b"sec-websocket-key")
        ]
        if fields.get(b"upgrade") != b"websocket" or not keys:
            self.transport.write(HEALTHY)
            self.transport.close()
            return
        accepted = base64.b64encode(sha1(keys[0].partition(b": ")[2] + MAGIC).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n"
        )
        self.upgraded = True


async def serve(port):
    server = await asyncio.get_running_loop().create_server(_Echo, "0.0.0.0", port)
    print("ready", flush=True)
    await server.serve_forever()


async def ask(address, port, host, path, seconds):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    ended = time.monotonic() + seconds
    counts = await asyncio.gather(
        *(_converse((address, port, host, path), context, ended) for _ in range(CONNECTIONS))
    )
    print(sum(counts) / seconds)


async def _converse(place, context, ended):
    address, port, host, path = place
    reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    count = 0
    while time.monotonic() < ended:
        writer.write(FRAME)
        heard = await reader.readexactly(7)
        assert heard == b"\x81\x05hello", heard
        count += 1
    writer.close()
    return count


if sys.argv[1] == "serve":
    asyncio.run(serve(int(sys.argv[2])))
else:
    asyncio.run(ask(sys.argv[2], int(sys.argv[3]), *sys.argv[4:6], float(sys.argv[6])))
