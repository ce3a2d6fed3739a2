"""Which capacity provider of a strategy the next task goes to.

Source: ecs_semantics 3.4; Amazon ECS API Reference, CapacityProviderStrategyItem.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecsd.records.ecs.task import Task

MOST_ITEMS = 20
LARGEST_WEIGHT, LARGEST_BASE = 1000, 100_000
Strategy = Sequence[Mapping[str, Any]]


def problems(strategy: Strategy) -> Iterator[str]:
    """Yield what is wrong with a strategy by itself."""
    if len(strategy) > MOST_ITEMS:
        yield f"A capacity provider strategy can contain a maximum of {MOST_ITEMS} items."
    names = [one["capacityProvider"] for one in strategy]
    if len(set(names)) < len(names):
        yield "The capacity provider strategy cannot contain a capacity provider more than once."
    for one in strategy:
        for member, most in (("weight", LARGEST_WEIGHT), ("base", LARGEST_BASE)):
            if not 0 <= one.get(member, 0) <= most:
                yield (
                    f"capacityProviderStrategy.{member} must be between 0 and {most}, got "
                    f"{one[member]}."
                )
    if sum(one.get("base", 0) > 0 for one in strategy) > 1:
        yield "Only one capacity provider in a capacity provider strategy can have a base defined."
    if strategy and not any(_weight(one, strategy) for one in strategy):
        yield (
            "The capacity provider strategy must contain at least one capacity provider with a "
            "weight greater than 0."
        )


def choose(strategy: Strategy, counts: Mapping[str, int]) -> str:
    """Return the provider that is below its base, else the one furthest below its share.

    counts: provider → tasks that it holds already. The first of equals.
    """
    for one in strategy:
        if counts.get(one["capacityProvider"], 0) < one.get("base", 0):
            return str(one["capacityProvider"])
    weighted = [one for one in strategy if _weight(one, strategy)]

    def load(one: Mapping[str, Any]) -> float:
        beyond = counts.get(one["capacityProvider"], 0) - one.get("base", 0)
        return float((beyond + 1) / _weight(one, strategy))

    return str(min(weighted, key=load)["capacityProvider"])


def provider_of_next(strategy: Strategy, beside: Sequence[Task]) -> str | None:
    """Return the provider of a task that joins others; None without a strategy."""
    if not strategy:
        return None
    wanted = [one for one in beside if one.desired_status == "RUNNING"]
    names = [one.capacity_provider_name for one in wanted if one.capacity_provider_name]
    return choose(strategy, Counter(names))


def _weight(item: Mapping[str, Any], strategy: Strategy) -> int:
    """Return an item's weight; the only item of a strategy needs none."""
    given = item.get("weight")
    if given is None:
        return 1 if len(strategy) == 1 else 0
    return int(given)
