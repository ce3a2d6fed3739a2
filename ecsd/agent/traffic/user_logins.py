"""Users of load balancers of this host who have no valid session: they log in, or stay so.

HAProxy knows users by their sessions; who has none, or one whose access token has expired, is sent
here. Source: Application Load Balancers guide, authenticate users.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple

import aiohttp

from ecsd.agent.drivers.identity_provider import (
    Answer,
    ask_for_claims,
    ask_for_tokens,
    identity_session,
)
from ecsd.clock import Clock
from ecsd.decisions.balancers import oidc
from ecsd.decisions.balancers.authenticate_checks import NONCE_COOKIE, authentication_of
from ecsd.decisions.balancers.function_event import Answered, Asked
from ecsd.decisions.balancers.oidc import Failed, Login, Tokens
from ecsd.decisions.balancers.user_session import (
    Session,
    claims_header,
    expired_cookies,
    is_open,
    joined,
    read_cookies,
    read_session,
    session_cookies,
    session_text,
    set_cookie,
)
from ecsd.decisions.haproxy.error_pages import error_answer
from ecsd.ids import IdSource
from ecsd.records.plan import AuthenticationPlan, BalancerPlan, UserKeysPlan

log = logging.getLogger(__name__)

NONCE_DIGITS = 32
NONCE = re.compile(rf"[0-9a-f]{{{NONCE_DIGITS}}}")
CLAIMS_SECONDS = 120  # for which a target may take its time with a user's claims
FOUND, AGAIN = 302, 307
KEPT_SECONDS = 30  # for which requests with the same expired token share one refresh
MOST_KEPT = 1000


class Rule(NamedTuple):
    """A rule, or a listener's default, that authenticates users."""

    arn: str
    load_balancer_arn: str
    config: Mapping[str, Any]
    secrets: AuthenticationPlan
    keys: UserKeysPlan


Refreshed = asyncio.Future[Session | Failed | None]  # None: it was cut off


class UserLogins:
    """The users of the plans that it follows."""

    def __init__(self, clock: Clock, ids: IdSource) -> None:
        self._clock = clock
        self._ids = ids
        self._rules: dict[str, dict[str, Rule]] = {}  # balancer → ARN → rule
        self._balancers: dict[str, str] = {}  # listener → balancer
        self._refreshed: dict[tuple[str, str, str], tuple[int, Refreshed]] = {}  # since when, what
        self._http: aiohttp.ClientSession | None = None

    def follow(self, plan: BalancerPlan) -> None:
        """Know a balancer's rules, and nothing that an earlier plan of it said."""
        self.forget(plan.load_balancer_arn)
        found: dict[str, Rule] = {}
        for listener in plan.listeners:
            self._balancers[listener.listener_arn] = plan.load_balancer_arn
            own = ((listener.listener_arn, listener.default_actions),)
            rules = ((one.rule_arn, one.actions) for one in listener.rules)
            for arn, actions in (*own, *rules):
                config, secrets = authentication_of(actions), plan.authentications.get(arn)
                if config is not None and secrets is not None and plan.user_keys is not None:
                    found[arn] = Rule(arn, plan.load_balancer_arn, config, secrets, plan.user_keys)
        self._rules[plan.load_balancer_arn] = found

    def forget(self, load_balancer_arn: str) -> None:
        """Know nothing of a balancer any more."""
        self._rules.pop(load_balancer_arn, None)
        for arn in [one for one, of in self._balancers.items() if of == load_balancer_arn]:
            del self._balancers[arn]

    async def close(self) -> None:
        """Hang up."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def admit(self, arn: str, asked: Asked) -> Answered:
        """Answer a user who has no valid session at a rule: with another one, or a way to it."""
        rule = self._rule(arn)
        host = oidc.check_host(_header(asked, "host"))
        if rule is None:
            return error_answer(503)
        if isinstance(host, Failed):
            return self._refuse(host, arn)
        cookies = read_cookies(asked.headers)
        name = rule.config["SessionCookieName"]
        place = ("Location", f"https://{host}{_target(asked)}")
        session = self._session(rule, cookies)
        if session is not None and session.refresh_token:
            given = await self._renewed(rule, session, cookies)
            if not isinstance(given, Failed):
                return Answered(AGAIN, headers=[place, *given])
            self._tell(given, arn)
        gone = expired_cookies(name, cookies)
        match rule.config["OnUnauthenticatedRequest"]:
            case "deny":
                denied = error_answer(401)
                return denied._replace(headers=[*denied.headers, *gone])
            case "allow":
                return Answered(AGAIN, headers=[place, *gone])
            case _:
                return self._sent_away(rule, host, _target(asked), cookies)

    async def receive(self, listener_arn: str, asked: Asked) -> Answered:
        """Answer a user whom an IdP has sent back to a listener."""
        host = oidc.check_host(_header(asked, "host"))
        if isinstance(host, Failed):
            return self._refuse(host, listener_arn)
        fields, cookies = oidc.callback_fields(asked.target), read_cookies(asked.headers)
        if not fields.get("state"):
            missing = Failed(401, "AuthMissingStateParam", "the IdP sends no state")
            return self._refuse(missing, listener_arn)
        rule, login = self._login(listener_arn, fields["state"])
        checked = oidc.check_login(login, host, cookies.get(NONCE_COOKIE), self._now())
        if isinstance(checked, Failed) or rule is None:
            unknown = Failed(401, "AuthInvalidStateParam", "its rule is gone")
            return self._refuse(checked if isinstance(checked, Failed) else unknown, listener_arn)
        code = oidc.check_code(fields)
        session = code if isinstance(code, Failed) else await self._logged_in(rule, code, host)
        given = session if isinstance(session, Failed) else self._given(rule, session, cookies)
        if isinstance(given, Failed):
            return self._refuse(given, rule.arn)
        log.info("a user has logged in", extra={"rule": rule.arn})
        place = ("Location", f"https://{host}{checked.target}")
        return Answered(FOUND, headers=[place, *given])  # another login may need the nonce yet

    # ------------------------------------------------------------------ inside

    def _rule(self, arn: str) -> Rule | None:
        return next((of[arn] for of in self._rules.values() if arn in of), None)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _session(self, rule: Rule, cookies: Mapping[str, str]) -> Session | None:
        """Return the session of a client's cookies while it goes on."""
        from ecsd.certificates.user_sessions import unseal

        text = unseal(joined(cookies, rule.config["SessionCookieName"]), rule.secrets.session_key)
        session = None if text is None else read_session(text)
        if session is None or not is_open(session, self._now(), rule.config["SessionTimeout"]):
            return None
        return session

    def _sent_away(
        self, rule: Rule, host: str, target: str, cookies: Mapping[str, str]
    ) -> Answered:
        """Send a user to the IdP; logins that a browser begins at the same time share a nonce."""
        from ecsd.certificates.user_sessions import seal

        if len(target) > oidc.LONGEST_TARGET:
            return error_answer(414)
        nonce = cookies.get(NONCE_COOKIE, "")
        if not NONCE.fullmatch(nonce):
            nonce = self._ids.hexadecimal(NONCE_DIGITS)
        login = Login(rule.arn, host, target, nonce, self._now())
        sealed = seal(oidc.login_text(login), rule.keys.login_key, self._ids)
        place = oidc.authorization_url(rule.config, host, oidc.state_of(sealed))
        ends = login.began + oidc.LOGIN_SECONDS
        gone = expired_cookies(rule.config["SessionCookieName"], cookies)
        headers = [("Location", place), set_cookie(NONCE_COOKIE, nonce, ends), *gone]
        return Answered(FOUND, headers=headers)

    def _login(self, listener_arn: str, state: str) -> tuple[Rule | None, Login | None]:
        """Return what a state stands for, where this listener's balancer has made it."""
        from ecsd.certificates.user_sessions import unseal

        rules = self._rules.get(self._balancers.get(listener_arn, ""), {})
        for key in {one.keys.login_key for one in rules.values()}:
            text = unseal(oidc.sealed_of(state), key)
            if text is not None:
                login = oidc.read_login(text)
                return rules.get(login.arn), login
        return None, None

    async def _logged_in(self, rule: Rule, code: str, host: str) -> Session | Failed:
        """Return the session of a user whom a code stands for."""
        tokens = await self._tokens(rule, oidc.code_form(code, host), refreshed=False)
        if isinstance(tokens, Failed):
            return tokens
        config, now = rule.config, self._now()
        subject = oidc.check_id_token(tokens.id_token, config["Issuer"], config["ClientId"], now)
        if isinstance(subject, Failed):
            return subject
        return await self._made(rule, tokens, subject, now)

    async def _renewed(
        self, rule: Rule, session: Session, cookies: Mapping[str, str]
    ) -> list[tuple[str, str]] | Failed:
        """Return the headers that give a client its session with another access token."""
        renewed = await self._refresh_once(rule, session)
        return renewed if isinstance(renewed, Failed) else self._given(rule, renewed, cookies)

    async def _refresh_once(self, rule: Rule, session: Session) -> Session | Failed:
        """Refresh a session; requests that bear the same tokens share what comes of it.

        An IdP may take a refresh token once only, and a page asks for many things at a time.
        """
        # Where a refresh token is good for ever, the access token tells sessions apart.
        now, key = self._now(), (rule.arn, session.refresh_token, session.access_token)
        for old in [one for one, (at, _) in self._refreshed.items() if now - at > KEPT_SECONDS]:
            del self._refreshed[old]
        while key in self._refreshed:
            shared = await asyncio.shield(self._refreshed[key][1])
            if shared is not None:
                return shared
        while len(self._refreshed) >= MOST_KEPT:
            del self._refreshed[next(iter(self._refreshed))]
        future: Refreshed = asyncio.get_running_loop().create_future()
        self._refreshed[key] = now, future
        result: Session | Failed | None = None
        try:
            result = await self._refresh(rule, session)
            return result
        finally:
            future.set_result(result)
            if not isinstance(result, Session):
                self._refreshed.pop(key, None)

    async def _refresh(self, rule: Rule, session: Session) -> Session | Failed:
        form = oidc.refresh_form(session.refresh_token)
        tokens = await self._tokens(rule, form, refreshed=True)
        if isinstance(tokens, Failed):
            return tokens
        if not tokens.refresh_token:
            tokens = tokens._replace(refresh_token=session.refresh_token)
        return await self._made(rule, tokens, session.subject, session.began)

    async def _tokens(
        self, rule: Rule, form: Mapping[str, str], *, refreshed: bool
    ) -> Tokens | Failed:
        client = oidc.client_credentials(rule.config["ClientId"], rule.secrets.client_secret)
        asking = ask_for_tokens(self._opened(), rule.config["TokenEndpoint"], form, client)
        answer = await self._answered(asking, "AuthTokenEpRequestTimeout")
        if isinstance(answer, Failed):
            return answer
        return oidc.read_tokens(answer.status, answer.body, refreshed=refreshed)

    async def _made(self, rule: Rule, tokens: Tokens, subject: str, began: int) -> Session | Failed:
        """Return the session that tokens stand for; its claims are asked for."""
        from ecsd.certificates.user_sessions import signed_claims

        config = rule.config
        asking = ask_for_claims(self._opened(), config["UserInfoEndpoint"], tokens.access_token)
        answer = await self._answered(asking, "AuthUserinfoEpRequestTimeout")
        if isinstance(answer, Failed):
            return answer
        claims = oidc.read_claims(answer.status, answer.body, subject, tokens.access_token)
        if isinstance(claims, Failed):
            return claims
        ends = began + int(config["SessionTimeout"])
        refresh_at = ends
        if tokens.refresh_token and tokens.expires_in is not None:
            refresh_at = min(ends, self._now() + max(tokens.expires_in, 1))
        expires = refresh_at + CLAIMS_SECONDS
        header = claims_header(rule.load_balancer_arn, rule.keys.key_id, config, expires)
        whole = claims | {"exp": expires, "iss": config["Issuer"]}
        return Session(
            began=began,
            ends=ends,
            refresh_at=refresh_at,
            subject=subject,
            access_token=tokens.access_token,
            claims=signed_claims(header, whole, rule.keys.private_key),
            refresh_token=tokens.refresh_token,
        )

    async def _answered(self, asking: Awaitable[Answer], reason: str) -> Answer | Failed:
        try:
            return await asking
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Failed(500, reason, str(error) or type(error).__name__)

    def _given(
        self, rule: Rule, session: Session, cookies: Mapping[str, str]
    ) -> list[tuple[str, str]] | Failed:
        """Return the headers that give a client its session."""
        from ecsd.certificates.user_sessions import seal

        value = seal(session_text(session), rule.secrets.session_key, self._ids)
        given = session_cookies(rule.config["SessionCookieName"], value, session.ends, cookies)
        words = "the session has more than a client's cookies hold"
        return given or Failed(401, "AuthUserinfoResponseSizeExceeded", words)

    def _opened(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = identity_session()
        return self._http

    def _refuse(self, failed: Failed, arn: str) -> Answered:
        self._tell(failed, arn)
        return error_answer(failed.status)

    def _tell(self, failed: Failed, arn: str) -> None:
        log.warning(
            "a user could not be authenticated",
            extra={"rule": arn, "reason": failed.reason, "cause": failed.words},
        )


def _header(asked: Asked, name: str) -> str | None:
    return next((value for one, value in asked.headers if one.lower() == name), None)


def _target(asked: Asked) -> str:
    """Return path and query; a request for the server as a whole (``*``) is for its root."""
    return asked.target if asked.target.startswith("/") else "/"
