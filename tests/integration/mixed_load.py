"""Clients of six protocols at once, each of which looks at every answer.

A client is a function that makes one conversation and returns its name for who answered; it raises
where the conversation does not go as it should. Conversations last at most two seconds: less than
any deregistration delay, so that nothing may end one.
"""

import socket
import ssl
import threading
import time
from contextlib import closing, contextmanager

import grpc
import urllib3
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from websockets.sync.client import connect

LINES, PAUSE = 5, 0.2  # of a conversation
TIMEOUT = 5.0  # seconds
ECHO = "/echo.Echo/Say"


class Mixed:
    """Conversations of each kind, one after the other, until told to end; failures are kept."""

    def __init__(self, clients):
        self.done = dict.fromkeys(clients, 0)
        self.failures, self.answered = [], set()
        self._ended = threading.Event()
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

    def _work(self, kind, client):
        while not self._ended.wait(0.02):
            try:
                self.answered.add(client())
            except Exception as error:  # noqa: BLE001 - whatever a client raises is a failure
                self.failures.append(f"{kind}: {error!r} at {time.time():.3f}")
            self.done[kind] += 1


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
        assert secure.selected_alpn_protocol() in protocols
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
                names.add(told.readline().split()[0])
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
                names.add(flow.recv(512).split()[0].decode())
                time.sleep(PAUSE)
        assert len(names) == 1, names
        return names.pop()


class Streams:
    """Requests of HTTP/2, one after the other, on one connection.

    A server that goes away lets the stream finish that it has accepted; the next request opens a
    connection of its own. Source: RFC 9113 6.8.
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
            for event in self._events():
                if isinstance(event, ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, DataReceived):
                    body += event.data
                elif isinstance(event, ConnectionTerminated):
                    self._gone = True
                    assert event.last_stream_id >= stream, "a request was refused"
                elif isinstance(event, StreamEnded):
                    assert status == "200", (status, body)
                    return body.decode().strip()
                assert not isinstance(event, StreamReset), event

    def close(self):
        if self._socket is not None:
            self._socket.close()

    def _open(self):
        self.close()
        self._socket, self._gone = self._connected(), False
        self._connection = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._connection.initiate_connection()

    def _left(self):
        """Tell whether the server said, or says now, that it goes away."""
        self._socket.settimeout(0)
        try:
            while not self._gone:
                heard = self._socket.recv(65536)
                events = self._connection.receive_data(heard) if heard else ()
                self._gone = not heard or any(
                    isinstance(event, ConnectionTerminated) for event in events
                )
        except ssl.SSLWantReadError:
            pass  # nothing was said
        finally:
            self._socket.settimeout(TIMEOUT)
        return self._gone

    def _events(self):
        self._socket.sendall(self._connection.data_to_send())
        heard = self._socket.recv(65536)
        assert heard, "the connection ended in the middle of an answer"
        return self._connection.receive_data(heard)
