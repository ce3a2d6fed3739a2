"""Speaking to ecsd's API like any client: JSON services and query services, standard library only.

In strict mode requests are signed with the root credentials that the settings name.
"""

import http.client
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ecsd.clock import SystemClock
from ecsd.protocol.signing import Signer
from ecsd.settings import Settings

TIMEOUT = 10.0  # seconds
JSON_TARGETS = {
    "ecs": ("AmazonEC2ContainerServiceV20141113", "application/x-amz-json-1.1"),
    "logs": ("Logs_20140328", "application/x-amz-json-1.1"),
    "servicediscovery": ("Route53AutoNaming_v20170314", "application/x-amz-json-1.1"),
}
QUERY_VERSIONS = {
    "elasticloadbalancing": "2015-12-01",
    "ec2": "2016-11-15",
    "iam": "2010-05-08",
}
DEFAULT_ACCOUNT = "000000000000"


class ApiError(Exception):
    """The API refused; ``code`` and the message are AWS's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Unreachable(Exception):  # noqa: N818 - a state of the world, told to the person
    """Nothing answers at the endpoint."""


class Api:
    """One account and region of the running ecsd."""

    def __init__(
        self, settings: Settings, account: str = DEFAULT_ACCOUNT, region: str = ""
    ) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self.account = account
        self.region = region or settings.region

    def ask(self, service: str, operation: str, /, **request: object) -> dict[str, Any]:
        """Call a JSON service (ecs, logs, servicediscovery)."""
        prefix, content_type = JSON_TARGETS[service]
        headers = {"content-type": content_type, "x-amz-target": f"{prefix}.{operation}"}
        body = json.dumps(request).encode()
        status, answer = self._post(service, headers, body)
        parsed: dict[str, Any] = json.loads(answer or b"{}")
        if status != http.client.OK:
            code = str(parsed.get("__type", status)).rpartition("#")[2]
            raise ApiError(code, str(parsed.get("message") or parsed.get("Message") or ""))
        return parsed

    def query(self, service: str, action: str, /, **parameters: str) -> ET.Element:
        """Call a query service (elasticloadbalancing, ec2); element names without namespaces."""
        form = {"Action": action, "Version": QUERY_VERSIONS[service], **parameters}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        status, answer = self._post(service, headers, urlencode(form).encode())
        tree = ET.fromstring(answer)
        for element in tree.iter():
            element.tag = element.tag.rpartition("}")[2]
        if status != http.client.OK:
            raise ApiError(
                tree.findtext(".//Code") or str(status), tree.findtext(".//Message") or ""
            )
        return tree

    def inspect(self, what: str) -> Any:  # noqa: ANN401 - JSON of ecsd's own
        """Read one of ecsd's own pages, such as ``hosts``."""
        path = f"/_ecsd/{what}"
        strict = self._settings.mode == "strict"
        headers = self._signed("GET", path, "ecsd", {}, b"") if strict else {}
        status, answer = self._send("GET", path, headers, None)
        page = json.loads(answer)
        if status != http.client.OK:
            raise ApiError(str(status), str(page.get("message", "")))
        return page

    def _post(self, service: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        return self._send("POST", "/", self._signed("POST", "/", service, headers, body), body)

    def _signed(
        self, method: str, path: str, service: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """Return the headers with a signature; local mode takes the account from the key id."""
        key, secret = self.account, "local"
        if self._settings.mode == "strict":
            key, secret = self._settings.access_key_id, self._settings.secret_access_key
        signed = {
            **headers,
            "host": f"{self._settings.host}:{self._settings.port}",
            "x-amz-date": self._clock.now().strftime("%Y%m%dT%H%M%SZ"),
        }
        signer = Signer(key, secret, self.region, service)
        return {**signed, "authorization": signer.authorization(method, path, signed, body)}

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(
            self._settings.host, self._settings.port, timeout=TIMEOUT
        )
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise Unreachable(f"nothing answers at {where} ({error}); is ecsd up?") from error
        finally:
            connection.close()
