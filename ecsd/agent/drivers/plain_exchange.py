"""A plain connection, a request by HTTP/1 and the status of its answer, as callbacks on a socket.

No task, no future and no timer of its own: hosts with many targets do little else.
"""

import errno
import os
import re
import socket
from collections.abc import Callable

from ecsd.agent.drivers.beats import Timers
from ecsd.agent.drivers.readiness import READABLE, WRITABLE, Readiness

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
LONGEST_ANSWER = 1 << 16  # bytes that are read before hanging up
PIECE = 1 << 14  # bytes
FAREWELL_SECONDS = 0.5  # for an answer to end once its status is known

Ending = int | OSError | None  # a code; None: what came is not HTTP, or nothing was asked
CONNECTING = (errno.EINPROGRESS, errno.EALREADY)


def status_of(heard: bytes) -> int | None:
    """Return the status that an answer begins with; None when it is not HTTP."""
    found = STATUS.match(heard)
    return int(found[1]) if found else None


class PlainExchange:
    """An exchange on a socket that it closes at its end, before it tells what came of it."""

    __slots__ = (
        "_connection",
        "_heard",
        "_known",
        "_leaving",
        "_left",
        "_number",
        "_readiness",
        "_timers",
        "_told",
        "_unsent",
    )

    def __init__(
        self,
        connection: socket.socket,
        request: bytes,
        ways: tuple[Readiness, Timers],
        told: Callable[["PlainExchange", Ending], None],
    ) -> None:
        """Prepare it.

        Args:
            connection: what it goes over.
            request: without any, a connection is all that is wanted.
            ways: what it waits by.
            told: hears what came of it, once; TimeoutError is an OSError too.
        """
        self._connection: socket.socket | None = connection
        self._number = connection.fileno()
        self._unsent = request
        self._heard = b""
        self._left = 0  # bytes that are still listened to after the status
        self._known = False  # the status is
        self._leaving = False  # only the rest of the answer is waited for
        self._readiness, self._timers = ways
        self._told = told

    def begin(self, address: str, port: int, seconds: float) -> None:
        """Connect. seconds: until the status has to be known."""
        connection = self._connection
        if connection is None:
            return
        self._timers.after(seconds, self._late)
        place = (address, port)
        error = connection.connect_ex(place)
        if error == errno.EINPROGRESS:  # mostly it is there already: on this host nothing waits
            error = connection.connect_ex(place)
        if error in CONNECTING:
            self._readiness.await_one(self._number, WRITABLE, self._connected)
        elif error in (0, errno.EISCONN):
            self._go_on()
        else:
            self._fail(_as_error(error))

    def end(self) -> None:
        """Call it off: close the socket and tell nobody."""
        if self._connection is not None:
            self._readiness.forget(self._number)
            self._connection.close()
            self._connection = None
            self._heard = b""  # what is timed is held until then

    # ------------------------------------------------------------------ steps

    def _connected(self) -> None:
        if self._connection is None:
            return
        error = self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._fail(_as_error(error))
        else:
            self._go_on()

    def _go_on(self) -> None:
        if self._unsent:
            self._send()
        else:
            self._finish()

    def _send(self) -> None:
        if self._connection is None:
            return
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._fail(error)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._readiness.await_one(self._number, WRITABLE, self._send)
        else:
            self._readiness.await_one(self._number, READABLE, self._receive)

    def _receive(self) -> None:
        """Take what is there: most often all of it, and the target's end of the connection."""
        try:
            while self._connection is not None:
                self._take(self._connection.recv(PIECE))
        except BlockingIOError:
            if self._known and not self._leaving:
                self._leaving = True
                self._timers.after(FAREWELL_SECONDS, self._finish)
        except OSError as error:
            self._fail(error)

    def _take(self, piece: bytes) -> None:
        if self._known:
            self._left -= len(piece)
            if not piece or self._left <= 0:
                self._finish()
            return
        self._heard += piece
        if piece and b"\n" not in self._heard and len(self._heard) < LONGEST_ANSWER:
            return
        if not piece:
            self._finish()
            return
        # The application finishes its answer: hanging up early would be its error to log.
        self._known, self._left = True, LONGEST_ANSWER

    # ------------------------------------------------------------------ ends

    def _late(self) -> None:
        if not self._known:
            self._fail(TimeoutError())

    def _fail(self, error: OSError) -> None:
        """End; what fails after the status is known does not matter."""
        if self._known:
            self._finish()
        elif self._connection is not None:
            self.end()
            self._told(self, error)

    def _finish(self) -> None:
        if self._connection is not None:
            status = status_of(self._heard)
            self.end()
            self._told(self, status)


def _as_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))  # of the kind that belongs to the number
