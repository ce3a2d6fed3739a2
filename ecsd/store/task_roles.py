"""The roles of tasks as they are stored: which can be taken, and sessions of them.

A role that IAM here does not know has no policies that could be asked. Strict mode refuses it as
AWS does; local mode lets its task run, with sessions that may do what everybody may there: roles
are often made elsewhere, by another stack.
"""

from datetime import datetime
from typing import NamedTuple

from ecsd.decisions.tasks.task_roles import RoleOfTask, cannot_assume, trusts_tasks
from ecsd.ids import IdSource
from ecsd.records.iam.session import Session
from ecsd.settings import Settings
from ecsd.store.finders.iam import find_role_by_arn
from ecsd.store.sessions import Seal, new_session
from ecsd.store.store import View

SESSION_SECONDS = 6 * 3600  # as ECS's


class Rules(NamedTuple):
    """How much roles count. strict: every role; judged: those that are known here."""

    strict: bool
    judged: bool

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """Return what the settings say."""
        strict = settings.mode == "strict"
        return cls(strict, strict or settings.iam == "on")


def fault_of(home: View, role: RoleOfTask, task_arn: str, rules: Rules) -> str | None:
    """Return why ECS cannot take a role, in AWS's words; None: it can.

    home: the account's global view.
    """
    known = find_role_by_arn(home, role.arn)
    if known is None:
        return cannot_assume(role.arn) if rules.strict else None
    if rules.judged and not trusts_tasks(known, home.scope.account, task_arn):
        return cannot_assume(role.arn)
    return None


def open_task_session(
    home: View,
    role: RoleOfTask,
    task_arn: str,
    rules: Rules,
    made_by: tuple[IdSource, Seal, datetime],
) -> Session:
    """Return a new session of a task's role, to be stored in ``home``; its host gets the token."""
    ids, seal, now = made_by
    known = find_role_by_arn(home, role.arn)
    role_id = known.role_id if known is not None else ids.unique_id("AROA")
    task_id = task_arn.rpartition("/")[2]
    session, credentials = new_session(
        ids,
        seal,
        now,
        SESSION_SECONDS,
        arn=f"arn:aws:sts::{home.scope.account}:assumed-role/{role.name}/{task_id}",
        user_id=f"{role_id}:{task_id}",
        role_name=role.name,
        task_arn=task_arn,
        purpose=role.purpose,
        is_judged=known is not None and rules.judged,
    )
    sealed = seal.seal(credentials.session_token, session.access_key_id)
    return session.with_token(sealed)
