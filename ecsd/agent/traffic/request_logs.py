"""What HAProxies of this host tell of requests: lines of logs, and errors for the metrics."""

import hashlib
import logging
import ssl
from collections import Counter
from datetime import datetime
from typing import NamedTuple

from ecsd.agent.traffic.log_files import LogFiles
from ecsd.clock import Clock
from ecsd.decisions.haproxy.backend import backend_name
from ecsd.decisions.haproxy.listener_names import frontend_name
from ecsd.decisions.haproxy.observation import ERROR, HANDSHAKE
from ecsd.decisions.telemetry.access_log import Listened, access_line, connection_line
from ecsd.decisions.telemetry.balancer_metrics import own_answer
from ecsd.decisions.telemetry.request_line import Told, read_line
from ecsd.records.plan import BalancerPlan

log = logging.getLogger(__name__)


class Errors(NamedTuple):
    """Answers that came from no target, as ``balancer_metrics.Minute`` has them."""

    answers: Counter[tuple[str, str]]
    own: Counter[tuple[str, str]]


class RequestLogs:
    """Hears lines, and knows the listeners that they are about."""

    def __init__(self, clock: Clock, files: LogFiles) -> None:
        self._clock = clock
        self._files = files
        self._listeners: dict[str, Listened] = {}  # by frontend
        self._errors = Errors(Counter(), Counter())
        self._unread = 0
        self.since: datetime | None = None  # nothing was missed since then

    def follow(self, plan: BalancerPlan) -> None:
        """Know a balancer's listeners, and nothing that an earlier plan of it said."""
        self.forget(plan.load_balancer_arn)
        groups = {backend_name(one.target_group_arn): one for one in plan.target_groups}
        certificates = {_digest(pem): arn for arn, pem in plan.certificates.items()}
        for listener in plan.listeners:
            self._listeners[frontend_name(listener.listener_arn)] = Listened(
                plan.load_balancer_arn, listener, groups, certificates
            )

    def forget(self, load_balancer_arn: str) -> None:
        """Know nothing of a balancer any more."""
        self._listeners = {
            name: one
            for name, one in self._listeners.items()
            if one.load_balancer_arn != load_balancer_arn
        }

    def take_errors(self) -> Errors:
        """Return what was heard of errors since the last call."""
        taken, self._errors = self._errors, Errors(Counter(), Counter())
        return taken

    def hear(self, lines: list[bytes]) -> None:
        """Take lines in, as they come."""
        now = self._clock.now()
        for line in lines:
            told = read_line(line)
            if told is None:
                self._unread += 1
                log.debug("HAProxy says something else", extra={"line": line[:200]})
            else:
                self._take(told, now)

    def _take(self, told: Told, now: datetime) -> None:
        if told.kind != HANDSHAKE:
            error = own_answer(told)
            if error is not None:
                self._errors.answers[error] += 1
                if told.has("own"):
                    self._errors.own[error[0], f"hrsp_{error[1][:1]}xx"] += 1
        if told.kind == ERROR:
            return
        about = self._listeners.get(told.text("listener"))
        if about is None:
            return
        arn = about.load_balancer_arn
        if told.kind == HANDSHAKE:
            self._files.add(arn, "connection", connection_line(told, now))
            return
        self._files.add(arn, "access", access_line(told, about, now))
        if told.has("first"):
            self._files.add(arn, "connection", connection_line(told, now))


def _digest(pem: str) -> str:
    """Return the SHA-1 of a file's first certificate, as HAProxy tells it."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = f"{begin}{pem.partition(begin)[2].partition(end)[0]}{end}"
    der = ssl.PEM_cert_to_DER_cert(first)
    return hashlib.sha1(der, usedforsecurity=False).hexdigest()
