"""A target of flows: answers every line and datagram with its name and who asked.

Arguments: port, name, and where it speaks TLS a file with certificate and key; then it also tells
what ALPN has settled: ``client+protocol``. Says ``ready`` when it listens; SIGTERM ends it at
once. Where a header of the proxy protocol, version 2, says who asked and whom, it tells both and
its peer: ``client/address:port/peer``.
"""

import asyncio
import signal
import socket
import ssl
import struct
import sys

PORT, NAME, *PEM = int(sys.argv[1]), *sys.argv[2:]


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    client = writer.get_extra_info("peername")[0]
    if PEM:
        client += f"+{writer.get_extra_info('ssl_object').selected_alpn_protocol()}"
    try:
        while line := await reader.readline():
            if line == b"\r\n":
                client = f"{await header(reader)}/{client}"
                continue
            writer.write(f"{NAME} {client}\n".encode())
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


async def header(reader: asyncio.StreamReader) -> str:
    """Read the rest of a header; return the client, and the address and port that it asked."""
    assert await reader.readexactly(10) == b"\r\n\x00\r\nQUIT\n"
    version, family, size = struct.unpack(">BBH", await reader.readexactly(4))
    assert (version, family) == (0x21, 0x11)
    addresses = await reader.readexactly(size)
    source, destination, _, port = struct.unpack_from(">4s4sHH", addresses)
    return f"{socket.inet_ntoa(source)}/{socket.inet_ntoa(destination)}:{port}"


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(f"{NAME} {addr[0]}\n".encode(), addr)


def secure() -> ssl.SSLContext | None:
    if not PEM:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*PEM)
    context.set_alpn_protocols(["http/1.1", "h2"])
    return context


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(converse, "0.0.0.0", PORT, ssl=secure())
    await loop.create_datagram_endpoint(Datagrams, local_addr=("0.0.0.0", PORT))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
asyncio.run(main())
