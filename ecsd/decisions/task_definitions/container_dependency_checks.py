"""What containers of a task say of each other: dependsOn, volumesFrom, links, and their cycles.

Source: ecs_semantics 2.1 and 2.4; API Reference, ContainerDependency.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ecsd.decisions.containers.container_order import dependencies

LINK = re.compile(r"[A-Za-z0-9_-]{1,255}(:[A-Za-z0-9_-]{1,255})?")

Container = Mapping[str, Any]


def check_dependencies(containers: Sequence[Container]) -> Iterator[str]:
    """Yield what is wrong between a definition's containers."""
    by_name = {one.get("name"): one for one in containers}
    for container in containers:
        yield from _depends_on(container, by_name)
        for source in container.get("volumesFrom") or ():
            if source.get("sourceContainer") not in by_name:
                yield (
                    "Invalid 'volumesFrom' setting. Unknown container: "
                    f"'{source.get('sourceContainer')}'."
                )
        yield from _links(container, by_name)
    if _has_cycle(
        {name: [needed.name for needed in dependencies(one)] for name, one in by_name.items()}
    ):
        yield "Container definitions have a cyclic dependency."


def _depends_on(container: Container, by_name: Mapping[Any, Container]) -> Iterator[str]:
    for needed in container.get("dependsOn") or ():
        other = by_name.get(needed["containerName"])
        condition = needed["condition"]
        if other is None:
            yield (
                f"Cannot depend on container + '{needed['containerName']}' because it does "
                "not exist"
            )
        elif condition in {"SUCCESS", "COMPLETE"} and other.get("essential", True):
            yield (
                "A dependency container with SUCCESS or COMPLETE condition cannot be an "
                "essential container"
            )
        elif condition == "HEALTHY" and not other.get("healthCheck"):
            yield f"Container '{other['name']}' is depended on as HEALTHY but has no health check."


def _links(container: Container, by_name: Mapping[Any, Container]) -> Iterator[str]:
    for link in container.get("links") or ():
        if not LINK.fullmatch(link):
            yield f"Container '{container.get('name')}': invalid link {link!r}."
        elif link.partition(":")[0] not in by_name:
            yield f"Invalid 'links' setting. Unknown container: '{link.partition(':')[0]}'."


def _has_cycle(needs: Mapping[Any, Iterable[Any]]) -> bool:
    done: set[Any] = set()
    while True:
        ready = {
            name
            for name, needed in needs.items()
            if name not in done and all(one in done or one not in needs for one in needed)
        }
        if not ready:
            return len(done) < len(needs)
        done |= ready
