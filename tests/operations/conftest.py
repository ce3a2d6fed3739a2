"""What tests of operations share: callers of operations, judged by AWS's own models.

``client("ec2")`` returns an async function: ``await ec2("CreateVpc", CidrBlock="10.0.0.0/16")``.
Requests are validated by botocore as a real client would; answers may hold nothing that the
service's model doesn't know, in no other type.
"""

import importlib
import pkgutil
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import botocore.session
import pytest
from botocore.validate import ParamValidator

from ecsd.certificates.authority import Authority
from ecsd.clock import VIRTUAL_START, SystemClock, VirtualClock
from ecsd.errors import AwsError
from ecsd.ids import IdSource, SeededIds
from ecsd.operations.call import OPERATIONS, Call, Caller
from ecsd.settings import Settings
from ecsd.store.scope import Scope
from ecsd.store.store import Store

AUTHORITY = Authority(None)  # one for all tests: a root takes its time
TYPES = {
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "boolean": bool,
    "timestamp": datetime,
    "blob": bytes,
}


@cache
def service_model(service: str):
    """Return AWS's model of a service."""
    return botocore.session.get_session().get_service_model(service)


@cache
def load_operations(service: str) -> None:
    """Import every module of a service, so that its operations are registered."""
    package = importlib.import_module(f"ecsd.operations.{service}")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


class Moment(SystemClock):
    """A clock that stands until a test moves it."""

    def __init__(self):
        self.time = VIRTUAL_START

    def now(self):
        return self.time

    def pass_by(self, **units):
        self.time += timedelta(**units)


@pytest.fixture
def moment():
    """Return a clock that stands until a test moves it."""
    return Moment()


def make_call(
    store: Store,
    ids: IdSource | None = None,
    *,
    account: str = "000000000000",
    region: str = "us-east-1",
    clock: object | None = None,
    streams: object | None = None,
    **others: object,
) -> Call:
    """Return one request's surroundings.

    ``streams`` is for Logs, ``blobs`` for S3, ``images`` for ECR, ``caller`` and ``settings`` for
    IAM.
    """
    call = Call(
        scope=Scope(account, region),
        caller=Caller(f"arn:aws:iam::{account}:root", account, account),
        request_id="00000000-0000-4000-8000-000000000000",
        store=store,
        streams=streams,  # type: ignore[arg-type]
        blobs=None,  # type: ignore[arg-type]
        clock=clock or VirtualClock(),  # type: ignore[arg-type]
        ids=ids or SeededIds(7),
        settings=Settings(),
        authority=AUTHORITY,
        images=None,  # type: ignore[arg-type]
    )
    return replace(call, **others)  # type: ignore[arg-type]


def check_answer(value: object, shape, path: str) -> None:
    """Fail where an answer is not what the model says."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{path} has {unknown}"
        for name, member in value.items():
            if member is not None:
                check_answer(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list | tuple), path
        for number, element in enumerate(value):
            check_answer(element, shape.member, f"{path}[{number}]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), path
        for key, element in value.items():
            check_answer(element, shape.value, f"{path}[{key}]")
    else:
        assert isinstance(value, TYPES[shape.type_name]), f"{path} is {value!r}"
        assert shape.type_name == "boolean" or not isinstance(value, bool), path


def without_none(value: object) -> object:
    """Leave out members that are None, as the codecs do."""
    if isinstance(value, dict):
        return {key: without_none(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [without_none(one) for one in value]
    return value


@pytest.fixture
def client(store, ids):
    """Return a maker of callers: ``client("ec2")``, ``client("ec2", account="1" * 12)``."""

    def for_service(service: str, **surroundings):
        load_operations(service)
        call = make_call(store, ids, **surroundings)

        async def ask(name: str, /, **request):
            model = service_model(service).operation_model(name)
            report = ParamValidator().validate(request, model.input_shape) if request else None
            assert report is None or not report.has_errors(), report.generate_report()
            answer = await OPERATIONS[service, name](call, request)
            await store.durable()
            if model.output_shape is None:
                assert not answer, f"{name} answers nothing"
                return {}
            check_answer(answer, model.output_shape, name)
            return without_none(answer)

        return ask

    return for_service


@pytest.fixture
def refused(ask):
    """Return the error of an operation of the room's ``ask`` that must be refused."""

    async def call(name: str, /, **request) -> AwsError:
        with pytest.raises(AwsError) as caught:
            await ask(name, **request)
        return caught.value

    return call
