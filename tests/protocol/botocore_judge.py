"""botocore as the judge of our codecs: its serialiser makes requests, its parser reads answers."""

import math
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import botocore.parsers
import botocore.serialize
from botocore.awsrequest import HeadersDict
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.utils import percent_encode_sequence

from ecsd.protocol.message import HttpRequest
from ecsd.protocol.table import pack

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import compile_models

OURS = compile_models.SERVICES
FOR_TESTS = ("cloudwatch", "xray", "apigateway", "sqs")
HOST = "http://localhost:4566"


def model_of(service):
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def operations_of(service):
    """The operations of a model that requests can mean: others took some names' paths over."""
    model = Loader().load_service_model(service, "service-2")
    return [
        name
        for name, operation in model["operations"].items()
        if not compile_models.is_superseded(operation, model)
    ]


def compile_into(folder, services):
    """Compile without patterns: values that match an arbitrary one are hard to make up."""
    identities = []
    for service in services:
        model = Loader().load_service_model(service, "service-2")
        table = compile_models.compile_table(service, without_patterns(model))
        identities.append(table.identity)
        (folder / f"{service}.mz").write_bytes(pack(table))
    (folder / "index.mz").write_bytes(pack(identities))
    return folder


def without_patterns(model):
    shapes = {
        name: {key: value for key, value in shape.items() if key != "pattern"}
        for name, shape in model["shapes"].items()
    }
    return {**model, "shapes": shapes}


def authorization(model):
    name = model.metadata.get("signingName") or model.metadata["endpointPrefix"]
    return (
        f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{name}/aws4_request, "
        "SignedHeaders=host, Signature=00"
    )


def request_by(protocol, model, operation, members):
    """What botocore would send."""
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    made = serializer.serialize_to_request(members, operation)
    body = made["body"]
    if isinstance(body, dict):
        body = percent_encode_sequence(body).encode()
    elif isinstance(body, str):
        body = body.encode()
    path, _, query = made["url_path"].partition("?")
    extra = percent_encode_sequence(made["query_string"]) if made["query_string"] else ""
    headers = {name.lower(): str(value) for name, value in made["headers"].items()}
    headers["authorization"] = authorization(model)
    return HttpRequest(
        method=made["method"],
        path=urlsplit(HOST + path).path,
        query="&".join(part for part in (query, extra) if part),
        headers=headers,
        body=bytes(body),
    )


def read_by(protocol, operation, response):
    """What botocore reads in an answer, without its ResponseMetadata."""
    parser = botocore.parsers.create_parser(protocol)
    parsed = parser.parse(
        {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": response.body,
        },
        operation.output_shape,
    )
    parsed.pop("ResponseMetadata", None)
    payload = operation.output_shape.serialization.get("payload") if operation.output_shape else ""
    if payload and operation.output_shape.members[payload].type_name == "blob":
        value = parsed.pop(payload, b"")
        if value:  # botocore decodes it, and takes no body for an empty one
            parsed[payload] = value.encode() if isinstance(value, str) else value
    return parsed


class Values:
    """Random values that fit a botocore shape; the same for the same seed."""

    def __init__(self, seed):
        self.random = Random(seed)
        self.left = 0

    def of(self, shape, *, full=False):
        """A value; ``full`` has every member, else some are left out."""
        self.left = 400
        return self._any(shape, (), full)

    def _any(self, shape, above, full):
        self.left -= 1
        if getattr(shape, "is_document_type", False):
            return {"free": ["form", 1]}
        return getattr(self, f"_{shape.type_name}", self._scalar)(shape, above, full)

    def _structure(self, shape, above, full):
        members = {
            name: member
            for name, member in shape.members.items()
            if not member.serialization.get("eventstream")
        }
        bare = shape.name in above or self.left < 0
        if getattr(shape, "is_tagged_union", False):
            plain = [name for name in members if self._ends(members[name], (*above, shape.name))]
            chosen = [(plain if bare and plain else list(members))[0]]
        elif full and not bare:
            chosen = list(members)
        else:
            chosen = [
                name
                for name in members
                if name in shape.required_members or (not bare and self.random.random() < 0.6)
            ]
        if not chosen and members and above:
            chosen = [next(iter(members))]  # an empty structure has no form in query protocols
        return {name: self._any(members[name], (*above, shape.name), full) for name in chosen}

    def _ends(self, shape, above):
        """Whether a value of this shape leads to no structure that it is in."""
        inner = shape.member if shape.type_name == "list" else shape
        return inner.type_name != "structure" or inner.name not in above

    def _list(self, shape, above, full):
        low = max(1, shape.metadata.get("min", 1))
        deep = shape.member.type_name == "structure" and shape.member.name in above
        count = low if deep or self.left < 0 else self.random.randint(low, max(low, 2))
        high = shape.metadata.get("max", count)
        return [self._any(shape.member, above, full) for _ in range(min(count, max(high, 1)))]

    def _map(self, shape, above, full):
        low = max(1, shape.metadata.get("min", 1))
        return {
            self._any(shape.key, above, full): self._any(shape.value, above, full)
            for _ in range(low)
        }

    def _scalar(self, shape, _above, _full):
        kind = shape.type_name
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if kind in ("integer", "long", "short", "byte"):
            low = 0 if low is None else low
            return self.random.randint(low, min(low + 1000 if high is None else high, 2**31 - 1))
        if kind in ("float", "double"):
            low = 0 if low is None else low
            return min(low + self.random.randrange(8) / 4, math.inf if high is None else high)
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
            return start + timedelta(seconds=self.random.randrange(10**6))
        if kind == "blob":
            return b"bytes" + b"x" * max((low or 1) - 5, 0)
        return self._string(shape)

    def _string(self, shape, _above=(), _full=False):
        if shape.enum:
            return self.random.choice(shape.enum)
        if shape.metadata.get("jsonvalue") or shape.serialization.get("jsonvalue"):
            return {"a": [1, "é"]}
        low = shape.metadata.get("min", 1) or 1
        high = shape.metadata.get("max", 20)
        size = self.random.randint(low, max(low, min(high, low + 8)))
        return "".join(self.random.choice("abcXYZ019-é<&> \"'") for _ in range(size))

    _character = _string
