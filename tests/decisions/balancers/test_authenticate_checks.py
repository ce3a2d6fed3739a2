"""Actions that authenticate users: what they may say, where they stand, what is shown of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.balancers.authenticate_checks import (
    DEFAULTS,
    FINAL_LAST,
    ONE_EACH,
    ORDERED,
    plain_endpoints,
)
from ecsd.decisions.balancers.listener_checks import check_actions, complete_action
from tests.decisions.user_actions import authenticate, fixed


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"Issuer": "http://127.0.0.1:9", "TokenEndpoint": "https://[::1]:8443/token?a=b"},
        {"SessionTimeout": 1, "SessionCookieName": "my-cookie", "Scope": "email"},
        {"AuthenticationRequestExtraParams": {str(number): "x" for number in range(10)}},
        {"AuthenticationRequestExtraParams": {"prompt": ""}, "OnUnauthenticatedRequest": "deny"},
        {"ClientSecret": "", "UseExistingClientSecret": True},
        {"ClientSecret": "s", "UseExistingClientSecret": False},
    ],
)
def test_what_it_may_say(config):
    assert list(check_actions([authenticate(**config), fixed()])) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"Issuer": ""}, "Issuer must be a full URL"),
        ({"Issuer": "idp.test"}, "Issuer must be a full URL"),
        ({"TokenEndpoint": "ftp://idp.test"}, "TokenEndpoint must be a full URL"),
        ({"TokenEndpoint": "https://me@idp.test"}, "TokenEndpoint must be a full URL"),
        ({"TokenEndpoint": "https://idp.test:x"}, "TokenEndpoint must be a full URL"),
        ({"UserInfoEndpoint": "https:///x"}, "UserInfoEndpoint must be a full URL"),
        ({"AuthorizationEndpoint": "https://a/#x"}, "AuthorizationEndpoint must be a full URL"),
        ({"AuthorizationEndpoint": "https://a/\r\n"}, "AuthorizationEndpoint must be a full URL"),
        ({"AuthorizationEndpoint": "https://a/" + "x" * 2048}, "must be a full URL"),
        ({"ClientId": ""}, "ClientId must have"),
        ({"ClientId": "é"}, "ClientId must have"),
        ({"ClientSecret": "a\nb"}, "ClientSecret must have"),
        ({"UseExistingClientSecret": True}, "cannot both be specified"),
        ({"Scope": "open\tid"}, "Scope must have"),
        ({"SessionCookieName": "a b"}, "SessionCookieName must be"),
        ({"SessionCookieName": "a" * 129}, "SessionCookieName must be"),
        ({"SessionCookieName": "AWSALBAuthNonce"}, "SessionCookieName must be"),
        ({"SessionTimeout": 0}, "SessionTimeout must be between 1 and 604800"),
        ({"SessionTimeout": 604801}, "SessionTimeout must be between 1 and 604800"),
        ({"OnUnauthenticatedRequest": "maybe"}, "OnUnauthenticatedRequest must be one of"),
        (
            {"AuthenticationRequestExtraParams": {str(one): "x" for one in range(11)}},
            "at most 10 entries",
        ),
        ({"AuthenticationRequestExtraParams": {"state": "x"}}, "'state' is set by"),
        ({"AuthenticationRequestExtraParams": {"a": "\n"}}, "ExtraParams must have"),
    ],
)
def test_what_it_may_not_say(config, words):
    found = list(check_actions([authenticate(**config), fixed()]))
    assert any(words in one for one in found), found


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([authenticate()], FINAL_LAST),
        ([authenticate() | {"Order": 3}, fixed()], FINAL_LAST),
        ([authenticate(), fixed() | {"Order": 1}], ORDERED),
        ([{**authenticate(), "Order": None}, fixed()], ORDERED),
        ([authenticate(), authenticate() | {"Order": 7}, fixed() | {"Order": 9}], ONE_EACH),
        ([authenticate(), fixed(), fixed() | {"Order": 3}], "Exactly one action"),
    ],
)
def test_where_it_may_stand(actions, words):
    found = list(check_actions(actions))
    assert any(words in one for one in found), found


def test_it_is_shown_whole_and_without_its_secret():
    config = {"SessionTimeout": 5, "AuthenticationRequestExtraParams": {}, "Scope": ""}
    shown = complete_action(authenticate(**config))["AuthenticateOidcConfig"]
    assert shown.keys() == {
        *("Issuer", "AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "ClientId"),
        *DEFAULTS,
    }
    assert (shown["SessionTimeout"], shown["Scope"]) == (5, "openid")
    again = complete_action({"Type": "authenticate-oidc", "AuthenticateOidcConfig": shown})
    assert again["AuthenticateOidcConfig"] == shown


def test_urls_without_tls_are_known():
    assert plain_endpoints([fixed(), authenticate()]) == []
    assert plain_endpoints([authenticate(TokenEndpoint="http://a")]) == ["TokenEndpoint"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.text(max_size=20) | st.sampled_from(["https://[", "https://a:99999", "//"])
            for name in ("Issuer", "TokenEndpoint", "ClientId", "Scope", "SessionCookieName")
        },
    )
)
def test_nothing_is_too_strange_to_be_judged(config):
    assert all(isinstance(one, str) for one in check_actions([authenticate(**config), fixed()]))
