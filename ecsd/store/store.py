"""The document store: typed records in memory, durable before anyone hears of them.

One writer, the event loop: the body of a transaction contains no ``await``. Leaving the block
enters the change in a batch; one group commit makes the batch durable; only then does the block
return, do watchers hear of it, and may an answer leave (``durable``). A batch that fails is undone
together with everything after it. Source: shared reference control_plane 4.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import msgspec

from ecsd.errors import StoreError
from ecsd.records.catalogue import all_kinds
from ecsd.records.record import Record
from ecsd.store.backend import Backend, MemoryBackend, Row
from ecsd.store.documents import Documents
from ecsd.store.scope import Scope

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Record)
Place = tuple[str, str, str, str]  # kind, account, region, key


class Change(NamedTuple):
    """One committed change of one record; ``before`` or ``after`` is None at birth or death."""

    revision: int
    scope: Scope
    kind: type[Record]
    key: str
    before: Record | None
    after: Record | None


Watcher = Callable[[Sequence[Change]], None]


class View:
    """Read one account and region."""

    def __init__(self, documents: Documents, scope: Scope) -> None:
        self._documents = documents
        self.scope = scope

    def get(self, kind: type[R], key: str) -> R | None:
        """Return a record by key, or None."""
        return self._documents.get(kind, self.scope, key)

    def select(self, kind: type[R], **wanted: object) -> list[R]:
        """Return records whose members equal ``wanted`` (at least one of them indexed), or all."""
        return self._documents.select(kind, self.scope, **wanted)

    def following(self, kind: type[R], key: str) -> R | None:
        """Return the record of an ordered kind with the least key not below this one, or None."""
        return self._documents.following(kind, self.scope, key)

    def count(self, kind: type[Record], index: str, value: object) -> int:
        """Return how many records have this indexed value."""
        return self._documents.count(kind, self.scope, index, value)

    def newest(self, kind: type[R], index: str, value: object) -> R | None:
        """Return the record that was entered last with this indexed value, or None."""
        return self._documents.newest(kind, self.scope, index, value)

    def still_has(self, noted: Iterable[tuple[type[Record], str, Record | None]]) -> bool:
        """Tell whether these are the records, the very same, that are there now."""
        return all(self.get(kind, key) is record for kind, key, record in noted)

    def noting(self) -> "NotedView":
        """Return the same view, which notes what it is asked for."""
        return NotedView(self._documents, self.scope)

    def globally(self) -> "View":
        """Return the account's view of services without regions (IAM)."""
        return View(self._documents, self.scope.globally())

    def in_region(self, region: str) -> "View":
        """Return the account's view of one region."""
        return View(self._documents, Scope(self.scope.account, region))

    def of_account(self, account: str) -> "View":
        """Return another account's view of the same region."""
        return View(self._documents, Scope(account, self.scope.region))

    def in_every_region(self, kind: type[R]) -> Iterator[tuple[Scope, R]]:
        """Yield the account's records of a kind, wherever they are."""
        for scope, record in self._documents.everywhere(kind):
            if scope.account == self.scope.account:
                yield scope, record


class NotedView(View):
    """A view that notes which records it is asked for, and answers nothing but that."""

    def __init__(self, documents: Documents, scope: Scope) -> None:
        super().__init__(documents, scope)
        self.noted: list[tuple[type[Record], str, Record | None]] = []

    def get(self, kind: type[R], key: str) -> R | None:
        """Return a record by key, or None; noted. Raises LookupError: not one of callers."""
        if not kind.OF_CALLERS:
            raise LookupError(f"{kind.KIND}: its changes are not told")
        found = super().get(kind, key)
        self.noted.append((kind, key, found))
        return found

    def globally(self) -> View:
        """Return itself: it is of no region. Raises LookupError: of another view."""
        if self.scope != self.scope.globally():
            raise LookupError("what other views are asked for is not noted")
        return self

    def select(self, kind: type[R], **wanted: object) -> list[R]:
        """Refuse: which records these are is not noted."""
        raise LookupError(f"{kind.KIND}: only keys are noted, not {sorted(wanted)}")

    def count(self, kind: type[Record], index: str, value: object) -> int:
        """Refuse, as ``select`` does."""
        raise LookupError(f"{kind.KIND}: only keys are noted, not {index} {value}")

    def newest(self, kind: type[R], index: str, value: object) -> R | None:
        """Refuse, as ``select`` does."""
        raise LookupError(f"{kind.KIND}: only keys are noted, not {index} {value}")

    def in_region(self, region: str) -> View:
        """Refuse: what another view is asked for is not noted."""
        raise LookupError(f"what the view of {region} is asked for is not noted")

    def in_every_region(self, kind: type[R]) -> Iterator[tuple[Scope, R]]:
        """Refuse, as ``in_region`` does."""
        raise LookupError(f"{kind.KIND}: only keys of one view are noted")


class Transaction(View):
    """Change one account and region, all or nothing: ``async with store.transaction(scope)``."""

    def __init__(self, store: "Store", documents: Documents, scope: Scope) -> None:
        super().__init__(documents, scope)
        self._store = store
        self._changes: list[Change] = []

    def put(self, *records: Record) -> None:
        """Insert or replace records."""
        for record in records:
            kind = type(record)
            before = self._documents.replace(kind, self.scope, record.key, record)
            if before != record:
                self._changes.append(Change(0, self.scope, kind, record.key, before, record))

    def remove(self, *records: Record) -> None:
        """Remove records; one that is not there is ignored."""
        for record in records:
            kind = type(record)
            before = self._documents.replace(kind, self.scope, record.key, None)
            if before is not None:
                self._changes.append(Change(0, self.scope, kind, record.key, before, None))

    async def __aenter__(self) -> Self:
        """Begin; refused with StoreError while the disk refuses writes."""
        await self._store.writable()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Undo after an error; else return when the change is durable."""
        if kind is not None:
            undo(self._documents, self._changes)
            return
        self._store.enter(self._changes)
        await self._store.durable()


def undo(documents: Documents, changes: Sequence[Change]) -> None:
    """Put back what the changes replaced, newest first."""
    for change in reversed(changes):
        documents.replace(change.kind, change.scope, change.key, change.before)


class Store:
    """Documents of all accounts and regions. Open with ``Store.open`` or ``Store.in_memory``."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._documents = Documents()
        self._revision = 0
        self._waiting: list[Change] = []  # entered, not yet in a commit
        self._rows: dict[Place, Row] = {}  # what they make of the rows, encoded
        self._committing: list[Change] = []
        self._next: asyncio.Future[None] | None = None  # resolves with the waiting batch
        self._current: asyncio.Future[None] | None = None  # resolves with the committing batch
        self._watchers: list[tuple[frozenset[type[Record]], Watcher]] = []
        self._refusing: StoreError | None = None
        self._thread: ThreadPoolExecutor | None = None
        if backend.blocking:
            self._thread = ThreadPoolExecutor(1, "store-commit")

    @classmethod
    def open(cls, backend: Backend) -> "Store":
        """Load every row of the backend."""
        store = cls(backend)
        kinds = all_kinds()
        decoders = {name: msgspec.json.Decoder(kind) for name, kind in kinds.items()}
        for row in backend.load():
            if row.kind not in kinds:
                raise StoreError(f"the store holds records of an unknown kind: {row.kind}")
            record = decoders[row.kind].decode(row.body or b"")
            store._documents.replace(
                kinds[row.kind], Scope(row.account, row.region), row.key, record
            )
            store._revision = max(store._revision, row.revision)
        return store

    @classmethod
    def in_memory(cls) -> "Store":
        """Return an empty store that keeps nothing and commits at once (tests, simulator)."""
        return cls(MemoryBackend())

    @property
    def revision(self) -> int:
        """The number of the newest change, durable or not."""
        return self._revision

    @property
    def callers(self) -> object:
        """The very same object for as long as no record of callers has changed, in any account."""
        return self._documents.callers

    def view(self, scope: Scope) -> View:
        """Read one account and region, uncommitted changes included: wait for ``durable`` after."""
        return View(self._documents, scope)

    def everywhere(self, kind: type[R]) -> Iterator[tuple[Scope, R]]:
        """Yield the records of a kind in all accounts and regions."""
        return self._documents.everywhere(kind)

    def count_everywhere(self, kind: type[Record], index: str, value: object) -> int:
        """Return how many records of all accounts and regions have this indexed value."""
        return self._documents.count_everywhere(kind, index, value)

    def scopes(self) -> set[Scope]:
        """Return every account and region that holds something."""
        return self._documents.scopes()

    def transaction(self, scope: Scope) -> Transaction:
        """Change one account and region; no ``await`` inside the block."""
        return Transaction(self, self._documents, scope)

    def watch(self, kinds: Sequence[type[Record]], watcher: Watcher) -> Callable[[], None]:
        """Call with every batch of durable changes of these kinds, in order; returns the end of it.

        Watchers are called in the event loop and must not block or raise.
        """
        entry = (frozenset(kinds), watcher)
        self._watchers.append(entry)
        return lambda: self._watchers.remove(entry)

    async def writable(self) -> None:
        """Return when writes are accepted; StoreError while the disk refuses them."""
        if self._refusing is None:
            return
        try:
            if self._thread:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._thread, self._backend.probe)
            else:
                self._backend.probe()
        except StoreError as error:
            self._refusing = error
            raise
        log.warning("the store accepts writes again")
        self._refusing = None

    async def durable(self) -> None:
        """Return when everything entered so far is on disk; StoreError if it could not be."""
        waiting = self._next or self._current
        if waiting is not None:
            await asyncio.shield(waiting)

    def enter(self, changes: list[Change]) -> None:
        """Take a finished transaction into the next batch (called by Transaction)."""
        if not changes:
            return
        numbered = [change._replace(revision=self._revision + 1) for change in changes]
        try:
            rows = _rows(numbered)
        except (ValueError, TypeError):  # a text that is no Unicode, a value that is no JSON: a bug
            undo(self._documents, changes)
            raise
        self._revision += 1
        if self._thread is None:
            self._commit_here(numbered, list(rows.values()))
            return
        self._waiting += numbered
        self._rows |= rows
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._next.add_done_callback(_retrieve)
        if self._current is None:
            self._start_commit()

    def close(self) -> None:
        """Finish what is being written and release the backend."""
        if self._thread:
            self._thread.shutdown(wait=True)
        self._backend.close()

    def _commit_here(self, changes: list[Change], rows: list[Row]) -> None:
        try:
            self._backend.commit(rows)
        except StoreError as error:
            undo(self._documents, changes)
            self._refusing = error
            raise
        self._tell(changes)

    def _start_commit(self) -> None:
        self._committing, self._waiting = self._waiting, []
        self._current, self._next = self._next, None
        rows, self._rows = list(self._rows.values()), {}
        loop = asyncio.get_running_loop()
        done = loop.run_in_executor(self._thread, self._backend.commit, rows)
        done.add_done_callback(self._committed)

    def _committed(self, done: "asyncio.Future[None]") -> None:
        error = done.exception()
        if error is not None:
            self._fail(error)
            return
        current, changes = self._current, self._committing
        self._current, self._committing = None, []
        if self._waiting:
            self._start_commit()
        if current is not None:
            current.set_result(None)
        self._tell(changes)

    def _fail(self, error: BaseException) -> None:
        """Undo the failed batch and all since, newest first; every waiter gets the reason."""
        cause = error if isinstance(error, StoreError) else StoreError(f"commit failed: {error!r}")
        log.error("a commit failed; its changes are undone", extra={"cause": str(error)})
        undo(self._documents, self._committing + self._waiting)
        self._refusing = cause
        futures = [self._current, self._next]
        self._committing, self._waiting, self._current, self._next = [], [], None, None
        self._rows = {}
        for future in futures:
            if future is not None:
                future.set_exception(cause)

    def _tell(self, changes: list[Change]) -> None:
        for kinds, watcher in list(self._watchers):
            told = [change for change in changes if change.kind in kinds]
            if told:
                watcher(told)


def _rows(changes: Sequence[Change]) -> dict[Place, Row]:
    """Return the newest state of each changed record, once."""
    newest = {(change.kind.KIND, *change.scope, change.key): change for change in changes}
    return {
        place: Row(
            *place,
            change.revision,
            None if change.after is None else msgspec.json.encode(change.after),
        )
        for place, change in newest.items()
    }


def _retrieve(future: "asyncio.Future[None]") -> None:
    """A failed batch whose writers are gone is no unhandled error: `_fail` has logged it."""
    if not future.cancelled():
        future.exception()
