"""Beginning a deployment inside a transaction: a revision, and an attempt to reach it."""

from datetime import datetime

from msgspec.structs import replace

from ecsd.decisions.services import deployment
from ecsd.decisions.services import service_deployment as history
from ecsd.ids import IdSource
from ecsd.records.ecs.service import Service
from ecsd.records.ecs.service_deployment import ServiceDeployment, ServiceRevision
from ecsd.store import service_connect
from ecsd.store.store import Transaction


def deploy(
    change: Transaction, service: Service, revision: ServiceRevision, ids: IdSource, now: datetime
) -> Service:
    """Enter both and return the service on its way; an attempt that goes on is given up for it."""
    attempt = history.new_service_deployment(service, revision, ids.service_deployment_id(), now)
    older = change.get(ServiceDeployment, service.service_deployment_arn)
    if older is not None and history.is_open(older):
        change.put(history.supersede(older, now))
    revision = service_connect.join(change, service, revision, ids, now)
    change.put(revision, attempt)
    service = replace(service, service_deployment_arn=attempt.arn)
    return deployment.begin(service, deployment.new_deployment(revision, now), now)
