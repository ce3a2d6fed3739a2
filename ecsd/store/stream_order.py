"""Events of many blocks and streams in one order, lazily: memory is a block per stream.

Blocks of a stream usually follow each other in time, but a late batch may overlap earlier ones: a
heap holds what is loaded and not yet due.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ecsd.store.streams import EVENT_OVERHEAD, Found, Located, Position, Search


class BlockSpan(NamedTuple):
    """Which time a block covers. ``place`` is its first event's; ``length`` is in bytes on disk."""

    place: int
    length: int
    first: int
    last: int
    ingested: int
    events: int
    raw_bytes: int


class Item(NamedTuple):
    """What the merge hands on: an event, or the beginning of a block that is about to be read."""

    position: Position
    located: Located | None
    cost: int  # bytes that reading the block costs


Load = Callable[[BlockSpan], Sequence[Located]]


def ascending(storage: str, blocks: Iterable[BlockSpan], load: Load) -> Iterator[Item]:
    """Yield a stream's events in order, and before each block's reading its beginning."""
    waiting: list[Located] = []
    for block in sorted(blocks, key=lambda one: (one.first, one.place)):
        begin = Position(block.first, storage, block.place)
        while waiting and waiting[0].position < begin:
            yield _item(heapq.heappop(waiting))
        yield Item(begin, None, block.raw_bytes)
        waiting += load(block)
        heapq.heapify(waiting)
    while waiting:
        yield _item(heapq.heappop(waiting))


def descending(storage: str, blocks: Iterable[BlockSpan], load: Load) -> Iterator[Item]:
    """Yield a stream's events from the last to the first, and before each block its end."""
    waiting: list[tuple[int, int, Located]] = []
    for block in sorted(blocks, key=lambda one: (one.last, one.place), reverse=True):
        begin = Position(block.last, storage, block.place + block.events)
        while waiting and waiting[0][2].position > begin:
            yield _item(heapq.heappop(waiting)[2])
        yield Item(begin, None, block.raw_bytes)
        for one in load(block):
            heapq.heappush(waiting, (-one.position.timestamp, -one.position.place, one))
    while waiting:
        yield _item(heapq.heappop(waiting)[2])


def gather(streams: Sequence[Iterator[Item]], search: Search) -> Found:
    """Merge streams and take what the search's limits allow; every search makes some progress."""
    merged = heapq.merge(*streams, key=_position, reverse=not search.forward)
    found: list[Located] = []
    taken = scanned = 0
    reached = None
    most_scanned = search.scan_bytes if search.scan_bytes is not None else math.inf
    begin = search.start if search.forward else search.end
    for item in merged:
        if item.located is None:
            border = _border(item.position, search)
            if scanned >= most_scanned and border != begin:
                reached = border
                break
            scanned += item.cost
            continue
        taken += len(item.located.event.message) + EVENT_OVERHEAD
        if len(found) >= search.limit or (found and taken > search.most_bytes):
            reached = _border(item.position, search)
            break
        found.append(item.located)
    if not search.forward:
        found.reverse()
    return Found(found, reached)


def _border(position: Position, search: Search) -> Position:
    """Return where the search goes on, so that what stands at ``position`` is seen next."""
    if search.forward:
        return max(position, search.start)
    return min(position.just_after(), search.end)


def _item(located: Located) -> Item:
    return Item(located.position, located, 0)


def _position(item: Item) -> Position:
    return item.position
