"""A target of flows: answers every line and datagram with its name and who asked.

Arguments: port, name. Says ``ready`` when it listens. A line ``close`` ends its connection.
"""

import asyncio
import sys

PORT, NAME = int(sys.argv[1]), sys.argv[2]


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while (line := await reader.readline()) and line != b"close\n":
            writer.write(f"{NAME} {writer.get_extra_info('peername')[0]}\n".encode())
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(f"{NAME} {addr[0]}\n".encode(), addr)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(converse, "0.0.0.0", PORT)
    await loop.create_datagram_endpoint(Datagrams, local_addr=("0.0.0.0", PORT))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


asyncio.run(main())
