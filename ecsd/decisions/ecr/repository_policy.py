"""The policy of a repository: a resource policy whose statements are about that repository.

Source: Amazon ECR User Guide, private repository policies: they name no resource.
"""

from typing import Any

import msgspec

from ecsd.decisions.iam.policy_document import PolicyKind, fault_in


def completed(text: str) -> str:
    """Return a policy with the resource that its statements leave out, for evaluation."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text  # ``policy_fault`` says why
    if not isinstance(document, dict):
        return text
    statements = document.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    document["Statement"] = [_about_itself(one) for one in listed]
    return msgspec.json.encode(document).decode()


def policy_fault(text: str) -> str | None:
    """Return what is wrong with a repository's policy, None if nothing is."""
    return fault_in(completed(text), PolicyKind.RESOURCE)


def _about_itself(statement: Any) -> Any:  # noqa: ANN401 - whatever a client wrote there
    named = isinstance(statement, dict) and {"Resource", "NotResource"} & set(statement)
    if named or not isinstance(statement, dict):
        return statement
    return {**statement, "Resource": "*"}
