"""Records in memory with their indexes: the readable half of the document store."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import TypeVar, cast

from ecsd.records.record import Record
from ecsd.store.scope import Scope

R = TypeVar("R", bound=Record)

Shelf = dict[str, Record]


class Documents:
    """Every record by kind, scope and key, and by its indexed members. Insertion order is kept."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[str, Scope], Shelf] = {}
        self._indexes: dict[tuple[str, Scope, str, object], dict[str, None]] = {}
        self._scopes: dict[str, dict[Scope, None]] = {}
        self._orders: dict[tuple[str, Scope], list[str]] = {}  # made when first asked for
        self.callers = object()  # another one after each change of a record of callers

    def get(self, kind: type[R], scope: Scope, key: str) -> R | None:
        """Return a record, or None."""
        shelf = self._shelves.get((kind.KIND, scope))
        return cast("R | None", shelf.get(key)) if shelf else None

    def select(self, kind: type[R], scope: Scope, **wanted: object) -> list[R]:
        """Return the records whose members equal ``wanted``; the first should be an index."""
        shelf = self._shelves.get((kind.KIND, scope))
        if not shelf:
            return []
        if not wanted:
            return cast("list[R]", list(shelf.values()))
        index = next((name for name in wanted if name in kind.INDEXES), None)
        if index is None:
            raise LookupError(f"{kind.KIND} has no index on any of {sorted(wanted)}")
        keys = self._indexes.get((kind.KIND, scope, index, wanted[index]), {})
        rest = [(name, value) for name, value in wanted.items() if name != index]
        found = cast("list[R]", [shelf[key] for key in keys])
        return [one for one in found if all(getattr(one, name) == value for name, value in rest)]

    def following(self, kind: type[R], scope: Scope, key: str) -> R | None:
        """Return the record with the least key that is not below this one, or None."""
        if not kind.ORDERED:
            raise LookupError(f"{kind.KIND} has no order")
        shelf = self._shelves.get((kind.KIND, scope))
        if not shelf:
            return None
        order = self._orders.get((kind.KIND, scope))
        if order is None:
            order = self._orders[kind.KIND, scope] = sorted(shelf)
        at = bisect_left(order, key)
        return cast("R", shelf[order[at]]) if at < len(order) else None

    def count(self, kind: type[Record], scope: Scope, index: str, value: object) -> int:
        """Return how many records have this indexed value."""
        return len(self._indexes.get((kind.KIND, scope, index, value), {}))

    def newest(self, kind: type[R], scope: Scope, index: str, value: object) -> R | None:
        """Return the record that was entered last with this indexed value, or None."""
        keys = self._indexes.get((kind.KIND, scope, index, value))
        return self.get(kind, scope, next(reversed(keys))) if keys else None

    def count_everywhere(self, kind: type[Record], index: str, value: object) -> int:
        """Return how many records of all accounts and regions have this indexed value."""
        scopes = self._scopes.get(kind.KIND, {})
        return sum(self.count(kind, scope, index, value) for scope in scopes)

    def everywhere(self, kind: type[R]) -> Iterator[tuple[Scope, R]]:
        """Yield the records of a kind in all accounts and regions."""
        for scope in list(self._scopes.get(kind.KIND, {})):
            for record in list(self._shelves.get((kind.KIND, scope), {}).values()):
                yield scope, cast("R", record)

    def scopes(self) -> set[Scope]:
        """Return every scope that holds something."""
        return {scope for (_, scope), shelf in self._shelves.items() if shelf}

    def replace(
        self, kind: type[Record], scope: Scope, key: str, new: Record | None
    ) -> Record | None:
        """Set or remove (None) a record; return what was there."""
        name = kind.KIND
        if kind.OF_CALLERS:
            self.callers = object()
        shelf = self._shelves.setdefault((name, scope), {})
        self._scopes.setdefault(name, {})[scope] = None
        old = shelf.get(key)
        if old is not None:
            self._unindex(scope, key, old)
        if (old is None) is not (new is None):
            self._reorder(name, scope, key, there=new is not None)
        if new is None:
            shelf.pop(key, None)
        else:
            shelf[key] = new
            self._index(scope, key, new)
        return old

    def _reorder(self, name: str, scope: Scope, key: str, *, there: bool) -> None:
        order = self._orders.get((name, scope))
        if order is None:
            return
        if there:
            insort(order, key)
        else:
            del order[bisect_left(order, key)]

    def _index(self, scope: Scope, key: str, record: Record) -> None:
        for name in record.INDEXES:
            for value in _values(getattr(record, name)):
                self._indexes.setdefault((record.KIND, scope, name, value), {})[key] = None

    def _unindex(self, scope: Scope, key: str, record: Record) -> None:
        for name in record.INDEXES:
            for value in _values(getattr(record, name)):
                entries = self._indexes[record.KIND, scope, name, value]
                entries.pop(key, None)
                if not entries:
                    del self._indexes[record.KIND, scope, name, value]


def _values(member: object) -> tuple[object, ...]:
    return tuple(dict.fromkeys(member)) if isinstance(member, tuple) else (member,)
