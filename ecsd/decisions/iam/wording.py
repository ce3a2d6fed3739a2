"""A refusal in AWS's sentence. Source: IAM User Guide, troubleshoot access denied messages."""

from ecsd.decisions.iam.evaluation import Decision, Outcome, Side

ARTICLES = {
    Side.IDENTITY: "an",
    Side.BOUNDARY: "a",
    Side.SESSION: "a",
    Side.RESOURCE: "a",
}


def refusal(decision: Decision, caller: str, action: str, resource: str) -> str:
    """Return who may not do what to what, and which sort of policy says so or is lacking."""
    said = f"User: {caller} is not authorized to perform: {action} on resource: {resource}"
    if decision.outcome is Outcome.EXPLICIT_DENY:
        return f"{said} with an explicit deny in {ARTICLES[decision.side]} {decision.side.value}"
    return f"{said} because no {decision.side.value} allows the {action} action"
