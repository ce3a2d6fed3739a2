"""Connections through VPC endpoints: agents bring them to a unix socket and say how they came."""

import asyncio
import logging
import socket
from pathlib import Path

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ecsd.link.hub import close_to_others, make_way
from ecsd.protocol.through import LONGEST, heard

log = logging.getLogger(__name__)
STATE = "through"  # in the ASGI scope's state
BACKLOG = 512


def open_entrance(path: Path) -> socket.socket:
    """Return a listening unix socket that this user alone may connect to."""
    make_way(path)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.bind(str(path))
    close_to_others(path)
    opened.listen(BACKLOG)
    opened.setblocking(False)
    return opened


class EntranceProtocol(HttpToolsProtocol):
    """uvicorn's protocol; on a unix socket the first line says who the client is."""

    _line: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await the line where there has to be one."""
        super().connection_made(transport)
        opened = transport.get_extra_info("socket")
        self._line = b"" if opened is not None and opened.family == socket.AF_UNIX else None

    def data_received(self, data: bytes) -> None:
        """Take the line off, then go on as ever."""
        if self._line is not None:
            line, end, data = (self._line + data).partition(b"\n")
            if not end and len(line) <= LONGEST:
                self._line = line
                return
            through = heard(line)
            if through is None:
                log.error("a connection came without saying through what")
                self.transport.close()
                return
            self._line = None
            self.client = (through.peer, 0)
            self.scheme = "https" if through.secure else "http"
            self.app_state = {**self.app_state, STATE: through}
            if not data:
                return
        super().data_received(data)
