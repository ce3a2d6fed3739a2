"""A small OpenID Connect provider, for tests: one client, one user, who always agrees."""

import json
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

CLIENT, SECRET = "client id", "s3cret:%&"


class IdentityProvider(ThreadingHTTPServer):
    """Serves /authorize, /token, /userinfo; ``asked`` holds (path, form) of each call.

    claims, tokens, id_token: what is told beside, or instead of, the usual. status: of an endpoint.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked = []
        self.claims = {"sub": "me", "email": "me@example.test"}
        self.tokens, self.id_token, self.status = {}, {}, {}
        self.codes = {}  # code → redirect_uri, each good for once
        self.issued = 0

    def config(self, **more):
        """Return AuthenticateOidcConfig for it, without the secret."""
        return {
            "Issuer": self.url,
            "AuthorizationEndpoint": f"{self.url}/authorize",
            "TokenEndpoint": f"{self.url}/token",
            "UserInfoEndpoint": f"{self.url}/userinfo",
            "ClientId": CLIENT,
        } | more

    def agreed(self, location):
        """Return where a user comes back to who has agreed at an authorization URL."""
        asked = {name: one for name, [one] in parse_qs(urlsplit(location).query).items()}
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        self.issued += 1
        code = f"code-{self.issued}"
        self.codes[code] = asked["redirect_uri"]
        answer = urlencode({"code": code, "state": asked["state"]})
        return f"{asked['redirect_uri']}?{answer}"

    def answer(self, path, form, authorization):
        """Return status and JSON."""
        self.asked.append((path, form))
        if path in self.status:
            return self.status[path], {"error": "trouble"}
        if path == "/userinfo":
            told = authorization == f"Bearer access-{self.issued}"
            return (200, self.claims) if told else (401, {"error": "invalid_token"})
        kind, _, value = authorization.partition(" ")
        user, _, word = b64decode(value).decode().partition(":")
        if (kind, unquote_plus(user), unquote_plus(word)) != ("Basic", CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != f"refresh-{self.issued}":
                return 400, {"error": "invalid_grant"}
            self.issued += 1
        elif self.codes.pop(form["code"], None) != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        about = {"iss": self.url, "aud": CLIENT, "sub": self.claims["sub"]}
        about |= {"exp": time.time() + 60} | self.id_token
        usual = {
            "access_token": f"access-{self.issued}",
            "token_type": "Bearer",
            "id_token": f"{encoded({'alg': 'none'})}.{encoded(about)}.",
        }
        return 200, usual | self.tokens

    @contextmanager
    def serving(self):
        """Serve in a thread of its own."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


def encoded(value):
    """Return JSON in Base64 for URLs, without padding."""
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        form = {name: one for name, [one] in parse_qs(body).items()}
        status, told = self.server.answer(self.path, form, self.headers["authorization"])
        told = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_GET(self):
        self.do_POST()

    def log_message(self, *_):
        """Say nothing."""
