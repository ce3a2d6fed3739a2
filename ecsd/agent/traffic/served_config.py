"""A configuration that one HAProxy serves, changed with as little as it takes.

What only concerns servers, or the contents of a certificate, goes through the runtime API; anything
else is a reload. The file always says both, so that a HAProxy that starts anew begins with what was
known.
"""

import logging
from pathlib import Path

from ecsd.agent.drivers.balancer_files import BalancerFiles
from ecsd.agent.drivers.haproxy import Haproxy
from ecsd.agent.drivers.haproxy_commands import (
    KEPT,
    Servers,
    changes,
    leavers,
    read_servers,
    refusals,
)
from ecsd.certificates.private_files import write_private
from ecsd.decisions.haproxy.config import Config
from ecsd.errors import BalancerError

log = logging.getLogger(__name__)


class ServedConfig:
    """What runs in a folder's HAProxy. Calls must not overlap."""

    def __init__(self, folder: Path, haproxy: Haproxy) -> None:
        self._folder = folder
        self._haproxy = haproxy
        self._servers: Servers | None = None  # as they run; None: not known
        self._files = BalancerFiles(folder)

    async def bring(self, config: Config) -> None:
        """Bring a configuration into force.

        Raises:
            BalancerError: HAProxy refuses; what ran before goes on.
        """
        if self._haproxy.frame != config.frame() or not await self._served(config):
            await self._load(config)
        else:
            await self._update(config)

    async def stop(self) -> None:
        """End HAProxy, and leave no file of it.

        Raises:
            BalancerError: it cannot be ended.
        """
        await self._haproxy.stop()
        self._servers = None
        self._files = BalancerFiles(self._folder)

    async def _load(self, config: Config) -> None:
        self._servers = None
        self._files.write(config)
        await self._haproxy.load(config.frame(), config.text)
        self._files.enter(config)
        self._servers = {name: dict(all_of) for name, all_of in config.servers.items()}

    async def _served(self, config: Config) -> bool:
        """Have the certificates' contents served that are wanted; False: a reload has to do it."""
        stale = self._files.stale(config)
        if stale:
            self._files.write(config)
        for path, pem in stale.items():
            refused = await self._haproxy.replace_certificate(path, pem)
            if refused is not None:
                log.info("HAProxy is reloaded for a certificate", extra={"cause": refused})
                return False
            self._files.serves(path, pem)
        return True

    async def _update(self, config: Config) -> None:
        if self._servers is None:
            answers = await self._haproxy.command(["show servers state"])
            self._servers = read_servers(answers, config.servers)
        commands = changes(self._servers, config.servers)
        gone = leavers(self._servers, config.servers)
        if not commands and not gone:
            return
        running, self._servers = self._servers, None  # until HAProxy has said how it went
        refused = refusals(await self._haproxy.command(commands)) if commands else []
        if refused:
            raise BalancerError(f"HAProxy refuses a target: {'; '.join(refused[:3])}")
        self._write(config)
        servers = {name: dict(all_of) for name, all_of in config.servers.items()}
        if gone:
            await self._haproxy.note_counters()
        for backend, name in gone:
            if await self._deleted(f"{backend}/{name}"):
                await self._haproxy.forget_counters(backend, name)
            else:
                server = running[backend][name]
                servers[backend][name] = server._replace(used=False)
        self._servers = servers

    def _write(self, config: Config) -> None:
        """Let the file say what runs; the same frame, so that no reload is needed."""
        text = config.text(str(self._haproxy.admin))
        write_private(self._folder / "haproxy.cfg", text.encode(), lasting=False)

    async def _deleted(self, server: str) -> bool:
        """Delete a server that is out of use; False while requests are still with it."""
        refused = refusals(await self._haproxy.command([f"del server {server}"]))
        for words in refused:
            if KEPT not in words:
                log.warning("HAProxy keeps a server", extra={"server": server, "cause": words})
        return not refused
