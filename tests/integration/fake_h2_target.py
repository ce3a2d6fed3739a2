"""A target of HTTP/2 and gRPC. Run: fake_h2_target.py ADDRESS NAME [PEM]; with one it speaks TLS.
SIGTERM ends it at once.

GET /health answers 200, other paths the name; gRPC's /echo.Echo/Say answers what it was sent, twice
as a stream, and the name as x-name; other methods UNIMPLEMENTED. Source: RFC 9113; gRPC over HTTP2.
"""

import asyncio
import json
import signal
import ssl
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

address, name = sys.argv[1], sys.argv[2]
GRPC = [(":status", "200"), ("content-type", "application/grpc")]


async def serve(reader, writer):
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    heard, bodies = {}, {}
    while data := await reader.read(65536):
        try:
            events = connection.receive_data(data)
        except ProtocolError:
            break
        for event in events:
            if isinstance(event, RequestReceived):
                heard[event.stream_id] = dict(event.headers)
                bodies[event.stream_id] = b""
            elif isinstance(event, DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                number = event.stream_id
                answer(connection, number, heard.pop(number), bodies.pop(number))
        writer.write(connection.data_to_send())
        await writer.drain()
    writer.close()


def answer(connection, stream, headers, body):
    if headers.get("content-type", "").startswith("application/grpc"):
        if headers[":path"] != "/echo.Echo/Say":
            connection.send_headers(stream, [*GRPC, ("grpc-status", "12")], end_stream=True)
            return
        connection.send_headers(stream, [*GRPC, ("x-name", name)])
        connection.send_data(stream, body + body)
        connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        return
    told = json.dumps({"name": name, "headers": headers}).encode()
    connection.send_headers(stream, [(":status", "200")])
    connection.send_data(stream, told, end_stream=True)


async def main():
    context = None
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        context.set_alpn_protocols(["h2"])
    server = await asyncio.start_server(serve, address, 8080, ssl=context)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
asyncio.run(main())
