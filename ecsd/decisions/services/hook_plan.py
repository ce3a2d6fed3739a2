"""What a lifecycle hook's function is asked.

Source: ecs_semantics 4.9; Amazon ECS Developer Guide, lifecycle hook payload; AWS Lambda API
Reference, Invoke.
"""

from typing import Any

from ecsd.decisions.balancers.function_arn import invoke_url
from ecsd.decisions.rollout import stages
from ecsd.decisions.rollout.stages import Position
from ecsd.decisions.services.lifecycle_hook import BACK
from ecsd.decisions.services.service_deployment import is_open
from ecsd.records.ecs.service_deployment import HookRun, ServiceDeployment
from ecsd.records.plan import HookPlan


def compile_hook(attempt: ServiceDeployment, hook_id: str, endpoint: str) -> HookPlan | None:
    """Return what a host is to ask now; None: nothing, at this moment or ever again."""
    run = next((one for one in attempt.hooks if one.hook_id == hook_id), None)
    if run is None or run.status != "IN_PROGRESS" or run.call_at is not None:
        return None
    if not is_open(attempt) or not run.target_arn:
        return None
    return HookPlan(
        deployment_arn=attempt.arn,
        hook_id=hook_id,
        call=run.call,
        url=invoke_url(endpoint, run.target_arn),
        payload=_payload(attempt, run),
    )


def _payload(attempt: ServiceDeployment, run: HookRun) -> dict[str, Any]:
    back = run.step == BACK
    position = Position(run.stage, run.step)
    configured = attempt.configuration.lifecycle_hooks[run.number].get("hookDetails")
    payload: dict[str, Any] = {
        "executionId": run.hook_id,
        "lifecycleStage": run.stage,
        "resourceArn": attempt.arn,
        "executionDetails": {
            "serviceArn": attempt.service_arn,
            "targetServiceRevisionArn": attempt.target_revision_arn,
            "testTrafficWeights": _weights(attempt, 0.0 if back else stages.test_percent(position)),
            "productionTrafficWeights": _weights(
                attempt,
                0.0 if back else stages.production_percent(position, _steps(attempt)),
            ),
        },
    }
    details = run.details if run.details is not None else configured
    return payload | ({"hookDetails": details} if details is not None else {})


def _weights(attempt: ServiceDeployment, green_percent: float) -> dict[str, float]:
    shares = {attempt.target_revision_arn: green_percent}
    if attempt.blue_revision_arn is not None:
        shares[attempt.blue_revision_arn] = stages.WHOLE - green_percent
    return shares


def _steps(attempt: ServiceDeployment) -> tuple[stages.Shift, ...]:
    has_blue = attempt.blue_revision_arn is not None
    return stages.shifts(attempt.configuration, has_blue=has_blue)
