"""Who wants to hear of events that came."""

from collections.abc import Callable, Sequence

from ecsd.store.streams import LogEvent, Notice


class Notices:
    """Those who watch; called in the event loop."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []

    def add(self, notice: Notice) -> Callable[[], None]:
        """Call it from now on; returns the end of it."""
        self._notices.append(notice)
        return lambda: self._notices.remove(notice)

    def tell(self, storage: str, events: Sequence[LogEvent]) -> None:
        """Tell everybody who watches now."""
        for notice in list(self._notices):
            notice(storage, events)
