"""Members that have no effect here yet are refused by name, never kept in silence."""

from collections.abc import Iterable, Mapping
from typing import Any

from ecsd.errors import AwsError


def refuse_members(
    request: Mapping[str, Any], members: Iterable[str], code: str, where: str = ""
) -> None:
    """Refuse the first of these members that is set (empty lists and objects count as unset)."""
    for member in members:
        value = request.get(member)
        if value not in (None, [], {}, "", False):
            raise AwsError(code, f"{where}{member} is not supported by ecsd yet.")
