"""What is remembered of tasks: the newest ends of each place, no more than so many."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.tasks.task_history import KEPT, surplus
from ecsd.records.ecs.task_end import TaskEnd

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def ended(number, seconds):
    return TaskEnd(
        task_arn=f"task/{number}",
        place="prod/service:web",
        task_definition="web:1",
        stopped_at=BEGIN + timedelta(seconds=seconds),
    )


@given(st.lists(st.integers(0, 1000), max_size=3 * KEPT))
def test_the_newest_are_kept(moments):
    ends = [ended(number, seconds) for number, seconds in enumerate(moments)]
    old = surplus(ends)
    kept = [one for one in ends if one not in old]
    assert len(kept) == min(len(ends), KEPT)
    assert all(one.stopped_at <= other.stopped_at for one in old for other in kept)
