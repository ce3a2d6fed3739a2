"""Health checks in HTTP/2, against scripted servers."""

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from hypothesis import given
from hypothesis import strategies as st

from ecsd.agent.drivers.h2_question import H2Question


class Server:
    """A channel with a server behind it: ``answer`` gets connection, stream and headers."""

    def __init__(self, answer=None, raw=None):
        self._connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._answer = answer
        self._raw = raw
        self.heard = {}
        self.body = b""
        self.said = []

    async def send(self, content):
        if self._raw is not None:
            return
        for event in self._connection.receive_data(content):
            if isinstance(event, RequestReceived):
                self.heard = dict(event.headers)
            if isinstance(event, DataReceived):
                self.body += event.data
            if isinstance(event, StreamEnded):
                self._answer(self._connection, event.stream_id)
        self.said.append(self._connection.data_to_send())

    async def receive(self):
        if self._raw is not None:
            raw, self._raw = self._raw, b""
            return raw
        return self.said.pop(0) if self.said else b""


def respond(headers, body=b"", trailers=None):
    def answer(connection, stream):
        connection.send_headers(stream, headers, end_stream=not (body or trailers))
        if body:
            connection.send_data(stream, body, end_stream=not trailers)
        if trailers:
            connection.send_headers(stream, trailers, end_stream=True)

    return answer


async def ask(server, *, grpc=False):
    return await H2Question("10.0.0.1:80", "/p", grpc=grpc, secure=False).ask(server)


async def test_http2_is_asked_by_get_and_the_status_counts():
    server = Server(respond([(":status", "204")]))
    assert await ask(server) == 204
    assert server.heard[":method"] == "GET"
    assert (server.heard[":authority"], server.heard[":path"]) == ("10.0.0.1:80", "/p")
    assert server.heard["user-agent"] == "ELB-HealthChecker/2.0"
    assert await ask(Server(respond([(":status", "503")], b"x" * 9000))) == 503


GRPC_HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


async def test_grpc_is_called_with_an_empty_message_and_its_status_counts():
    server = Server(respond(GRPC_HEADERS, bytes(5), [("grpc-status", "0")]))
    assert await ask(server, grpc=True) == 0
    assert (server.heard[":method"], server.body) == ("POST", bytes(5))
    assert server.heard["content-type"] == "application/grpc"
    assert server.heard["te"] == "trailers"
    only_trailers = Server(respond([*GRPC_HEADERS, ("grpc-status", "12")]))
    assert await ask(only_trailers, grpc=True) == 12


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (respond([(":status", "404")]), 404),
        (respond(GRPC_HEADERS), None),
        (respond([*GRPC_HEADERS, ("grpc-status", "none")]), None),
        (lambda connection, stream: connection.reset_stream(stream), None),
        (lambda connection, stream: connection.close_connection(), None),
        (lambda connection, stream: None, None),
    ],
)
async def test_what_is_no_grpc_answer_has_no_grpc_status(answer, code):
    assert await ask(Server(answer), grpc=True) == code


async def test_a_server_of_http1_is_no_answer():
    assert await ask(Server(raw=b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64))) is None


@given(st.binary(max_size=200), st.booleans())
async def test_whatever_a_server_says_ends_in_a_verdict(raw, grpc):
    found = await ask(Server(raw=raw), grpc=grpc)
    assert found is None or isinstance(found, int)
