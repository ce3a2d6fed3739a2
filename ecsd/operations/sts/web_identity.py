"""AssumeRoleWithWebIdentity: a token of a registered OpenID Connect provider opens a session.

Source: AWS STS API Reference; IAM User Guide, available keys for OIDC federation; GitHub's
documentation of its tokens' claims.
"""

from typing import Any

from ecsd.decisions.iam.evaluation import Policies
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.sts.issuer_keys import IssuerKeys
from ecsd.operations.sts.session import (
    ASSUMED_SECONDS,
    Assumption,
    assumed,
    check_duration,
    home_of,
    open_session,
)
from ecsd.operations.sts.trust import check_trusted
from ecsd.records.iam.oidc_provider import OidcProvider
from ecsd.store.finders.iam import find_role_by_arn
from ecsd.store.finders.iam_caller import Identity, Keys
from ecsd.store.store import View

ACTION = "sts:AssumeRoleWithWebIdentity"
ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"]
CLAIMS = (  # what becomes a condition key, PROVIDER:claim
    "amr",
    "email",
    "oaud",
    "sub",
    "actor",
    "actor_id",
    "job_workflow_ref",
    "repository",
    "repository_id",
    "repository_owner_id",
    "repository_visibility",
    "workflow",
    "ref",
    "environment",
    "enterprise_id",
)
LEEWAY = 60  # seconds that an issuer's clock may be ahead
ISSUER_KEYS = IssuerKeys()


@operation("sts", "AssumeRoleWithWebIdentity")
async def assume_role_with_web_identity(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Open a session of a role that trusts the token's issuer; the request is not signed."""
    if "ProviderId" in request:
        raise AwsError("ValidationError", "ProviderId is for OAuth 2.0 tokens: not supported.")
    arn, home = request["RoleArn"], home_of(call, request["RoleArn"])
    provider = _provider(call.store.view(home), request["WebIdentityToken"])
    claims = await _verified(call, provider, request["WebIdentityToken"])
    audience = _audience(claims, provider)
    principal = Principal(PrincipalKind.FEDERATED, provider.arn)
    identity = Identity(principal, Policies(), {"aws:federatedprovider": (provider.arn,)})
    async with call.store.transaction(home) as change:
        role = find_role_by_arn(change, arn)
        if role is None:
            raise _unauthorized()
        try:
            check_trusted(call, role, identity, ACTION, _keys(request, provider, claims, audience))
        except AwsError as error:
            raise _unauthorized() from error
        seconds = check_duration(role, request.get("DurationSeconds", ASSUMED_SECONDS))
        assumption = Assumption(
            name=request["RoleSessionName"], seconds=seconds, provider_arn=provider.arn
        )
        session, credentials = open_session(call, change, role, assumption, request)
    return {
        **assumed(session, credentials),
        "SubjectFromWebIdentityToken": str(claims["sub"]),
        "Provider": provider.arn,
        "Audience": audience,
    }


def _provider(view: View, token: str) -> OidcProvider:
    import jwt

    try:
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
    except jwt.PyJWTError as error:
        raise _invalid("The ID Token provided is not a valid JWT.") from error
    for provider in view.select(OidcProvider):
        if isinstance(issuer, str) and provider.url == issuer.rstrip("/"):
            return provider
    raise _invalid("No OpenIDConnect provider found in your account for " + str(issuer))


async def _verified(call: Call, provider: OidcProvider, token: str) -> dict[str, Any]:
    """Return the claims of a token that its issuer signed and that has not expired."""
    import jwt

    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise _invalid("The ID Token is signed by an algorithm that is not accepted.")
    key = await ISSUER_KEYS.key(provider.url, str(header.get("kid", "")), call.clock)
    if key is None:
        raise _invalid("No matching key found for the ID Token's kid.")
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(key, algorithm=header["alg"]),
            algorithms=ALGORITHMS,
            options={  # moments are judged below, by our own clock
                "verify_aud": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "require": ["sub", "aud", "exp", "iat"],
            },
        )
    except jwt.PyJWTError as error:
        raise _invalid(f"The ID Token could not be verified: {error}") from error
    now = call.clock.now().timestamp()
    if now >= _seconds(claims["exp"]):
        raise AwsError("ExpiredTokenException", "Token expired: exp is in the past")
    if max(_seconds(claims["iat"]), _seconds(claims.get("nbf", 0))) > now + LEEWAY:
        raise _invalid("The ID Token is not valid yet.")
    return claims


def _seconds(claim: object) -> float:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise _invalid("The ID Token's moments must be numbers.")
    return float(claim)


def _audience(claims: dict[str, Any], provider: OidcProvider) -> str:
    """Return the audience that the provider is registered with; an ``azp`` stands before it."""
    given = claims.get("azp") or claims["aud"]
    named = given if isinstance(given, list) else [given]
    for audience in named:
        if audience in provider.client_ids:
            return str(audience)
    raise _invalid("Incorrect token audience")


def _keys(
    request: dict[str, Any], provider: OidcProvider, claims: dict[str, Any], audience: str
) -> Keys:
    name = provider.url.partition("://")[2].lower()
    keys: Keys = {
        "sts:rolesessionname": (request["RoleSessionName"],),
        f"{name}:aud": (audience,),
    }
    for claim in CLAIMS:
        value = claims.get(claim)
        if isinstance(value, str):
            keys[f"{name}:{claim}"] = (value,)
        elif isinstance(value, list):
            keys[f"{name}:{claim}"] = tuple(str(one) for one in value)
    return keys


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message)


def _unauthorized() -> AwsError:
    return AwsError("AccessDenied", f"Not authorized to perform {ACTION}", status=403)
