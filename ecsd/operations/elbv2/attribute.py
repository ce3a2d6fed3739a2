"""Attributes in ELBv2's shape: changed and shown alike for all kinds of resources."""

from collections.abc import Mapping
from typing import Any

from ecsd.decisions.balancers.balancer_attributes import Attribute, effective, problem
from ecsd.errors import AwsError


def changed(
    noun: str, known: Mapping[str, Attribute], held: dict[str, str], given: list[dict[str, Any]]
) -> dict[str, str]:
    """Return the attributes after a Modify…Attributes, or refuse the first that is wrong."""
    merged = dict(held)
    for one in given:
        key, value = one.get("Key") or "", one.get("Value") or ""
        words = problem(noun, known, key, value)
        if words is not None:
            raise AwsError("ValidationError", words)
        merged[key] = value
    return merged


def show(known: Mapping[str, Attribute], held: Mapping[str, str]) -> dict[str, Any]:
    """Return every attribute as answers list them."""
    values = effective(known, held)
    return {"Attributes": [{"Key": key, "Value": value} for key, value in values.items()]}
