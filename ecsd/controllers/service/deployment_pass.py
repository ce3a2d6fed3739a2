"""A pass over a service whose deployments ECS makes: the primary one, and the attempt at it."""

from datetime import datetime

from msgspec.structs import replace

from ecsd.controllers.service.one_pass import ServicePass
from ecsd.decisions.rollout import rolling
from ecsd.decisions.services import circuit_breaker, deployment
from ecsd.decisions.services import service_deployment as history
from ecsd.decisions.tasks.task import is_live, is_wanted
from ecsd.ids import IdSource
from ecsd.records.ecs.service import Deployment, Service
from ecsd.store import service_connect
from ecsd.store.finders.ecs import attempt_of
from ecsd.store.store import Transaction


class DeploymentPass(ServicePass):
    """``finish`` writes what has become of the service and of the attempt."""

    def __init__(self, change: Transaction, service: Service, ids: IdSource, now: datetime) -> None:
        super().__init__(change, service, ids, now)
        self.attempt = attempt_of(change, service)

    @property
    def primary(self) -> Deployment:
        """Return the deployment that is being, or has been, rolled out."""
        return deployment.primary(self.service)

    @property
    def counted(self) -> dict[str, Deployment]:
        """Return the primary deployment."""
        return {self.primary.deployment_id: self.primary}

    # -------------------------------------------------------------- from beginning to end

    def wind_down(self) -> None:
        """The service is deleted: end its tasks, then call it INACTIVE."""
        self.stop_all()
        if history.is_open(self.attempt):
            self.attempt = history.give_up(self.attempt, "the service was deleted", self.now)
        if not any(is_live(one) for one in self.tasks):
            self.service = replace(self.service, status="INACTIVE", deployments=())
            service_connect.leave(self.change, self.service)
        self.change.put(self.service, self.attempt)

    def look(self) -> None:
        """Judge every task, and take note of those that ended."""
        self.attempt = history.start(self.attempt, self.now)
        super().look()
        self.attempt = history.count(self.attempt, self.primary.failures, self.now)

    def finish(self, *, may_complete: bool = True, keep: str | None = None) -> None:
        """Drop emptied deployments; declare completion and steady state; write it all.

        keep: a deployment that stays though it has no task at this moment.
        """
        alive = {one.deployment_id or "" for one in self.tasks if is_live(one)} | {keep or ""}
        self.service = deployment.without_vanished(self.service, alive)
        if not may_complete or len(self.service.deployments) > 1 or not self._is_settled():
            self.service = replace(self.service, steady=False)
            if may_complete and self._is_early_success():
                self._complete()
        else:
            self._settle()
        service_connect.leave(self.change, self.service)
        self.change.put(self.service, self.attempt)

    def _is_early_success(self) -> bool:
        configuration = self.attempt.configuration
        if configuration.strategy != "ROLLING" or not history.is_open(self.attempt):
            return False
        name = self.primary.deployment_id
        live = [one for one in self.tasks if is_live(one)]
        healthy = sum(one.deployment_id == name and self.is_healthy(one) for one in live)
        older = sum(one.deployment_id != name for one in live)
        return rolling.is_early_success(
            configuration.early_success, self.service.desired_count, healthy, older
        )

    def _complete(self) -> None:
        if self.primary.rollout_state != "IN_PROGRESS":
            return
        self.service = deployment.complete(self.service, self.now)
        self.tell(f"(deployment {self.primary.deployment_id}) deployment completed.")
        if history.is_open(self.attempt):
            self.attempt = history.succeed(self.attempt, self.now)

    def _settle(self) -> None:
        self._complete()
        if not self.service.steady:
            self.tell("has reached a steady state.")
            self.service = replace(self.service, steady=True, reported=())

    def break_circuit(self) -> bool:
        """Give the deployment up if too many of its tasks failed, or if that was asked for."""
        name = self.primary.deployment_id
        if self.attempt.status == "ROLLBACK_REQUESTED":
            self.give_up(f"ECS deployment {name} stopped on request.", history.REQUESTED, back=True)
            return True
        if not circuit_breaker.is_tripped(self.primary, self.service.desired_count, self.breaker):
            return False
        self.tell(f"(deployment {name}) deployment failed: tasks failed to start.")
        state = "ECS deployment circuit breaker: tasks failed to start."
        self.give_up(state, history.BREAKER, back=bool(self.breaker.get("rollback")))
        return True

    def give_up(self, state: str, cause: str, *, back: bool) -> None:
        """Leave the primary deployment, for the last completed one where there is one.

        state: rolloutStateReason. cause: follows "because" in statusReason.
        """
        self.service = deployment.fail(self.service, state, self.now)
        returning = deployment.roll_back(self.service, self.now) if back else None
        if returning is None:
            self.attempt = history.give_up(self.attempt, cause, self.now)
            return
        self.attempt = history.roll_back(self.attempt, cause, returning.revision_arn, self.now)
        self.service = returning
        self.tell(f"rolling back to deployment {self.primary.deployment_id}.")

    def _is_settled(self) -> bool:
        """Tell whether exactly the wanted tasks live, all of them well."""
        live = [one for one in self.tasks if is_live(one)]
        healthy = [one for one in live if is_wanted(one) and self.is_healthy(one)]
        return len(live) == len(healthy) == self.service.desired_count
