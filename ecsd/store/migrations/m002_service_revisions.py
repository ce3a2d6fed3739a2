"""Services name what their tasks are made of by revisions, and the attempt at the newest one.

Before, each deployment and the service itself held copies.
"""

import hashlib
import json
import sqlite3
from typing import Any

Document = dict[str, Any]
CONTENT = (
    "task_definition",
    "task_definition_arn",
    "launch_type",
    "capacity_provider_strategy",
    "platform_version",
    "network_configuration",
    "load_balancers",
)
CONFIGURATION = ("maximum_percent", "minimum_healthy_percent", "circuit_breaker")
GONE = (
    *("task_definition_arn", "platform_version", "network_configuration", "load_balancers"),
    "target_group_arns",
)
ENDS = {"COMPLETED": "SUCCESSFUL", "FAILED": "STOPPED"}


def apply(database: sqlite3.Connection) -> None:
    """Take every service apart."""
    rows = database.execute(
        "select id, account, region, revision, body from document where kind = 'service'"
    ).fetchall()
    for row, account, region, number, body in rows:
        service, new = _converted(json.loads(body))
        database.execute(
            "update document set body = ? where id = ?", (json.dumps(service).encode(), row)
        )
        for kind, document in new:
            database.execute(
                "insert into document (kind, account, region, key, revision, body)"
                " values (?, ?, ?, ?, ?, ?)",
                (kind, account, region, document["arn"], number, json.dumps(document).encode()),
            )


def _converted(service: Document) -> tuple[Document, list[tuple[str, Document]]]:
    """Return the service as it is now, and the documents that come with it."""
    old = service.get("deployments", [])
    last = service.get("last_completed")
    parts = {one["deployment_id"]: one for one in [*([last] if last else []), *old]}
    revisions = {name: _revision(service, one, name) for name, one in parts.items()}
    if not old:  # it has ended
        name = f"ecs-svc/{_number(service['arn'])}"
        revisions[name] = _revision(service, _own(service), name)
        first = name
    else:
        first = old[0]["deployment_id"]
    configuration = {name: service[name] for name in CONFIGURATION if name in service}
    attempt = _attempt(service, old[0] if old else None, revisions[first], configuration)
    changed = {
        name: value for name, value in service.items() if name not in {*CONFIGURATION, *GONE}
    }
    changed |= {
        "revision_arn": revisions[first]["arn"],
        "service_deployment_arn": attempt["arn"],
        "deployment_configuration": configuration,
        "deployments": [_deployment(one, revisions) for one in old],
        "last_completed": _deployment(last, revisions) if last else None,
    }
    new = [("service_revision", one) for one in revisions.values()]
    return changed, [*new, ("service_deployment", attempt)]


def _revision(service: Document, part: Document, deployment_id: str) -> Document:
    content = {name: part[name] for name in CONTENT if name in part}
    place = service["arn"].replace(":service/", ":service-revision/")
    return content | {
        "arn": f"{place}/{deployment_id.rpartition('/')[2]}",
        "service_arn": service["arn"],
        "cluster_arn": service["cluster_arn"],
        "resolved_load_balancers": content.get("load_balancers", []),
        "created_at": part.get("created_at", service["created_at"]),
    }


def _own(service: Document) -> Document:
    """Return what the service itself said of its tasks."""
    arn = service["task_definition_arn"]
    return {**service, "task_definition": arn.rpartition("/")[2]}


def _deployment(part: Document, revisions: dict[str, Document]) -> Document:
    kept = {name: value for name, value in part.items() if name not in CONTENT}
    return kept | {"revision_arn": revisions[part["deployment_id"]]["arn"]}


def _attempt(
    service: Document, first: Document | None, revision: Document, configuration: Document
) -> Document:
    place = service["arn"].replace(":service/", ":service-deployment/")
    number = revision["arn"].rpartition("/")[2]
    state = ENDS.get((first or {}).get("rollout_state", "IN_PROGRESS"), "IN_PROGRESS")
    status = state if first else "SUCCESSFUL"
    moment = (first or service).get("updated_at", service["created_at"])
    ended = {} if status == "IN_PROGRESS" else {"finished_at": moment}
    return ended | {
        "arn": f"{place}/{number:0<21}",
        "service_arn": service["arn"],
        "cluster_arn": service["cluster_arn"],
        "target_revision_arn": revision["arn"],
        "configuration": configuration,
        "status": status,
        "created_at": revision["created_at"],
        "started_at": revision["created_at"],
        "updated_at": moment,
    }


def _number(text: str) -> str:
    """Return 19 digits that a text always gives."""
    return str(10**18 + int(hashlib.sha256(text.encode()).hexdigest(), 16) % (9 * 10**18))
