"""A health check in HTTP/2: a GET, or a call of gRPC with an empty message.

Source: RFC 9113; gRPC over HTTP2 (protocol description); Application Load Balancers guide, health
checks: a group of version GRPC is asked with POST and answers a gRPC status.
"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from ecsd.agent.drivers.target_channel import Channel

EMPTY_MESSAGE = bytes(5)  # not compressed, no bytes
AGENT = ("user-agent", "ELB-HealthChecker/2.0")
OK = 200


class H2Question:
    """One request on one connection. grpc: the code is gRPC's status, else HTTP's."""

    def __init__(self, authority: str, path: str, *, grpc: bool, secure: bool) -> None:
        self._authority, self._path = authority, path
        self._grpc, self._secure = grpc, secure
        self._connection = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._code: int | None = None
        self._status: int | None = None
        self._ended = False

    async def ask(self, channel: Channel) -> int | None:
        """Return the code; None when what came is no HTTP/2 or no answer."""
        self._begin()
        await channel.send(self._connection.data_to_send())
        while not self._ended:
            heard = await channel.receive()
            if not heard:
                break
            try:
                for event in self._connection.receive_data(heard):
                    self._hear(event)
            except ProtocolError:
                return None
            await channel.send(self._connection.data_to_send())
        if self._grpc and self._status not in (None, OK):
            return self._status  # no gRPC server: HTTP's own code is all there is
        return self._code

    def _begin(self) -> None:
        headers = [
            (":method", "POST" if self._grpc else "GET"),
            (":scheme", "https" if self._secure else "http"),
            (":authority", self._authority),
            (":path", self._path),
            AGENT,
        ]
        if self._grpc:
            headers += [("content-type", "application/grpc"), ("te", "trailers")]
        self._connection.initiate_connection()
        stream = self._connection.get_next_available_stream_id()
        self._connection.send_headers(stream, headers, end_stream=not self._grpc)
        if self._grpc:
            self._connection.send_data(stream, EMPTY_MESSAGE, end_stream=True)

    def _hear(self, event: Event) -> None:
        match event:
            case ResponseReceived() | TrailersReceived():
                self._read({bytes(name): bytes(value) for name, value in event.headers or ()})
            case DataReceived(flow_controlled_length=size, stream_id=stream):
                self._connection.acknowledge_received_data(size or 0, stream or 0)
            case StreamEnded() | StreamReset() | ConnectionTerminated():
                self._ended = True
            case _:
                pass  # settings, pings: h2 answers them itself

    def _read(self, headers: dict[bytes, bytes]) -> None:
        """A status that is no number is none."""
        status, code = headers.get(b":status", b""), headers.get(b"grpc-status", b"")
        if status.isdigit():
            self._status = int(status)
        own = code if self._grpc else status
        if own.isdigit():
            self._code = int(own)
        if not self._grpc and self._code is not None:
            self._ended = True  # the verdict needs no body
