"""A plain connection, a request by HTTP/1 and the status of its answer, as callbacks on a socket.

One future and one timer for the whole exchange: as many awaits cost several times more, and hosts
with many targets do little else.
"""

import asyncio
import errno
import os
import re
import socket
from collections.abc import Callable

from ecsd.clock import Clock

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
LONGEST_ANSWER = 1 << 16  # bytes that are read before hanging up
PIECE = 1 << 14  # bytes
FAREWELL_SECONDS = 0.5  # for an answer to end once its status is known


def status_of(heard: bytes) -> int | None:
    """Return the status that an answer begins with; None when it is not HTTP."""
    found = STATUS.match(heard)
    return int(found[1]) if found else None


class PlainExchange:
    """An exchange on a socket that somebody else closes, after ``end``.

    status: what comes of it: a code, None when what came is not HTTP or nothing was asked, or
    OSError, TimeoutError included.
    """

    def __init__(self, connection: socket.socket, request: bytes, clock: Clock) -> None:
        """Prepare it. request: without any, a connection is all that is wanted."""
        self._connection = connection
        self._number = connection.fileno()  # asyncio describes a socket, at length, at each look-up
        self._unsent = request
        self._heard = b""
        self._left = 0  # bytes that are still listened to after the status
        self._known = False  # the status is
        self._leaving = False  # only the rest of the answer is waited for
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._writing = self._reading = False
        self.status: asyncio.Future[int | None] = self._loop.create_future()

    def begin(self, address: str, port: int, seconds: float) -> None:
        """Connect. seconds: until the status has to be known."""
        self._set_timer(seconds, self._late)
        place = (address, port)
        error = self._connection.connect_ex(place)
        if error == errno.EINPROGRESS:  # mostly it is there already: on this host nothing waits
            error = self._connection.connect_ex(place)
        if error == errno.EALREADY:
            self._write_with(self._connected)
        else:
            self._guarded(lambda: self._go_on(error))

    def end(self) -> None:
        """Wait for nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        self._stop_writing()
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._number)

    # ------------------------------------------------------------------ steps

    def _connected(self) -> None:
        self._stop_writing()
        self._go_on(self._connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _go_on(self, error: int) -> None:
        if error:
            raise OSError(error, os.strerror(error))  # of the kind that belongs to the number
        if self._unsent:
            self._send()
        else:
            self._finish()

    def _send(self) -> None:
        try:
            sent = self._connection.send(self._unsent)
        except BlockingIOError:
            sent = 0
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._write_with(self._send)
            return
        self._stop_writing()
        self._reading = True
        self._loop.add_reader(self._number, self._guarded, self._receive)

    def _receive(self) -> None:
        """Take what is there: most often all of it, and the target's end of the connection."""
        try:
            while not self.status.done():
                self._take(self._connection.recv(PIECE))
        except BlockingIOError:
            if self._known and not self._leaving:
                self._leaving = True
                self._set_timer(FAREWELL_SECONDS, self._finish)

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

    def _guarded(self, step: Callable[[], None]) -> None:
        """Take a step; what fails after the status is known does not matter."""
        try:
            step()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if self._known:
            self._finish()
        elif not self.status.done():
            self.end()
            self.status.set_exception(error)

    def _late(self) -> None:
        self._fail(TimeoutError())

    def _finish(self) -> None:
        if not self.status.done():
            self.end()
            self.status.set_result(status_of(self._heard))

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(seconds, callback)

    def _write_with(self, step: Callable[[], None]) -> None:
        self._writing = True
        self._loop.add_writer(self._number, self._guarded, step)

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._number)
