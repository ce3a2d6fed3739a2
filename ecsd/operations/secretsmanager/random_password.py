"""Passwords made by chance. Source: AWS Secrets Manager API Reference, GetRandomPassword."""

import string
from typing import Any

from ecsd.operations.call import Call, operation
from ecsd.operations.secretsmanager.requests import invalid

DEFAULT_LENGTH, MOST = 32, 4096
SORTS = {  # what leaves it out → characters
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}


@operation("secretsmanager", "GetRandomPassword")
async def get_random_password(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return a password of the sorts of characters that are not excluded."""
    length = request.get("PasswordLength", DEFAULT_LENGTH)
    if not 1 <= length <= MOST:
        raise invalid(f"PasswordLength must be between 1 and {MOST}, got {length}")
    sorts = _sorts(request)
    if not any(sorts):
        raise invalid("No characters are left to make a password of.")
    required = [one for one in sorts if one] if request.get("RequireEachIncludedType", True) else []
    if len(required) > length:
        raise invalid(f"PasswordLength {length} is too short for one of each included type.")
    every = "".join(sorts)
    drawn = [_one_of(call, one) for one in required]
    drawn += [_one_of(call, every) for _ in range(length - len(drawn))]
    return {"RandomPassword": "".join(call.ids.shuffled(drawn))}


def _sorts(request: dict[str, Any]) -> list[str]:
    excluded = set(request.get("ExcludeCharacters") or "")
    sorts = [characters for name, characters in SORTS.items() if not request.get(name)]
    if request.get("IncludeSpace"):
        sorts.append(" ")
    return ["".join(one for one in sort if one not in excluded) for sort in sorts]


def _one_of(call: Call, characters: str) -> str:
    return characters[call.ids.drawn([1] * len(characters))]
