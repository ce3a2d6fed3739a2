"""Clients of six protocols at once, each of which looks at every answer.

A client is a function that makes one conversation and returns its name for who answered; it raises
where the conversation does not go as it should. Conversations last at most two seconds: less than
any deregistration delay, so that nothing may end one.
"""

import math
import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPException

import grpc
import urllib3
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from urllib3.exceptions import HTTPError
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.integration.sample import eventually

LINES, PAUSE = 5, 0.2  # of a conversation
TIMEOUT = 5.0  # seconds
WAIT = 20.0  # seconds
HEAD, GOAWAY = 9, 7  # of HTTP/2's frames: bytes of the head, a type
ECHO = "/echo.Echo/Say"
FAILURES = (  # what a conversation that goes wrong raises
    *(AssertionError, OSError, HTTPException, HTTPError),
    *(grpc.RpcError, ProtocolError, WebSocketException),
)


class Mixed:
    """Conversations of each kind, one after the other, until told to end; failures are kept."""

    def __init__(self, clients):
        self.done = dict.fromkeys(clients, 0)
        self.failures, self.answered = [], set()
        self._ended, self._news = threading.Event(), threading.Condition()
        self._threads = [
            threading.Thread(target=self._work, args=(kind, client))
            for kind, client in clients.items()
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self):
        """Return when each kind has had a whole conversation more; the one under way is none."""
        with self._news:
            wanted = {kind: number + 2 for kind, number in self.done.items()}
            assert self._news.wait_for(
                lambda: all(self.done[kind] >= number for kind, number in wanted.items()), WAIT
            ), (self.done, wanted)

    def _work(self, kind, client):
        while not self._ended.wait(0.02):
            try:
                self.answered.add(client())
            except FAILURES as error:
                self.failures.append(f"{kind}: {error!r} at {time.time():.3f}")
            with self._news:
                self.done[kind] += 1
                self._news.notify_all()


def converses(client):
    """Return when a conversation goes as it should; what did not, the last time, is told."""
    told = []

    def works():
        try:
            client()
        except FAILURES as error:
            told[:] = [error]
            return False
        return True

    try:
        eventually(works, WAIT)
    except AssertionError as error:
        raise AssertionError(f"no conversation: {told}") from error


class Front:
    """The clients of one web balancer and one network balancer, whose names lead to this host."""

    def __init__(self, web, web_address, flows_address, root, flow_port):
        """``web`` is the balancer's name, which its certificate shows; ``root`` is trusted."""
        self.web, self.address, self.flows = web, web_address, (flows_address, flow_port)
        self.root = root

    @contextmanager
    def clients(self):
        """Yield clients by kind; their connections are kept where the protocol keeps them."""
        channel = grpc.secure_channel(
            f"{self.address}:443",
            grpc.ssl_channel_credentials(self.root.encode()),
            [("grpc.ssl_target_name_override", self.web)],
        )
        with (
            urllib3.PoolManager(retries=False, timeout=TIMEOUT, maxsize=2) as plain,
            closing(Streams(lambda: self._secure("h2"), self.web)) as secure,
            channel,
        ):
            yield {
                "HTTP/1": lambda: self._asked(plain, "/")[0],
                "HTTP/2": secure.get,
                "a long download": lambda: self._downloaded(plain),
                "gRPC": lambda: self._called(channel),
                "WebSocket": self._conversed,
                "TCP": self._flowed,
                "UDP": self._sent,
            }

    def _secure(self, *protocols):
        """Return a TLS connection for which one of these protocols was agreed on."""
        context = ssl.create_default_context(cadata=self.root)
        context.set_alpn_protocols(protocols)
        raw = socket.create_connection((self.address, 443), timeout=TIMEOUT)
        secure = context.wrap_socket(raw, server_hostname=self.web)
        spoken = secure.selected_alpn_protocol()
        if spoken not in protocols:
            secure.close()
            raise AssertionError(f"{spoken} is spoken, not one of {protocols}")
        return secure

    def _asked(self, pool, path):
        headers = {"Host": self.web}
        answer = pool.request("GET", f"http://{self.address}{path}", headers=headers)
        assert answer.status == 200, (answer.status, answer.data)
        return answer.data.decode().split()

    def _downloaded(self, pool):
        lines = self._asked(pool, "/long")
        assert (len(lines), len(set(lines))) == (10, 1), lines
        return lines[0]

    def _called(self, channel):
        said = [*channel.unary_stream(ECHO)(b"hello", timeout=TIMEOUT)]
        assert said == [b"hello", b"hello"], said

    def _conversed(self):
        opened = self._secure("http/1.1")
        with opened, connect(f"ws://{self.web}/echo", sock=opened, open_timeout=TIMEOUT) as client:
            for number in range(LINES):
                client.send(str(number))
                heard = client.recv(timeout=TIMEOUT)
                assert heard == str(number), heard
                time.sleep(PAUSE)

    def _flowed(self):
        with socket.create_connection(self.flows, timeout=TIMEOUT) as flow, flow.makefile() as told:
            names = set()
            for _ in range(LINES):
                flow.sendall(b"who\n")
                names.add(_name(told.readline()))
                time.sleep(PAUSE)
        assert len(names) == 1, names
        return names.pop()

    def _sent(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
            flow.settimeout(TIMEOUT)
            flow.connect(self.flows)
            names = set()
            for _ in range(LINES):
                flow.send(b"who\n")
                names.add(_name(flow.recv(512).decode()))
                time.sleep(PAUSE)
        assert len(names) == 1, names
        return names.pop()


def _name(line):
    """Return the name that a target of flows says first."""
    assert line, "the flow has ended"
    return line.split()[0]


class Streams:
    """Requests of HTTP/2, one after the other, on one connection.

    A server that goes away lets the stream finish that it has accepted; the next request opens a
    connection of its own. Source: RFC 9113 4.1, 6.8.
    """

    def __init__(self, connected, host):
        self._connected, self._host = connected, host
        self._socket = self._connection = None

    def get(self):
        if self._socket is None or self._left():
            self._open()
        stream = self._connection.get_next_available_stream_id()
        head = {":method": "GET", ":scheme": "https", ":path": "/", ":authority": self._host}
        self._connection.send_headers(stream, list(head.items()), end_stream=True)
        status, body = None, b""
        while True:
            self._socket.sendall(self._connection.data_to_send())
            heard = self._socket.recv(65536)
            assert heard, "the connection ended in the middle of an answer"
            for event in self._events(heard):
                if isinstance(event, ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, DataReceived):
                    body += event.data
                elif isinstance(event, StreamEnded):
                    assert status == "200", (status, body)
                    return body.decode().strip()
                assert not isinstance(event, StreamReset), event
            assert stream <= self._last, "a request was refused"

    def close(self):
        if self._socket is not None:
            self._socket.close()

    def _open(self):
        self.close()
        self._socket, self._unread, self._last = self._connected(), b"", math.inf
        self._connection = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._connection.initiate_connection()

    def _left(self):
        """Tell whether the server said, or says now, that it goes away."""
        self._socket.settimeout(0)
        try:
            while self._last is math.inf:
                heard = self._socket.recv(65536)
                if not heard:
                    return True
                self._events(heard)
        except ssl.SSLWantReadError:
            pass  # nothing was said
        finally:
            self._socket.settimeout(TIMEOUT)
        return self._last is not math.inf

    def _events(self, heard):
        """Return what was heard but GOAWAY: h2 takes nothing after it, though streams go on."""
        self._unread += heard
        events = []
        while len(self._unread) >= HEAD:
            size = HEAD + int.from_bytes(self._unread[:3])
            frame, rest = self._unread[:size], self._unread[size:]
            if len(frame) < size:
                break
            self._unread = rest
            if frame[3] == GOAWAY:
                self._last = int.from_bytes(frame[HEAD : HEAD + 4])
            else:
                events += self._connection.receive_data(frame)
        return events
