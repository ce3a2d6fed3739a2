"""What may come through a VPC endpoint: calls of its service, as far as its policy allows them.

The policy adds to what the caller's own policies say, in both modes.
Source: AWS PrivateLink guide, Control access using endpoint policies.
"""

from collections.abc import Mapping
from typing import Any

from ecsd.decisions.iam.evaluation import Policies, Request, Side, Source, matches, side_allows
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.network.endpoint_service import service_of
from ecsd.errors import AwsError
from ecsd.gateway.authorization import s3
from ecsd.gateway.authorization.authorizer import of_connection, of_tags
from ecsd.gateway.authorization.need import Asked
from ecsd.gateway.authorization.table import needs_of
from ecsd.operations.call import Call
from ecsd.protocol.message import HttpRequest
from ecsd.records.ec2.vpc_endpoint import VpcEndpoint
from ecsd.store.finders.iam_caller import Identity, context_of, identify
from ecsd.store.scope import Scope


def admit_through(
    call: Call, route: tuple[str, str, str], request: HttpRequest, members: Mapping[str, Any]
) -> None:
    """Let a request pass through its endpoint, or refuse it: AccessDenied.

    route: service, its signing name, operation.
    """
    through = request.through
    if through is None:
        return
    service, signing_name, operation = route
    home = call.store.view(Scope(through.account, through.region))
    endpoint = home.get(VpcEndpoint, through.vpc_endpoint_id)
    if endpoint is None:
        raise _refused(f"The VPC endpoint {through.vpc_endpoint_id} is no more.")
    elsewhere = service != "s3" and call.scope.region != through.region
    if service not in service_of(endpoint)[0].answers or elsewhere:
        where = f"{service} of {call.scope.region}"
        raise _refused(
            f"{where} is not reached through {endpoint.vpc_endpoint_id}, an endpoint of "
            f"{endpoint.service_name}."
        )
    if not endpoint.policy:
        return
    identity = Identity(Principal(PrincipalKind.ANONYMOUS, "", ""), Policies(), {})
    if call.caller.arn:
        caller = call.caller
        identity = identify(call.store, call.scope.account, caller.arn, caller.access_key_id)
    context = {
        **context_of(identity, call.clock.now(), call.scope.region),
        **of_connection(request),
        **of_tags(members),
    }
    policies = Policies(
        resource=Source(compile_policy(endpoint.policy), endpoint.vpc_endpoint_id, "resource")
    )
    asked = Asked(operation, members, call.view, call.caller.arn)
    needs = s3.needs(asked) if service == "s3" else needs_of(service, signing_name, asked)
    for need in needs:
        wanted = Request(
            identity.principal, need.action, need.resource, {**context, **need.context}, need.owner
        )
        said = f"User: {call.caller.arn or 'anonymous'} is not authorized to perform: "
        said += f"{need.action} on resource: {need.resource}"
        if any(True for _ in matches(wanted, policies, allows=False)):
            raise _refused(f"{said} with an explicit deny in a VPC endpoint policy")
        if not side_allows(wanted, policies, Side.RESOURCE):
            raise _refused(f"{said} because no VPC endpoint policy allows the {need.action} action")


def _refused(message: str) -> AwsError:
    return AwsError("AccessDenied", message, status=403)
