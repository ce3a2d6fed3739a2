"""What HAProxy's workers have counted, and by how much that has grown.

A worker counts from its start; a reload begins another one while the last finishes what it has. So
each worker's growth is taken by itself. Source: HAProxy 2.6 Management Guide, 9.1 CSV format, 9.3
``show info``, ``show stat``, ``show table``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

CODES = ("hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx")
OF_FRONTEND = ("conn_tot", "req_tot", "bin", "bout", "ssl_failed_handshake", *CODES)
OF_SERVER = (
    *("stot", "econ", "wretr", "wredis", "connect", "bin", "bout", "ssl_failed_handshake"),
    *CODES,
)
PRESENT = ("scur", "used_conn_cur", "idle_conn_cur")  # levels, not counters
FRONTEND, BACKEND = "FRONTEND", "BACKEND"
TIMES = "#"  # stands for a server: the counters are of a group's responses by their bucket
ROW = re.compile(r"key=(\d+) .*http_req_cnt=(\d+)")
TABLE = re.compile(r"# table: ([^,]+),")

Place = tuple[str, str, str]  # frontend or backend; FRONTEND, a server or TIMES; what is counted


class Reading(msgspec.Struct, frozen=True):
    """What one worker has counted.

    worker: no other one is called so. started: seconds since 1970. leaving: it takes no new
    connections. connections: that clients have with it.
    """

    worker: str
    started: int
    leaving: bool
    connections: int
    dropped: int  # lines that nobody took
    counts: dict[Place, int]
    levels: dict[Place, int]


def read_worker(info: Sequence[str], stat: Sequence[str], tables: Sequence[str]) -> Reading | None:
    """Return a worker's reading out of its answers, line by line; None: they are not whole."""
    facts = dict(one.split(": ", 1) for one in info if ": " in one)
    try:
        worker = f"{facts['Pid']}@{facts['Start_time_sec']}"
        started = int(facts["Start_time_sec"])
        leaving = facts["Stopping"] != "0"
        connections = int(facts["CurrConns"])
        dropped = int(facts["DroppedLogs"])
    except (KeyError, ValueError):
        return None
    counts: dict[Place, int] = {}
    levels: dict[Place, int] = {}
    if not stat or not stat[0].startswith("# pxname,"):
        return None
    names = stat[0].removeprefix("# ").split(",")
    column = {name: number for number, name in enumerate(names)}
    for line in stat[1:]:
        values = line.split(",")
        if len(values) < len(names) or values[1] == BACKEND:
            continue
        wanted = OF_FRONTEND if values[1] == FRONTEND else OF_SERVER
        _enter(counts, values, column, wanted)
        _enter(levels, values, column, PRESENT)
    return Reading(worker, started, leaving, connections, dropped, counts | _times(tables), levels)


def _enter(
    found: dict[Place, int], values: Sequence[str], column: Mapping[str, int], names: Sequence[str]
) -> None:
    for name in names:
        at = column.get(name)
        if at is not None and values[at].isdecimal() and values[at] != "0":
            found[values[0], values[1], name] = int(values[at])


def _times(tables: Iterable[str]) -> dict[Place, int]:
    found: dict[Place, int] = {}
    backend = ""
    for line in tables:
        table = TABLE.match(line)
        if table:
            backend = table[1]
        row = ROW.search(line)
        if row:
            found[backend, TIMES, row[1]] = int(row[2])
    return found


def growth(before: Mapping[Place, int], after: Mapping[Place, int]) -> dict[Place, int]:
    """Return by how much counters of one worker have grown; what counts anew grew from nothing."""
    grown = {}
    for place, count in after.items():
        known = before.get(place, 0)
        more = count - known if count >= known else count
        if more:
            grown[place] = more
    return grown


def added(one: Mapping[Place, int], other: Mapping[Place, int]) -> dict[Place, int]:
    """Return the sums of two workers' counters."""
    together = dict(one)
    for place, count in other.items():
        together[place] = together.get(place, 0) + count
    return together


def by_place(counts: Mapping[Place, int]) -> dict[str, dict[str, dict[str, int]]]:
    """Return frontend or backend → server → counter → number."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (place, server, name), number in counts.items():
        found.setdefault(place, {}).setdefault(server, {})[name] = number
    return found


def requests_sent(counts: Mapping[str, int], codes: Mapping[str, int]) -> int:
    """Return how many requests a server got. codes: hrsp_… → its responses.

    HAProxy counts a request that is sent again as a try, and some retries twice.
    """
    tried = counts.get("stot", 0) - counts.get("wretr", 0) - counts.get("wredis", 0)
    return max(tried, sum(codes.values()))
