"""Bodies in S3's chunks, cut anywhere; signatures of chunks, broken ones."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.errors import AwsError
from ecsd.protocol.aws_chunked import ChunkedReader, ChunkSigner, Form, form_of

KEY, MOMENT, SCOPE, SEED = (
    b"key",
    "20260101T000000Z",
    "20260101/us-east-1/s3/aws4_request",
    "0" * 64,
)
EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = form_of("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
SIGNED = form_of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")


def signature(previous, digest, kind="PAYLOAD"):
    middle = f"{EMPTY}\n{digest}" if kind == "PAYLOAD" else digest
    text = f"AWS4-HMAC-SHA256-{kind}\n{MOMENT}\n{SCOPE}\n{previous}\n{middle}"
    return hmac.new(KEY, text.encode(), "sha256").hexdigest()


def body_of(chunks, trailers, *, signed):
    found, previous = b"", SEED
    for chunk in [*chunks, b""]:
        head = f"{len(chunk):x}"
        if signed:
            previous = signature(previous, hashlib.sha256(chunk).hexdigest())
            head += f";chunk-signature={previous}"
        found += head.encode() + b"\r\n" + (chunk + b"\r\n" if chunk else b"")
    lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
    found += lines.replace("\n", "\r\n").encode()
    if signed:
        last = signature(previous, hashlib.sha256(lines.encode()).hexdigest(), "TRAILER")
        found += f"x-amz-trailer-signature:{last}\r\n".encode()
    return found + b"\r\n"


def read(body, form, signer=None, cuts=()):
    reader, found, last = ChunkedReader(form, signer), b"", 0
    for cut in [*sorted(cuts), len(body)]:
        found += b"".join(reader.feed(body[last:cut]))
        last = max(last, cut)
    reader.finish()
    return found, reader.trailers


def signer():
    return ChunkSigner(KEY, MOMENT, SCOPE, SEED)


@given(
    st.lists(st.binary(min_size=1, max_size=20), max_size=4),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_the_bytes_come_out_wherever_the_body_is_cut(chunks, signed, cuts):
    trailers = {"x-amz-checksum-crc32": "AAAAAA=="}
    body = body_of(chunks, trailers, signed=signed)
    cuts = [min(cut, len(body)) for cut in cuts]
    found, told = read(body, SIGNED if signed else UNSIGNED, signer() if signed else None, cuts)
    assert found == b"".join(chunks)
    assert told["x-amz-checksum-crc32"] == "AAAAAA=="


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=3), st.data())
def test_a_byte_that_is_changed_in_a_signed_body_is_refused(chunks, data):
    body = bytearray(body_of(chunks, {"x-a": "b"}, signed=True))
    at = data.draw(st.integers(0, len(body) - 3))  # the last line's end is not signed
    new = data.draw(st.integers(0, 255).filter(lambda one: one != body[at]))
    body[at] = new
    try:
        found, told = read(bytes(body), SIGNED, signer())
    except AwsError:
        return
    assert (found, told["x-a"]) == (b"".join(chunks), "b")  # such as a hexadecimal digit's case


@given(
    st.binary(max_size=60), st.sampled_from([UNSIGNED, SIGNED, Form(signed=True, trailer=False)])
)
def test_nonsense_is_refused_or_read(body, form):
    try:
        read(body, form)
    except AwsError:
        return  # any other exception fails the test


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"5\r\nab",
        b"2\r\nabc\r\n0\r\n\r\n",
        b"0\r\n\r\nmore",
        b"x\r\n",
        b"0\r\n:b\r\nno\r\n\r\n",
    ],
)
def test_broken_bodies(body):
    with pytest.raises(AwsError, match="InvalidRequest"):
        read(body, UNSIGNED)


def test_forms():
    assert form_of("UNSIGNED-PAYLOAD") is None
    assert form_of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD") == Form(signed=True, trailer=False)
    with pytest.raises(AwsError, match="NotImplemented"):
        form_of("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")
