"""A task's end, entered in one transaction: shown, its address given back, remembered.

The server's observations and the task controller end tasks alike.
"""

from datetime import datetime

from ecsd.decisions.tasks.task import end
from ecsd.decisions.tasks.task_history import surplus, task_end
from ecsd.records.ecs.task import Task
from ecsd.records.ecs.task_end import TaskEnd
from ecsd.store.ebs_volumes import release_volumes
from ecsd.store.launch import release_interface
from ecsd.store.store import Transaction


def end_task(change: Transaction, task: Task, now: datetime) -> None:
    """Declare a task STOPPED, and keep how it ended for longer than it is shown."""
    ended = release_volumes(change, end(task, now))
    release_interface(change, ended)
    remembered = task_end(ended, now)
    change.put(ended, remembered)
    change.remove(*surplus(change.select(TaskEnd, place=remembered.place)))
