"""Listeners and rules that authenticate users: HTTPS alone, a secret that nobody gets to see."""

import pytest
from msgspec import json

from ecsd.certificates.authority import Authority
from ecsd.decisions.balancers.user_session import SESSIONS, SIGNATURE, sealed_for
from ecsd.records.elbv2.load_balancer import Listener, LoadBalancer, Rule
from ecsd.settings import Settings
from tests.certificates.pems import NOW
from tests.conftest import SCOPE
from tests.decisions.user_actions import authenticate
from tests.operations.conftest import AUTHORITY
from tests.operations.elbv2.conftest import At

FIXED = {"Type": "fixed-response", "Order": 2, "FixedResponseConfig": {"StatusCode": "404"}}
PATH = [{"Field": "path-pattern", "Values": ["/in"]}]
SHOWN = {
    "Type": "authenticate-oidc",
    "Order": 1,
    "AuthenticateOidcConfig": {
        "Issuer": "https://idp.test",
        "AuthorizationEndpoint": "https://idp.test/authorize",
        "TokenEndpoint": "https://idp.test/token",
        "UserInfoEndpoint": "https://idp.test/userinfo",
        "ClientId": "client",
        "SessionCookieName": "AWSELBAuthSessionCookie",
        "Scope": "openid",
        "SessionTimeout": 604800,
        "OnUnauthenticatedRequest": "authenticate",
    },
}
KEPT = {"ClientSecret": "", "UseExistingClientSecret": True}


def actions(**config):
    """Return what Terraform sends: an Order for each."""
    given = authenticate(**config)
    if not given["AuthenticateOidcConfig"]["ClientSecret"]:
        del given["AuthenticateOidcConfig"]["ClientSecret"]
    return [given, FIXED]


@pytest.fixture
def elb(client):
    return client("elbv2", clock=At(NOW))


@pytest.fixture
async def made(elb, balancer, network, imported):
    """An HTTPS listener whose users authenticate."""
    arn = (await balancer(await network()))["LoadBalancerArn"]
    wanted = {
        "LoadBalancerArn": arn,
        "Protocol": "HTTPS",
        "Port": 443,
        "Certificates": [{"CertificateArn": await imported()}],
        "DefaultActions": actions(),
    }
    listener = (await elb("CreateListener", **wanted))["Listeners"][0]
    return listener, wanted


def opened(store, kind, arn):
    """Return the client secret that is stored."""
    return AUTHORITY.seal.unseal(store.view(SCOPE).get(kind, arn).client_secret, arn)


async def test_a_listener_shows_its_actions_whole_without_the_secret(elb, store, made):
    listener, wanted = made
    assert listener["DefaultActions"] == [SHOWN, FIXED]
    arn = listener["ListenerArn"]
    assert (await elb("DescribeListeners", ListenerArns=[arn]))["Listeners"] == [listener]
    rules = (await elb("DescribeRules", ListenerArn=arn))["Rules"]
    assert [one["Actions"] for one in rules] == [[SHOWN, FIXED]]
    stored = json.encode(store.view(SCOPE).get(Listener, arn))
    assert b'"secret"' not in stored
    assert opened(store, Listener, arn) == "secret"
    # An equal listener is answered; one with another secret is another one.
    assert (await elb("CreateListener", **wanted))["Listeners"] == [listener]


async def test_another_secret_is_another_listener(refused, made):
    _, wanted = made
    code, _ = await refused(
        "CreateListener", **wanted | {"DefaultActions": actions(ClientSecret="x")}
    )
    assert code == "DuplicateListener"


async def test_a_balancer_has_its_keys_from_the_first_user_on(elb, store, made):
    listener, _ = made
    arn = listener["LoadBalancerArn"]
    keys = store.view(SCOPE).get(LoadBalancer, arn).user_keys
    assert keys.public_key.startswith("-----BEGIN PUBLIC KEY-----\n")
    seal = AUTHORITY.seal
    assert "PRIVATE KEY" in seal.unseal(keys.sealed_private_key, sealed_for(arn, SIGNATURE))
    assert len(seal.unseal(keys.sealed_session_key, sealed_for(arn, SESSIONS))) == 44
    await elb(
        "CreateRule",
        ListenerArn=listener["ListenerArn"],
        Priority=1,
        Conditions=PATH,
        Actions=actions(),
    )
    assert store.view(SCOPE).get(LoadBalancer, arn).user_keys == keys


async def test_where_the_seal_was_lost_the_secret_is_given_again(client, store, made):
    arn, balancer = made[0]["ListenerArn"], made[0]["LoadBalancerArn"]
    before = store.view(SCOPE).get(LoadBalancer, balancer).user_keys
    fresh = Authority(None)
    fresh.seal.seal("", "")
    elb = client("elbv2", clock=At(NOW), authority=fresh)
    await elb("ModifyListener", ListenerArn=arn, DefaultActions=actions())
    keys = store.view(SCOPE).get(LoadBalancer, balancer).user_keys
    assert keys.key_id != before.key_id
    assert fresh.seal.unseal(keys.sealed_session_key, sealed_for(balancer, SESSIONS))


async def test_terraform_changes_what_it_changes_and_reads_back_what_it_wrote(elb, store, made):
    """It sends the secret each time, and compares everything else with what is answered."""
    arn = made[0]["ListenerArn"]
    more = {
        "SessionTimeout": 60,
        "Scope": "openid email",
        "SessionCookieName": "mine",
        "OnUnauthenticatedRequest": "deny",
        "AuthenticationRequestExtraParams": {"prompt": "login"},
    }
    wanted = actions(**more, ClientSecret="newer")
    answer = await elb("ModifyListener", ListenerArn=arn, DefaultActions=wanted)
    read = answer["Listeners"][0]["DefaultActions"][0]["AuthenticateOidcConfig"]
    assert read == SHOWN["AuthenticateOidcConfig"] | more
    assert opened(store, Listener, arn) == "newer"
    answer = await elb("ModifyListener", ListenerArn=arn, Port=8443)
    assert answer["Listeners"][0]["DefaultActions"][0]["AuthenticateOidcConfig"] == read
    assert opened(store, Listener, arn) == "newer"


async def test_the_existing_secret_may_be_kept(elb, store, made):
    arn = made[0]["ListenerArn"]
    changed = actions(SessionTimeout=5, **KEPT)
    answer = await elb("ModifyListener", ListenerArn=arn, DefaultActions=changed)
    shown = answer["Listeners"][0]["DefaultActions"][0]["AuthenticateOidcConfig"]
    assert shown == SHOWN["AuthenticateOidcConfig"] | {"SessionTimeout": 5}
    assert opened(store, Listener, arn) == "secret"
    rule = await elb("CreateRule", ListenerArn=arn, Priority=1, Conditions=PATH, Actions=actions())
    own = rule["Rules"][0]["RuleArn"]
    assert rule["Rules"][0]["Actions"] == [SHOWN, FIXED]
    await elb("ModifyRule", RuleArn=own, Actions=changed)
    assert opened(store, Rule, own) == "secret"
    await elb("ModifyRule", RuleArn=own, Actions=[FIXED])
    assert store.view(SCOPE).get(Rule, own).client_secret is None
    await elb("ModifyListener", ListenerArn=arn, DefaultActions=[FIXED])
    assert store.view(SCOPE).get(Listener, arn).client_secret is None


async def test_what_is_given_in_another_order_is_shown_as_it_is_done(elb, made):
    arn = made[0]["ListenerArn"]
    answer = await elb("ModifyListener", ListenerArn=arn, DefaultActions=list(reversed(actions())))
    assert answer["Listeners"][0]["DefaultActions"] == [SHOWN, FIXED]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (actions(**KEPT), "ValidationError", "ClientSecret must be specified"),
        (actions(ClientSecret=""), "ValidationError", "ClientSecret must be specified"),
        (actions(Issuer="idp"), "ValidationError", "Issuer must be a full URL"),
        (actions()[:1], "InvalidLoadBalancerAction", "performed last"),
        ([actions()[0] | {"Order": 2}, FIXED], "InvalidLoadBalancerAction", "Order"),
        ([*actions(), authenticate() | {"Order": 3}], "InvalidLoadBalancerAction", "At most one"),
        (
            [
                {
                    "Type": "authenticate-cognito",
                    "Order": 1,
                    "AuthenticateCognitoConfig": {
                        "UserPoolArn": "arn:x",
                        "UserPoolClientId": "x",
                        "UserPoolDomain": "x",
                    },
                },
                FIXED,
            ],
            "ValidationError",
            "'authenticate-cognito' is not supported by ecsd yet",
        ),
    ],
)
async def test_what_is_refused(elb, refused, made, given, code, words):
    listener, wanted = made
    arn = listener["ListenerArn"]
    found = [
        await refused("CreateListener", **wanted | {"DefaultActions": given, "Port": 8443}),
        await refused("CreateRule", ListenerArn=arn, Priority=1, Conditions=PATH, Actions=given),
    ]
    for one in found:
        assert one[0] == code
        assert words in one[1]


async def test_only_https_listeners_authenticate(elb, refused, made, listener, network, balancer):
    arn = made[0]["LoadBalancerArn"]
    plain = await listener(arn, FIXED, port=80)
    https_only = ("InvalidLoadBalancerAction", "supported only on HTTPS listeners")

    def is_refused(found):
        assert (found[0], https_only[1] in found[1]) == (https_only[0], True)

    given = {"ListenerArn": plain["ListenerArn"]}
    is_refused(await refused("CreateRule", **given, Priority=1, Conditions=PATH, Actions=actions()))
    is_refused(await refused("ModifyListener", **given, DefaultActions=actions()))
    given = {"ListenerArn": made[0]["ListenerArn"]}
    is_refused(await refused("ModifyListener", **given, Protocol="HTTP"))
    await elb("CreateRule", **given, Priority=1, Conditions=PATH, Actions=actions())
    await elb("ModifyListener", **given, DefaultActions=[FIXED])
    is_refused(await refused("ModifyListener", **given, Protocol="HTTP"))

    network_arn = (await balancer(await network(1), "flows", Type="network"))["LoadBalancerArn"]
    code, words = await refused(
        "CreateListener",
        LoadBalancerArn=network_arn,
        Protocol="TCP",
        Port=80,
        DefaultActions=actions(),
    )
    assert (code, "network load balancer" in words) == ("ValidationError", True)


async def test_strict_mode_wants_https_of_the_provider_too(client, made):
    strict = client("elbv2", clock=At(NOW), settings=Settings(mode="strict"))
    arn = made[0]["ListenerArn"]
    given = actions(TokenEndpoint="http://idp.test/token")
    with pytest.raises(Exception, match="TokenEndpoint must be a full URL with the HTTPS"):
        await strict("ModifyListener", ListenerArn=arn, DefaultActions=given)
    await strict("ModifyListener", ListenerArn=arn, DefaultActions=actions())
