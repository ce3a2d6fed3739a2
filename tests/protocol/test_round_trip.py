"""Every operation of every compiled service, against botocore's own serialiser and parser."""

import msgspec
import pytest
from botocore_judge import FOR_TESTS, OURS, Values, model_of, operations_of, read_by, request_by

from ecsd.errors import AwsError

SPOKEN = {
    "json": "json",
    "query": "query",
    "ec2": "ec2",
    "rest-json": "rest-json",
    "rest-xml": "rest-xml",
    "smithy-rpc-v2-cbor": "cbor",
}


# Operations of S3 that are asked for at hosts of their own.
ELSEWHERE = ("ListDirectoryBuckets", "WriteGetObjectResponse")
SERVICES = [
    pytest.param(service, protocol, id=f"{service}-{protocol}")
    for service in (*OURS, *FOR_TESTS)
    for protocol in model_of(service).metadata["protocols"]
]


@pytest.mark.parametrize(("service", "protocol"), SERVICES)
def test_every_request_of_botocore_is_read_as_it_was_meant(wire, service, protocol):
    model = model_of(service)
    for number, name in enumerate(operations_of(service)):
        if name in ELSEWHERE:
            continue
        operation = model.operation_model(name)
        for full in (True, False):
            values = Values(number)
            members = values.of(operation.input_shape, full=full) if operation.input_shape else {}
            request = request_by(protocol, model, operation, members)
            route = wire.route(request)
            assert (route.service, route.operation) == (service, name)
            parsed = route.codec.parse(route.model, request, route.labels)
            assert parsed == expected(operation, members), name


def expected(operation, members):
    """Idempotency tokens are filled in; names of headers have no case."""
    tokens = operation.idempotent_members if operation.input_shape else ()
    lowered = {
        name: {key.lower(): value for key, value in members[name].items()}
        for name in members
        if operation.input_shape.members[name].serialization.get("location") == "headers"
    }
    return {**dict.fromkeys(tokens, "token"), **members, **lowered}


def told(operation, output):
    """An answer as botocore reads it back: a body that is one empty element is that element."""
    payload = operation.output_shape and operation.output_shape.serialization.get("payload")
    structure = payload and operation.output_shape.members[payload].type_name == "structure"
    return output | {payload: {}} if structure and payload not in output else output


@pytest.mark.parametrize(("service", "protocol"), SERVICES)
def test_botocore_reads_every_answer_as_it_was_meant(wire, service, protocol):
    model = model_of(service)
    table = wire.table(service)
    codec = wire._codec(service, SPOKEN[protocol])
    for number, name in enumerate(operations_of(service)):
        operation = model.operation_model(name)
        if operation.has_event_stream_output or (service, name) == ("s3", "GetBucketLocation"):
            continue  # the latter's answer is read by a handler of botocore's S3 client
        for full in (True, False):
            output = (
                Values(number).of(operation.output_shape, full=full)
                if operation.output_shape
                else {}
            )
            response = codec.answer(table.operations[name], output, "request-1")
            read = read_by(protocol, operation, response)
            assert read in (output, told(operation, output)), name


@pytest.mark.parametrize(("service", "protocol"), SERVICES)
def test_botocore_reads_every_error(wire, service, protocol):
    model = model_of(service)
    codec = wire._codec(service, SPOKEN[protocol])
    operation = model.operation_model(model.operation_names[0])
    codes = [shape.error_code for shape in model.error_shapes] + ["SomethingElse"]
    for code in codes:
        response = codec.refuse(AwsError(code, 'says <"no"> & é'), "request-1")
        parsed = parse_error(protocol, operation, response)
        assert parsed["Error"]["Code"] == code
        assert parsed["Error"]["Message"] == 'says <"no"> & é'
        assert parsed["ResponseMetadata"]["RequestId"] == "request-1"
        assert 400 <= response.status < 600


def parse_error(protocol, operation, response):
    import botocore.parsers
    from botocore.awsrequest import HeadersDict

    return botocore.parsers.create_parser(protocol).parse(
        {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": response.body,
        },
        operation.output_shape,
    )


def test_both_json_engines_accept_and_refuse_the_same(wire):
    """What the generated types accept, the readers read to the same value."""
    for service in ("ecs", "logs"):
        model, table = model_of(service), wire.table(service)
        codec = wire._codec(service, "json-1.1")
        for number, name in enumerate(model.operation_names):
            operation = model.operation_model(name)
            members = Values(number).of(operation.input_shape, full=True)
            request = request_by("json", model, operation, members)
            codec.parse(table.operations[name], request, {})
            fast, slow = codec._fast[name], codec._slow[name]
            if fast is not None:
                assert fast(request.body) == slow(msgspec.json.decode(request.body))
