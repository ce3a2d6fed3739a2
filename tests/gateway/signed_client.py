"""A client of the gateway that signs as SDKs do, for keys that IAM and STS gave out."""

import json
import re
from functools import cache
from typing import NamedTuple

import cbor2
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore_judge import model_of, read_by, request_by
from gateway_client import Client

from ecsd.processes.keys import find_key
from ecsd.protocol.message import HttpResponse
from ecsd.settings import Settings

STRICT = Settings(mode="strict", access_key_id="AKROOT", secret_access_key="root-secret")
ROOT_KEY = ("AKROOT", "root-secret", None)
HOST = "http://localhost:4566"
OWN = {"authorization", "content-length", "host"}  # headers that are not copied


class Answered(NamedTuple):
    status: int
    code: str  # of the error; empty when there is none
    message: str
    output: dict


class SignedClient:
    """``await client.ask(key, "iam", "CreateUser", UserName="bob")`` in the service's protocol."""

    def __init__(self, store, settings=STRICT, clock=None):
        self.client = Client(store, settings=settings, clock=clock, find_key=self._find)
        self._keys = find_key(store, settings, self.client.parts.authority)

    def _find(self, access_key_id):
        return self._keys(access_key_id)

    async def ask(self, key, service, operation, /, **members):
        model = cached_model(service)
        protocol = model.metadata["protocol"]
        made = request_by(protocol, model, model.operation_model(operation), members)
        headers = {name: value for name, value in made.headers.items() if name not in OWN}
        url = f"{HOST}{made.path}{'?' if made.query else ''}{made.query}"
        request = AWSRequest(made.method, url, data=made.body, headers=headers)
        if key is not None:
            auth = S3SigV4Auth if service == "s3" else SigV4Auth
            auth(Credentials(*key), model.signing_name, "us-east-1").add_auth(request)
        sent = {name.lower(): _text(value) for name, value in request.headers.items()}
        sent["host"] = "localhost:4566"
        answer = await self.client.raw(made.method, made.path, sent, made.body, query=made.query)
        if answer.status >= 400:
            return Answered(answer.status, *_error(answer), {})
        response = HttpResponse(answer.status, answer.headers, answer.body)
        output = read_by(protocol, model.operation_model(operation), response)
        return Answered(answer.status, "", "", output)

    async def user(self, name="bob", *statements):
        """Make a user with a key; return what signs for it."""
        await self.ask(ROOT_KEY, "iam", "CreateUser", UserName=name)
        if statements:
            await self.policy(name, *statements)
        made = (await self.ask(ROOT_KEY, "iam", "CreateAccessKey", UserName=name)).output
        key = made["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"], None

    async def policy(self, name, *statements):
        """Set the one inline policy of a user."""
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        named = {"UserName": name, "PolicyName": "p", "PolicyDocument": document}
        done = await self.ask(ROOT_KEY, "iam", "PutUserPolicy", **named)
        assert done.status == 200, done


cached_model = cache(model_of)


def credentials(output):
    """Return what signs for temporary credentials that STS answered."""
    given = output["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


def _error(answer):
    kind = answer.headers["content-type"]
    if "json" in kind or "cbor" in kind:
        said = cbor2.loads(answer.body) if "cbor" in kind else json.loads(answer.body)
        code = said.get("__type") or answer.headers["x-amzn-errortype"]
        return code.rpartition("#")[2], said.get("message") or said.get("Message", "")
    code = re.search(b"<Code>(.*?)</Code>", answer.body)[1].decode()
    message = re.search(b"<Message>(.*?)</Message>", answer.body, re.DOTALL)
    return code, message[1].decode() if message else ""


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
