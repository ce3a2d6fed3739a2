"""After a start: bring the segments to what the journals say, then begin a new journal."""

import logging
from pathlib import Path

from ecsd.store.segment_files import SegmentFiles
from ecsd.store.stream_journal import Entry, EntryKind, Journal, read_entries, sync_folder

log = logging.getLogger(__name__)


def recover(folder: Path, files: SegmentFiles) -> Journal:
    """Replay what journals hold (OSError when the disk says no); return a new, empty journal."""
    paths = sorted(folder.glob("journal-*.log"))
    entries: list[Entry] = []
    newest = 0
    for path in paths:
        for number, entry in read_entries(path):
            entries.append(entry)
            newest = max(newest, number)
    _replay(entries, files)
    files.sync()
    for path in paths:
        path.unlink()
    sync_folder(folder)
    if entries:
        log.info("log streams were brought up to date", extra={"entries": len(entries)})
    return next_journal(folder, newest)


def next_journal(folder: Path, newest: int) -> Journal:
    """Return an empty journal whose entries are numbered from ``newest`` on."""
    return Journal(folder / f"journal-{newest:020d}.log", newest)


def _replay(entries: list[Entry], files: SegmentFiles) -> None:
    dropped = {one.storage for one in entries if one.kind is EntryKind.DROP}
    kept = {one.storage: one.segment for one in entries if one.kind is EntryKind.TRIM}
    ends: dict[tuple[str, int], int] = {}
    for entry in entries:
        is_needed = entry.storage not in dropped and entry.segment >= kept.get(entry.storage, 0)
        if entry.kind is EntryKind.APPEND and is_needed:
            files.write(entry.storage, entry.segment, entry.offset, entry.block)
            ends[entry.storage, entry.segment] = entry.offset + len(entry.block)
    for (storage, segment), end in ends.items():
        files.cut(storage, segment, end)
    for storage, segment in kept.items():
        if storage not in dropped:
            files.remove_before(storage, segment)
    for storage in dropped:
        files.remove(storage)
