"""Secrets are rotated by their functions, when their time comes or somebody asks.

Each step is asked for once the one before has been answered and stored: after a crash the same step
comes again (at least once, as functions have to expect).
"""

import logging
from collections.abc import Iterable
from datetime import datetime

from ecsd.clock import Clock
from ecsd.decisions.balancers.function_arn import Invoke, invoke_url
from ecsd.decisions.secretsmanager import rotation
from ecsd.errors import FunctionError
from ecsd.ids import IdSource
from ecsd.records.record import Record
from ecsd.records.secretsmanager.rotation import SCHEDULED, TEST, RotationAttempt
from ecsd.records.secretsmanager.secret import Secret
from ecsd.store.finders.secretsmanager import find_deprecated
from ecsd.store.scope import Scope
from ecsd.store.store import Change, Store

log = logging.getLogger(__name__)


class SecretRotationController:
    """One key for each secret that is rotated: its ARN."""

    name = "secret_rotation"
    watches: tuple[type[Record], ...] = (Secret,)

    def __init__(
        self, store: Store, clock: Clock, ids: IdSource, invoke: Invoke, endpoint: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._invoke = invoke
        self._endpoint = endpoint

    def keys(self, change: Change) -> Iterable[tuple[Scope, str]]:
        """Return a secret that has a rotation."""
        after = change.after
        if isinstance(after, Secret) and after.rotation is not None:
            return [(change.scope, after.arn)]
        return []

    async def reconcile(self, scope: Scope, key: str) -> datetime | None:
        """Begin what is due, or do the next step of what has begun; return when to look again."""
        now = self._clock.now()
        secret = self._store.view(scope).get(Secret, key)
        due = rotation.due_at(secret, now) if secret is not None else None
        if secret is None or secret.rotation is None or due is None or due > now:
            return due
        attempt = secret.rotation.attempt
        if attempt is None:
            await self._begin(scope, secret)
        elif rotation.labelled(secret) != secret:
            async with self._store.transaction(scope) as change:
                if change.get(Secret, key) == secret:
                    change.put(rotation.labelled(secret))
        else:
            await self._step(scope, secret, attempt)
        return None  # what changed has it looked at once more

    async def _begin(self, scope: Scope, secret: Secret) -> None:
        async with self._store.transaction(scope) as change:
            if change.get(Secret, secret.arn) != secret:
                return
            token, rotation_token = self._ids.uuid(), self._ids.uuid()
            now = self._clock.now()
            change.put(rotation.begun(secret, SCHEDULED, token, rotation_token, now))

    async def _step(self, scope: Scope, secret: Secret, attempt: RotationAttempt) -> None:
        fault = await self._ask(secret)
        async with self._store.transaction(scope) as change:
            held = change.get(Secret, secret.arn)
            if held is None or not rotation.is_same(held, attempt):
                return  # cancelled, or begun anew
            now = self._clock.now()
            after = rotation.after_step(held, now) if fault is None else fault
            if isinstance(after, str):
                fault, after = after, rotation.after_failure(held, now)
            change.put(after)
            if attempt.kind == TEST:
                change.remove(*find_deprecated(change, after, attempt.token))
        facts = {"secret": secret.arn, "step": attempt.step}
        again = after.rotation.attempt if after.rotation is not None else None
        if fault is not None and again is not None:
            log.warning(
                "a secret was not rotated and is tried again",
                extra={**facts, "cause": fault, "retry_at": str(again.retry_at)},
            )
        elif fault is not None:
            log.warning("a secret's rotation has failed its test", extra={**facts, "cause": fault})
        elif again is None:
            log.info("a secret's rotation has gone well", extra=facts)

    async def _ask(self, secret: Secret) -> str | None:
        """Have the function do its next step; return why it did not."""
        arn = secret.rotation.lambda_arn if secret.rotation is not None else ""
        try:
            await self._invoke(invoke_url(self._endpoint, arn), rotation.event_of(secret))
        except (FunctionError, OSError) as error:
            return str(error) or type(error).__name__
        return None
