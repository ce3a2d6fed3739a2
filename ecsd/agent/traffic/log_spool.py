"""Log lines on disk until S3 has them: of each log a file that grows, and those that wait.

Beside each lies a note of where it goes. A file with a note is whole after a kill at any instant:
the note is there before the first line, and both its names while the file is renamed.
"""

import gzip
import io
import logging
import shutil
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import msgspec

from ecsd.certificates.private_files import write_private
from ecsd.decisions.telemetry.log_place import LogPlace, balancer_id
from ecsd.ids import IdSource

log = logging.getLogger(__name__)

LARGEST_FILE = 64 << 20  # bytes; then another object is begun
MOST_BYTES = 512 << 20  # of files that wait for delivery
PIECE = 1 << 20  # bytes
STAMP = "%Y%m%dT%H%M%S"


class Delivery(msgspec.Struct, frozen=True):
    """Where a file's lines go. address: of the node, in objects' names."""

    load_balancer_arn: str
    kind: str
    place: LogPlace
    address: str


class Waiting(NamedTuple):
    """A file that waits for delivery. end: of the time that it covers; unique: no other's."""

    file: Path
    delivery: Delivery
    end: datetime
    unique: str

    def packed(self) -> bytes:
        """Return its lines, compressed. Raises OSError."""
        out = io.BytesIO()
        with (
            self.file.open("rb") as lines,
            gzip.GzipFile(fileobj=out, mode="wb", compresslevel=6) as packed,
        ):
            shutil.copyfileobj(lines, packed, PIECE)
        return out.getvalue()


class LogSpool:
    """The files of a folder. Calls may come from several threads; all may raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ids = IdSource()
        self._lock = Lock()

    def written_at(self) -> datetime | None:
        """Return when something was written last; None: never."""
        found = [one.stat().st_mtime for one in self._folder.glob("*/*")]
        return datetime.fromtimestamp(max(found), UTC) if found else None

    def append(self, delivery: Delivery, lines: Sequence[str], now: datetime) -> None:
        """Put lines on disk; what was there for another place is let go first."""
        with self._lock:
            file = self._growing(delivery)
            note = file.with_suffix(".json")
            if file.exists() and _read_note(note) != delivery:
                self._turn(file, now)
            if not file.exists():
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_private(note, msgspec.json.encode(delivery), lasting=False)
            with file.open("a") as out:
                out.writelines(f"{one}\n" for one in lines)
            if file.stat().st_size >= LARGEST_FILE:
                self._turn(file, now)

    def turn(self, kept: Collection[Delivery], end: datetime) -> None:
        """Let files wait for delivery but for those that go on growing."""
        growing = {self._growing(one): one for one in kept}
        with self._lock:
            for file in [*self._folder.glob("*/*.log")]:
                known = growing.get(file)
                if "~" in file.name or (known and _read_note(file.with_suffix(".json")) == known):
                    continue
                self._turn(file, end)

    def waiting(self) -> list[Waiting]:
        """Return the files that wait, the oldest first; beyond ``MOST_BYTES`` the oldest go."""
        with self._lock:
            for note in self._folder.glob("*/*~*.json"):
                if not note.with_suffix(".log").exists():
                    note.unlink()
            found = [_waiting(one) for one in self._folder.glob("*/*~*.log")]
            known = sorted((one for one in found if one), key=lambda one: one.end)
            sizes = [one.file.stat().st_size for one in known]
            size, gone = sum(sizes), 0
            while size > MOST_BYTES:
                log.warning(
                    "undelivered log lines had to go", extra={"file": str(known[gone].file)}
                )
                _remove(known[gone].file)
                size -= sizes[gone]
                gone += 1
            return known[gone:]

    def remove(self, waiting: Waiting) -> None:
        """Forget a file."""
        with self._lock:
            _remove(waiting.file)

    def tried_out(self, delivery: Delivery) -> bool:
        """Tell whether a place has been noted as tried out."""
        marker = self._growing(delivery).with_suffix(".told")
        return marker.exists() and marker.read_text() == "/".join(delivery.place)

    def note_trial(self, delivery: Delivery) -> None:
        """Note that a place has been tried out."""
        marker = self._growing(delivery).with_suffix(".told")
        marker.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        marker.write_text("/".join(delivery.place))

    def _growing(self, delivery: Delivery) -> Path:
        home = balancer_id(delivery.load_balancer_arn).replace("/", ".")
        return self._folder / home / f"{delivery.kind}.log"

    def _turn(self, file: Path, end: datetime) -> None:
        note = file.with_suffix(".json")
        turned = file.with_name(f"{file.stem}~{end:{STAMP}}~{self._ids.hexadecimal(8)}.log")
        if note.exists():
            turned.with_suffix(".json").hardlink_to(note)
        file.rename(turned)
        note.unlink(missing_ok=True)


def _waiting(file: Path) -> Waiting | None:
    delivery = _read_note(file.with_suffix(".json"))
    if delivery is None:
        log.warning("log lines are of no balancer", extra={"file": str(file)})
        _remove(file)
        return None
    _, stamp, unique = file.stem.split("~")
    return Waiting(file, delivery, datetime.strptime(stamp, STAMP).replace(tzinfo=UTC), unique)


def _read_note(file: Path) -> Delivery | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Delivery)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.with_suffix(".json").unlink(missing_ok=True)
