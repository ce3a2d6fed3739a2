"""A container's logConfiguration in the Engine's words.

``awslogs`` is the Engine's own driver, pointed at this installation; the rest are passed on as they
are. A mode that is not given is the account's default, for every driver. Without a
logConfiguration the Engine keeps a bounded file, for ``docker logs``.
Source: Amazon ECS API Reference, LogConfiguration; Docker, Amazon CloudWatch Logs logging driver.
"""

from typing import Any

from ecsd.records.plan import NON_BLOCKING, TaskPlan

BOUNDED_FILE = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
BUFFER_SIZE = "10m"  # of non-blocking containers that say none
# Behind that buffer the Engine's driver has a queue. By itself it holds 4,096 events, and what
# comes while it is full is lost, long before the buffer is.
QUEUED_EVENTS = "32768"


def log_config(
    plan: TaskPlan, container: dict[str, Any], credentials_endpoint: str
) -> dict[str, Any]:
    """Return the ``LogConfig`` of a container.

    credentials_endpoint: what the Engine's driver appends to ``http://169.254.170.2``.
    """
    wanted = container.get("logConfiguration")
    if not wanted:
        return BOUNDED_FILE
    options = {str(name): str(value) for name, value in (wanted.get("options") or {}).items()}
    driver = wanted["logDriver"]
    options.setdefault("mode", plan.log_driver_mode)
    if options["mode"] == NON_BLOCKING:
        options.setdefault("max-buffer-size", BUFFER_SIZE)
    if driver == "awslogs":
        options = _awslogs(plan, container["name"], options, credentials_endpoint)
    elif driver in {"json-file", "local"} and "max-size" not in options:
        options = {"max-size": "10m", **options}
    return {"Type": driver, "Config": options}


def _awslogs(
    plan: TaskPlan, container: str, given: dict[str, str], credentials_endpoint: str
) -> dict[str, str]:
    options = dict(given)
    prefix = options.pop("awslogs-stream-prefix", None)
    if prefix:
        options["awslogs-stream"] = f"{prefix}/{container}/{plan.task_id}"
    if options["mode"] == NON_BLOCKING:
        options.setdefault("awslogs-max-buffered-events", QUEUED_EVENTS)
    options.setdefault("awslogs-region", plan.region)
    options.setdefault("awslogs-endpoint", plan.logs_endpoint)
    options.setdefault("awslogs-credentials-endpoint", credentials_endpoint)
    # Else the Engine keeps a second copy on disk, for `docker logs`: that costs half the speed.
    options.setdefault("cache-disabled", "true")
    return options
