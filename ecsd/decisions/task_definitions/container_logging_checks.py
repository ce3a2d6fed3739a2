"""What makes a container's logConfiguration wrong.

Source: ecs_semantics 2.1, 10.4; API Reference, LogConfiguration; Docker, logging drivers.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# Not awslogs-endpoint and -credentials-endpoint: those are the installation's, on AWS too.
AWSLOGS = frozenset(
    {
        *("awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-stream"),
        *("awslogs-create-group", "awslogs-datetime-format", "awslogs-multiline-pattern"),
        *("awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"),
        *("tag", "mode", "max-buffer-size"),
    }
)
MODES = ("blocking", "non-blocking")
BUFFER = re.compile(r"[1-9]\d*\s*([bkmgt](i?b)?)?", re.IGNORECASE)


def check_logging(container: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a logConfiguration."""
    logging = container.get("logConfiguration") or {}
    options = logging.get("options") or {}
    where = f"Container '{container['name']}': "
    mode = options.get("mode")
    if mode is not None and mode not in MODES:
        yield f"{where}log option mode must be one of {', '.join(MODES)}, got {mode!r}."
    size = options.get("max-buffer-size")
    if size is not None and not BUFFER.fullmatch(size):
        yield f"{where}log option max-buffer-size is no size: {size!r}."
    if size is not None and mode == "blocking":
        yield f"{where}log option max-buffer-size is for mode non-blocking only."
    if logging.get("logDriver") == "awslogs":
        yield from _awslogs(options)


def _awslogs(options: Mapping[str, str]) -> Iterator[str]:
    missing = [one for one in ("awslogs-region", "awslogs-group") if not options.get(one)]
    if missing:
        yield f"Log driver awslogs requires options: {', '.join(missing)}"
    unknown = sorted(set(options) - AWSLOGS)
    if unknown:
        yield f"Log driver awslogs disallows options: {', '.join(unknown)}"
    if options.get("awslogs-datetime-format") and options.get("awslogs-multiline-pattern"):
        yield (
            "Log driver awslogs: awslogs-datetime-format and awslogs-multiline-pattern cannot "
            "both be given."
        )
    create = options.get("awslogs-create-group")
    if create is not None and create.lower() not in {"true", "false"}:
        yield f"Log driver awslogs: awslogs-create-group must be true or false, got {create!r}."
    for name in ("awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"):
        if name in options and (not options[name].isdecimal() or int(options[name]) == 0):
            yield f"Log driver awslogs: {name} must be a positive number, got {options[name]!r}."
