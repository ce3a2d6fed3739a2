"""A rule's traffic shared between two target groups, for a deployment that shifts it.

Source: ecs_semantics 4.9; Elastic Load Balancing API Reference, ForwardActionConfig.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Actions = tuple[dict[str, Any], ...]
MOST = 999  # weight of a target group


def forwarded(actions: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the target groups that actions forward to, whatever their weight."""
    found: set[str] = set()
    for action in actions:
        config = action.get("ForwardConfig") or {}
        arns = [one["TargetGroupArn"] for one in config.get("TargetGroups", ())]
        found |= {*arns, *filter(None, [action.get("TargetGroupArn")])}
    return found


def weights(green_percent: float) -> tuple[int, int]:
    """Return blue's and green's weights; tenths of a percent stay visible."""
    if green_percent == int(green_percent):
        return 100 - int(green_percent), int(green_percent)
    green = max(1, round(green_percent * MOST / 100))
    return MOST - green, green


def shared(actions: Actions, blue: str, green: str, green_percent: float) -> Actions:
    """Return forward actions with the two groups' weights set; other groups get nothing."""
    by_group = dict(zip((blue, green), weights(green_percent), strict=True))
    return tuple(_with_weights(one, by_group) for one in actions)


def _with_weights(action: dict[str, Any], by_group: Mapping[str, int]) -> dict[str, Any]:
    if action.get("Type") != "forward":
        return action
    config = dict(action.get("ForwardConfig") or {})
    config["TargetGroups"] = [
        {**one, "Weight": by_group.get(one["TargetGroupArn"], 0)}
        for one in config.get("TargetGroups", ())
    ]
    rest = {member: value for member, value in action.items() if member != "TargetGroupArn"}
    return {**rest, "ForwardConfig": config}
