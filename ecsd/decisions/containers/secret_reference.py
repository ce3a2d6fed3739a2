"""What a ``valueFrom`` points at: a parameter, or a secret, perhaps one key of its JSON.

Source: Amazon ECS API Reference, Secret; Developer Guide, Specifying sensitive data.
"""

import re
from typing import Any, NamedTuple

import msgspec

SSM, SECRETS_MANAGER = "ssm", "secretsmanager"
_ARN = re.compile(r"arn:aws[a-z-]*:([a-z]+):([a-z0-9-]+):(\d{12}):(.+)")
_NAME = re.compile(r"[a-zA-Z0-9_./-]+(:[a-zA-Z0-9_.-]+)?")
_PLAIN_SECRET, _WHOLE_SECRET = 2, 5  # parts of a secret's ARN after the account
LARGEST_PLAIN = 1e21  # Go's %v writes larger numbers with an exponent


class Reference(NamedTuple):
    """A value to be asked for.

    Attributes:
        store: ssm, secretsmanager.
        identifier: a parameter's name or ARN, perhaps with a selector; a secret's name or ARN.
        json_key, stage, version: of a secret; empty: the whole, AWSCURRENT, none in particular.
    """

    store: str
    region: str
    identifier: str
    json_key: str = ""
    stage: str = ""
    version: str = ""


def parse_reference(value_from: str, region: str) -> Reference | None:
    """Return what a ``valueFrom`` points at, None if it is nothing of the kind.

    region: of the task, where a name says none.
    """
    found = _ARN.fullmatch(value_from)
    if found is None:
        if value_from.startswith("arn:") or not _NAME.fullmatch(value_from):
            return None
        return Reference(SSM, region, value_from)
    service, own_region, account, rest = found.groups()
    if service == SSM and rest.startswith("parameter/") and _NAME.fullmatch(rest):
        return Reference(SSM, own_region, value_from)
    parts = rest.split(":")
    if service != SECRETS_MANAGER or parts[0] != "secret" or not parts[1]:
        return None
    head = f"{value_from.partition(f':{account}:')[0]}:{account}"
    if len(parts) == _PLAIN_SECRET:
        return Reference(SECRETS_MANAGER, own_region, value_from)
    if len(parts) == _WHOLE_SECRET:
        return Reference(SECRETS_MANAGER, own_region, f"{head}:secret:{parts[1]}", *parts[2:])
    return None


def parse_credentials(parameter: str, region: str) -> Reference | None:
    """Return the secret that a ``credentialsParameter`` names, by its ARN or its name."""
    if not parameter.startswith("arn:"):
        return Reference(SECRETS_MANAGER, region, parameter) if parameter else None
    found = parse_reference(parameter, region)
    return found if found is not None and found.store == SECRETS_MANAGER else None


def json_value(text: str, key: str) -> str | None:
    """Return the value of a key of a JSON object as text; None: there is no such key.

    Raises:
        ValueError: the text is no JSON object. The error holds nothing of the text.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ValueError("the secret is no JSON object")  # noqa: TRY004 - of the text, not a type
    return _written(document[key]) if key in document else None


def _written(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return JSON as the ECS agent writes it into a variable: Go's ``%v``."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case None:
            return "<nil>"
        case float() if value.is_integer() and abs(value) < LARGEST_PLAIN:
            return str(int(value))
        case list():
            return f"[{' '.join(map(_written, value))}]"
        case dict():
            pairs = (f"{name}:{_written(one)}" for name, one in sorted(value.items()))
            return f"map[{' '.join(pairs)}]"
        case _:
            return str(value)
