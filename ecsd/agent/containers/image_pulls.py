"""Images: what is there is never pulled again, what is not is pulled once for all who wait."""

import asyncio
from collections import defaultdict
from typing import Protocol

from ecsd.agent.drivers.engine import EngineRefusalError
from ecsd.agent.drivers.engine_answers import Digests
from ecsd.agent.turns import Turns
from ecsd.decisions.containers.startup_values import Login

CONCURRENT_PULLS = 3  # dockerd itself downloads three layers at a time


class ImageEngine(Protocol):
    """What pulling needs of the Engine."""

    async def pull(
        self, image: str, platform: str | None = None, login: Login | None = None
    ) -> None:
        """Fetch an image."""
        ...

    async def digests(self, image: str) -> Digests | None:
        """Return what an image is known by; None if it is not here."""
        ...


class ImagePulls:
    """Bounded pulls, one at a time for one image."""

    def __init__(self, engine: ImageEngine) -> None:
        self._engine = engine
        self._turns = Turns(CONCURRENT_PULLS)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def provide(
        self, image: str, platform: str | None = None, login: Login | None = None
    ) -> None:
        """Return when the image is here, for a platform such as ``linux/arm64`` if it is named.

        login: at the image's registry.

        Raises:
            EngineError: the registry has no such image, refuses it, or is not reachable.
        """
        async with self._locks[image]:
            if not await self._is_here(image, platform):
                async with self._turns.turn():
                    await self._engine.pull(image, platform, login)
                if not await self._is_here(image, platform):
                    raise EngineRefusalError(404, f"no matching manifest for {platform}")

    async def fetch(self, image: str, platform: str | None, login: Login) -> None:
        """Return when the image is here as its registry has it now; its layers may be here.

        Raises:
            EngineError: the registry has no such image, refuses it, or is not reachable.
        """
        async with self._turns.turn():
            await self._engine.pull(image, platform, login)

    async def _is_here(self, image: str, platform: str | None) -> bool:
        found = await self._engine.digests(image)
        return found is not None and platform in {None, f"linux/{found.architecture}"}
