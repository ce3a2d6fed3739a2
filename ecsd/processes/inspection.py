"""What ecsd shows of itself at ``/_ecsd/<name>``: for status, doctor, why and ca."""

from collections.abc import Callable, Mapping

from msgspec.structs import asdict

from ecsd.certificates.authority import Authority
from ecsd.clock import Clock
from ecsd.controllers.controller import Controllers
from ecsd.records.ecs.task_end import TaskEnd
from ecsd.records.host import Host
from ecsd.records.servicediscovery.namespace import Namespace
from ecsd.store.findings import all_findings
from ecsd.store.scope import GLOBAL, HOSTS
from ecsd.store.store import Store


def pages(
    store: Store, controllers: Controllers, authority: Authority, clock: Clock
) -> Mapping[str, Callable[[], object]]:
    """Return page → what it shows, as plain values."""

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

    def errors() -> object:
        return [
            {"controller": name, "key": key, **error._asdict()}
            for name, failing in controllers.errors().items()
            for key, error in failing.items()
        ]

    def findings() -> object:
        return [one._asdict() for one in all_findings(store)]

    def root() -> object:
        return {"root": authority.root(clock.now())}

    return {
        "scopes": scopes,
        "hosts": hosts,
        "namespaces": namespaces,
        "ends": ends,
        "errors": errors,
        "findings": findings,
        "authority": root,
    }
