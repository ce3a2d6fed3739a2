"""What ecsd shows of itself at ``/_ecsd/<name>``: for status, doctor, why and ca."""

from collections.abc import Callable, Mapping

from msgspec.structs import asdict

from ecsd.certificates.authority import Authority
from ecsd.clock import Clock
from ecsd.controllers.controller import Controllers
from ecsd.decisions.dns.domain_name import resolved
from ecsd.decisions.vpc.vpc_plan import compile_vpc
from ecsd.records.ec2.vpc import Vpc
from ecsd.records.ecs.task_end import TaskEnd
from ecsd.records.host import Host
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.blobs import Blobs
from ecsd.store.finders.data_plane import vpc_parts
from ecsd.store.finders.route53 import all_zones
from ecsd.store.findings import all_findings
from ecsd.store.recent_traffic import RecentTraffic
from ecsd.store.scope import GLOBAL, HOSTS, Scope
from ecsd.store.store import Store


def pages(
    store: Store,
    blobs: Blobs,
    parts: tuple[Controllers, RecentTraffic],
    by: tuple[Authority, Clock],
) -> Mapping[str, Callable[[], object]]:
    """Return page → what it shows, as plain values."""
    controllers, traffic = parts
    authority, clock = by

    def scopes() -> object:
        return [
            {"account": one.account, "region": one.region}
            for one in sorted(store.scopes())
            if one != HOSTS and one.region != GLOBAL
        ]

    def hosts() -> object:
        return [asdict(one) for one in store.view(HOSTS).select(Host)]

    def ends() -> object:
        return [
            asdict(one) | {"containers": [asdict(part) for part in one.containers]}
            for _, one in store.everywhere(TaskEnd)
        ]

    def namespaces() -> object:
        return [
            {
                "account": scope.account,
                "region": scope.region,
                "namespace_id": one.namespace_id,
                "name": one.name,
                "vpc_id": one.vpc_id,
            }
            for scope, one in store.everywhere(Namespace)
        ]

    def zones() -> object:
        accounts = {scope.account for scope in store.scopes() if scope != HOSTS}
        return [
            {
                "account": account,
                "zone_id": one.zone_id,
                "name": resolved(one.name),
                "vpc_ids": one.vpc_ids,
            }
            for account in sorted(accounts)
            for one in all_zones(store.view(Scope(account, GLOBAL)))
        ]

    def vpcs() -> object:
        return [
            {"account": scope.account, "region": scope.region, "plan": compile_vpc(parts)}
            for scope, one in store.everywhere(Vpc)
            if (parts := vpc_parts(store.view(scope), one.vpc_id)) is not None
        ]

    def errors() -> object:
        return [
            {"controller": name, "key": key, **error._asdict()}
            for name, failing in controllers.errors().items()
            for key, error in failing.items()
        ]

    def findings() -> object:
        return [one._asdict() for one in all_findings(store, blobs.damaged)]

    def root() -> object:
        return {"root": authority.root(clock.now())}

    return {
        "scopes": scopes,
        "hosts": hosts,
        "namespaces": namespaces,
        "zones": zones,
        "vpcs": vpcs,
        "ends": ends,
        "errors": errors,
        "findings": findings,
        "authority": root,
        "metrics": traffic.shown,
    }
