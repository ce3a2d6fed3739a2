"""Actions that authenticate users, and plans with them, for tests."""

from msgspec.structs import replace

from ecsd.certificates.user_sessions import derived_key, new_keys
from ecsd.decisions.balancers.listener_checks import complete_action
from ecsd.decisions.balancers.user_session import key_purpose
from ecsd.records.plan import AuthenticationPlan, RulePlan, UserKeysPlan
from tests.decisions.listener_plans import GROUP, secure

KEYS = new_keys()
RULE = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/web/1/2/3"


def authenticate(**more):
    config = {
        "Issuer": "https://idp.test",
        "AuthorizationEndpoint": "https://idp.test/authorize",
        "TokenEndpoint": "https://idp.test/token",
        "UserInfoEndpoint": "https://idp.test/userinfo",
        "ClientId": "client",
        "ClientSecret": "secret",
    }
    return {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": config | more}


def fixed():
    return {"Type": "fixed-response", "Order": 2, "FixedResponseConfig": {"StatusCode": "200"}}


def forward():
    return {"Type": "forward", "Order": 2, "TargetGroupArn": GROUP}


def completed(**more):
    """Return AuthenticateOidcConfig as it is stored."""
    return complete_action(authenticate(**more))["AuthenticateOidcConfig"]


def with_users(*, default=False, secret="secret", made=None, **config):
    """Return an HTTPS plan whose rule for /in (or default) authenticates users."""
    made = made or secure()
    [listener] = made.listeners
    actions = (complete_action(authenticate(**config)), complete_action(forward()))
    path = {"Field": "path-pattern", "Values": ["/in"]}
    rule = RulePlan(rule_arn=RULE, priority=7, conditions=(path,), actions=actions)
    if default:
        listener = replace(listener, default_actions=actions)
    else:
        listener = replace(listener, rules=(rule,))
    key = derived_key(KEYS.session_key, *key_purpose(actions[0]["AuthenticateOidcConfig"]))
    arn = listener.listener_arn if default else RULE
    return replace(
        made,
        listeners=(listener,),
        authentications={arn: AuthenticationPlan(client_secret=secret, session_key=key)},
        user_keys=UserKeysPlan(
            key_id="key-1",
            private_key=KEYS.private_key,
            login_key=derived_key(KEYS.session_key, "logins"),
        ),
    )
