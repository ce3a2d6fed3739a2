"""Ciphertexts: what was sealed opens with the same material, head and context alone."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.kms.ciphertext import associated, parse, seal, unseal

materials = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=12, max_size=12)
places = st.tuples(st.uuids(version=4).map(str), st.integers(0, 2**32 - 1))
contexts = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


@given(materials, places, nonces, st.binary(max_size=100), contexts)
def test_a_blob_says_its_key_and_opens(material, place, nonce, text, context):
    blob = seal(material, place, nonce, text, associated(context)).blob
    given = parse(blob)
    assert (given.key_id, given.number, given.nonce) == (*place, nonce)
    assert unseal(material, given, associated(context)) == text


@given(materials, places, nonces, st.binary(max_size=40), st.data())
def test_a_changed_bit_never_opens(material, place, nonce, text, data):
    blob = bytearray(seal(material, place, nonce, text, b"").blob)
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    given = parse(bytes(blob))
    assert given is None or unseal(material, given, b"") is None


@given(contexts, contexts)
def test_contexts_are_told_apart(one, other):
    assert (associated(one) == associated(other)) is (one == other)


@given(st.binary(max_size=80))
def test_any_bytes_are_taken_apart_or_refused(blob):
    given = parse(blob)
    assert given is None or given.blob == blob


def test_the_key_id_is_written_as_a_uuid():
    place = ("0a1b2c3d-0a1b-4c3d-8e5f-0a1b2c3d4e5f", 3)
    given = parse(seal(b"k" * 32, place, b"n" * 12, b"", b"").blob)
    assert str(uuid.UUID(given.key_id)) == place[0]
