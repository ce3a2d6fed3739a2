"""Our signatures, compared with botocore's."""

import json

import pytest

from ecsd.protocol.signing import Signer


@pytest.mark.parametrize("query", ["", "identifier=a%2Fb&name=%5C052.a.com.&type=A"])
def test_the_signature_is_botocores(query):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = json.dumps({"logGroupName": "g"}).encode()
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": "127.0.0.1:4566",
        "x-amz-date": "20260101T000000Z",
        "x-amz-target": "Logs_20140328.CreateLogStream",
    }
    ours = Signer("AK", "secret", "us-east-1", "logs").authorization(
        "POST", "/", headers, body, query
    )
    theirs = SigV4Auth(Credentials("AK", "secret"), "logs", "us-east-1")
    request = AWSRequest("POST", f"http://127.0.0.1:4566/?{query}", data=body, headers=headers)
    request.context["timestamp"] = headers["x-amz-date"]
    canonical = theirs.canonical_request(request)
    signature = theirs.signature(theirs.string_to_sign(request, canonical), request)
    assert ours.endswith(f"Signature={signature}")
