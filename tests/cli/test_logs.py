"""Reading on where the last poll ended."""

from ecsd.cli.api import ApiError
from ecsd.cli.logs import LATE_MILLISECONDS, Reading

PREFIX = "ecs/app/"


class FakeLogs:
    """Two events a page; remembers from when on it was asked."""

    def __init__(self):
        self.events = []
        self.asked = []

    def write(self, at, task="t1"):
        number = len(self.events)
        self.events.append(
            {"eventId": f"{number}", "timestamp": at, "logStreamName": f"{PREFIX}{task}"}
        )

    def ask(self, service, operation, /, *, logGroupName, startTime, nextToken="0", **_):  # noqa: N803
        if logGroupName == "gone":
            raise ApiError("ResourceNotFoundException", "no such group")
        self.asked.append(startTime)
        found = [one for one in self.events if one["timestamp"] >= startTime]
        start = int(nextToken)
        page = {"events": found[start : start + 2]}
        return page | ({"nextToken": str(start + 2)} if len(found) > start + 2 else {})


def ids(events):
    return [one["eventId"] for one in events]


def test_every_event_comes_once_whole_and_in_order():
    logs = FakeLogs()
    reading = Reading(logs, [("gone", PREFIX), ("group", PREFIX)])
    for at in (5_000, 3_000, 4_000, 400_000, 9_000):
        logs.write(at)
    logs.write(1, task="another service's")
    assert ids(reading.new_events({"t1"})) == ["1", "2", "0", "4", "3"]
    assert reading.new_events({"t1"}) == []
    logs.write(400_000 - LATE_MILLISECONDS)  # late
    logs.write(500_000)
    assert ids(reading.new_events({"t1"})) == ["6", "7"]
    assert reading.new_events({"t1"}) == []
    assert logs.asked[-1] == 500_000 - LATE_MILLISECONDS  # what is long read is not asked again
