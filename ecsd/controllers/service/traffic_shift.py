"""Blue/green, canary and linear deployments: green grows beside blue, then traffic moves.

Tasks, traffic and hooks are made so for the position that is stored; each pass moves on as far as
what is there allows. Source: ecs_semantics 4.9.
"""

from typing import NamedTuple

from msgspec.structs import replace

from ecsd.controllers.service.deployment_pass import DeploymentPass
from ecsd.decisions.connect.connect_traffic import given_back, sharing
from ecsd.decisions.rollout import fleet, stages
from ecsd.decisions.rollout.fleet import Condition
from ecsd.decisions.rollout.stages import Facts, Position, Shift
from ecsd.decisions.services import lifecycle_hook
from ecsd.decisions.services import service_deployment as history
from ecsd.decisions.tasks.task import is_live
from ecsd.records.ecs.service import Deployment
from ecsd.records.ecs.service_deployment import HookRun
from ecsd.store import connect_traffic
from ecsd.store.finders.ecs import revision_by_arn
from ecsd.store.traffic import fault, forwards_to_both, in_force, share

UNWIRED = (
    "of invalid networking configuration. Both targetGroup and alternateTargetGroup must be "
    "associated with the productionListenerRule and the testListenerRule"
)


class Pair(NamedTuple):
    """A rule whose traffic moves from one target group to another."""

    rule_arn: str
    blue: str
    green: str
    production: bool


def is_under_way(one: DeploymentPass) -> bool:
    """Tell whether a deployment of this kind goes on, or goes back."""
    return history.is_open(one.attempt) and one.attempt.configuration.strategy != "ROLLING"


def step(one: DeploymentPass) -> None:
    """Go on as far as it goes now."""
    done = _move(one)
    blue = _blue(one)
    one.finish(may_complete=done, keep=blue.deployment_id if blue and not done else None)


def _move(one: DeploymentPass) -> bool:
    """Return whether the deployment has done all it has to."""
    if one.attempt.status != "ROLLBACK_IN_PROGRESS":
        done = None if one.break_circuit() else _forward(one)
        if done is not None:
            return done
        if one.attempt.status == "ROLLBACK_IN_PROGRESS":
            runs = lifecycle_hook.begin_back(one.attempt, one.ids.uuid, one.now)
            one.attempt = replace(one.attempt, hooks=(*one.attempt.hooks, *runs))
    if one.attempt.status == "ROLLBACK_IN_PROGRESS":
        return _back(one)
    return False  # given up where there is nothing to go back to: what runs stays


# ------------------------------------------------------------------ forward


def _forward(one: DeploymentPass) -> bool | None:
    """Return whether all stages are done; None: the deployment was given up."""
    configuration = one.attempt.configuration
    steps = stages.shifts(configuration, has_blue=one.attempt.blue_revision_arn is not None)
    bake = configuration.bake_time_in_minutes or 0
    pairs = _pairs(one)
    if not all(forwards_to_both(one.change, pair.rule_arn, *pair[1:3]) for pair in pairs):
        _fail(one, UNWIRED)
        return None
    if one.attempt.stage is None:
        _enter(one, stages.first(reconciles=_facts(one, pairs, hooks_passed=True).others > 0))
    while True:
        position = _position(one)
        runs = _timed_hooks(one, position)
        cause = lifecycle_hook.failure(runs)
        facts = _facts(one, pairs, hooks_passed=lifecycle_hook.have_passed(runs))
        waits = position.stage == "RECONCILE_SERVICE" and not facts.blue_whole
        if cause is None and not waits:  # else what serves now goes on until blue can
            _share(one, pairs, position, steps)
            facts = facts._replace(traffic_in_force=_in_force(one, pairs))
        if cause is None and stages.is_out_of_time(facts):
            cause = f"{stages.shown(position)} timed out"
        if cause is not None:
            _fail(one, cause)
            return None
        if waits or not facts.traffic_in_force:
            _hold_blue(one, position)
        else:
            _hold(one, position)
        one.remind(lifecycle_hook.next_moment(runs))
        if not stages.is_done(position, steps, bake, facts):
            _remind(one, position, steps, bake, facts)
            return False
        following = stages.following(position, steps)
        if following is None:
            return True
        _enter(one, following)


def _position(one: DeploymentPass) -> Position:
    return Position(one.attempt.stage or stages.BEFORE[0], one.attempt.step)


def _enter(one: DeploymentPass, position: Position) -> None:
    runs = lifecycle_hook.begin(one.attempt, position, one.ids.uuid, one.now)
    one.attempt = replace(
        one.attempt,
        stage=position.stage,
        step=position.step,
        stage_since=one.now,
        hooks=(*one.attempt.hooks, *runs),
        updated_at=one.now,
    )


def _timed_hooks(one: DeploymentPass, position: Position) -> list[HookRun]:
    _all_timed(one)
    return lifecycle_hook.at(one.attempt, position)


def _all_timed(one: DeploymentPass) -> tuple[HookRun, ...]:
    hooks = tuple(lifecycle_hook.timed(run, one.now) for run in one.attempt.hooks)
    one.attempt = replace(one.attempt, hooks=hooks)
    return hooks


def _facts(one: DeploymentPass, pairs: list[Pair], *, hooks_passed: bool) -> Facts:
    blue, green = _blue(one), one.primary
    members, desired = one.members(), one.service.desired_count
    live = [task.deployment_id for task in one.tasks if is_live(task)]
    blue_id = blue.deployment_id if blue else None

    def healthy(deployment_id: str) -> int:
        return fleet.count(fleet.of(members, deployment_id), Condition.HEALTHY)

    return Facts(
        now=one.now,
        since=one.attempt.stage_since or one.now,
        hooks_passed=hooks_passed,
        traffic_in_force=_in_force(one, pairs),
        green_healthy=healthy(green.deployment_id),
        desired=desired,
        blue=sum(name == blue_id for name in live) if blue else 0,
        blue_whole=blue is None or healthy(blue.deployment_id) >= desired,
        others=sum(name not in {blue_id, green.deployment_id} for name in live),
    )


def _blue(one: DeploymentPass) -> Deployment | None:
    """Return the deployment that served before; None for a service's first."""
    last = one.service.last_completed
    return last if last and last.deployment_id != one.primary.deployment_id else None


def _hold(one: DeploymentPass, position: Position) -> None:
    """Keep blue until it is cleaned up, green from its scale-up on, and nobody else."""
    green = one.primary
    started = position.stage not in stages.WITHOUT_TASKS
    own = fleet.of(one.members(), green.deployment_id)
    wanted = one.service.desired_count if started else 0
    one.take(fleet.hold(own, wanted, may_start=one.may_start(one.primary)), green)
    blue = _hold_blue(one, position)
    for other in one.service.deployments[1:]:
        if other.deployment_id != blue:
            one.take(fleet.hold(fleet.of(one.members(), other.deployment_id), 0), other)


def _hold_blue(one: DeploymentPass, position: Position) -> str | None:
    """Keep blue at what is wanted until it is cleaned up; return its deployment's id."""
    blue = _blue(one)
    if blue is None:
        return None
    wanted = 0 if position.stage == "CLEAN_UP" else one.service.desired_count
    one.take(fleet.hold(fleet.of(one.members(), blue.deployment_id), wanted), blue)
    return blue.deployment_id


def _remind(
    one: DeploymentPass, position: Position, steps: tuple[Shift, ...], bake: int, facts: Facts
) -> None:
    one.remind(facts.since + stages.LONGEST_STAGE)
    ends = facts.since + stages.pause(position, steps, bake)
    if ends > one.now:
        one.remind(ends)


def _fail(one: DeploymentPass, cause: str) -> None:
    name = one.primary.deployment_id
    one.tell(f"(deployment {name}) deployment failed: {cause}.")
    one.give_up(f"ECS deployment {name} failed because {cause}.", cause, back=True)


# ------------------------------------------------------------------ back


def _back(one: DeploymentPass) -> bool:
    """Once blue is whole, give it all traffic, then end green."""
    blue, desired = one.primary, one.service.desired_count
    members = one.members()
    own = fleet.of(members, blue.deployment_id)
    one.take(fleet.hold(own, desired, may_start=one.may_start(one.primary)), blue)
    if one.break_circuit():
        return False
    if fleet.count(own, Condition.HEALTHY) < desired:
        return False
    pairs = _pairs(one)
    for pair in pairs:
        share(one.change, pair.rule_arn, pair.blue, pair.green, 0.0)
    connect_traffic.share(one.change, one.service, given_back(blue.deployment_id))
    if not _in_force(one, pairs):
        return False
    for other in one.service.deployments[1:]:
        one.take(fleet.hold(fleet.of(members, other.deployment_id), 0), other)
    runs = [run for run in _all_timed(one) if run.step == lifecycle_hook.BACK]
    one.remind(lifecycle_hook.next_moment(runs))
    return lifecycle_hook.is_way_back_told(one.attempt)


# ------------------------------------------------------------------ traffic


def _pairs(one: DeploymentPass) -> list[Pair]:
    """Return the rules that the deployment moves; green is its target revision."""
    revision = revision_by_arn(one.change, one.attempt.target_revision_arn)
    pairs = []
    for given, resolved in zip(
        revision.load_balancers, revision.resolved_load_balancers, strict=True
    ):
        advanced = given.get("advancedConfiguration")
        if not advanced:
            continue
        both = (given["targetGroupArn"], advanced["alternateTargetGroupArn"])
        green = resolved["targetGroupArn"]
        blue = both[1] if green == both[0] else both[0]
        pairs.append(Pair(advanced["productionListenerRule"], blue, green, production=True))
        if advanced.get("testListenerRule"):
            pairs.append(Pair(advanced["testListenerRule"], blue, green, production=False))
    return pairs


def _in_force(one: DeploymentPass, pairs: list[Pair]) -> bool:
    """Tell whether balancers and proxies do what is stored; one that cannot is told of."""
    rules = [pair.rule_arn for pair in pairs]
    if in_force(one.change, rules) and connect_traffic.in_force(one.change, one.service):
        return True
    words = fault(one.change, rules) or connect_traffic.fault(one.change, one.service)
    if words is not None:
        one.tell_once("traffic", f"was unable to shift traffic. Reason: {words}.")
    return False


def _share(
    one: DeploymentPass, pairs: list[Pair], position: Position, steps: tuple[Shift, ...]
) -> None:
    production, tested = stages.production_percent(position, steps), stages.test_percent(position)
    for pair in pairs:
        percent = production if pair.production else tested
        share(one.change, pair.rule_arn, pair.blue, pair.green, percent)
    blue = _blue(one)
    shares = sharing(
        blue.deployment_id if blue else None,
        one.primary.deployment_id,
        green_percent=production,
        tested=tested > 0,
    )
    connect_traffic.share(one.change, one.service, shares)
