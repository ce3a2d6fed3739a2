"""Queries that are kept under a name."""

from typing import Any

from msgspec.structs import replace

from ecsd.decisions.logs.retention import milliseconds
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.logs.requests import newest_first, refuse_other_language, refuse_unsupported
from ecsd.records.logs.log_query import QueryDefinition
from ecsd.store.store import View

LISTED = 1000


@operation("logs", "PutQueryDefinition")
async def put_query_definition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Keep a query, or change the one with this id; one token makes one definition."""
    refuse_other_language(request)
    refuse_unsupported(request, "parameters")
    known_id, token = request.get("queryDefinitionId"), request.get("clientToken", "")
    async with call.transaction() as change:
        if known_id is not None:
            known = _require(change, known_id)
        elif token and (made := change.newest(QueryDefinition, "client_token", token)):
            return {"queryDefinitionId": made.query_definition_id}
        else:
            known = QueryDefinition(
                query_definition_id=call.ids.uuid(),
                name="",
                query_string="",
                modified_at=call.clock.now(),
                client_token=token,
            )
        change.put(
            replace(
                known,
                name=request["name"],
                query_string=request["queryString"],
                log_group_names=tuple(request.get("logGroupNames", ())),
                modified_at=call.clock.now(),
            )
        )
    return {"queryDefinitionId": known.query_definition_id}


@operation("logs", "DescribeQueryDefinitions")
async def describe_query_definitions(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Return the queries that are kept, the one that was changed last first."""
    refuse_other_language(request)
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [
        (milliseconds(one.modified_at), one.query_definition_id, one)
        for one in call.view.select(QueryDefinition)
        if one.name.startswith(prefix)
    ]
    shown, rest = newest_first(request, found, request.get("maxResults", LISTED))
    definitions = [
        {
            "queryLanguage": "CWLI",
            "queryDefinitionId": one.query_definition_id,
            "name": one.name,
            "queryString": one.query_string,
            "lastModified": milliseconds(one.modified_at),
            "logGroupNames": list(one.log_group_names),
        }
        for one in shown
    ]
    return {"queryDefinitions": definitions, **rest}


@operation("logs", "DeleteQueryDefinition")
async def delete_query_definition(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Forget a query."""
    async with call.transaction() as change:
        change.remove(_require(change, request["queryDefinitionId"]))
    return {"success": True}


def _require(view: View, definition_id: str) -> QueryDefinition:
    found = view.get(QueryDefinition, definition_id)
    if found is None:
        raise AwsError(
            "ResourceNotFoundException", f"Query definition {definition_id} does not exist."
        )
    return found
