"""The order of kinds that have one, whatever comes and goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.clock import VIRTUAL_START
from ecsd.records.ecs.cluster import Cluster
from ecsd.records.s3.stored_object import StoredObject
from ecsd.store.documents import Documents
from ecsd.store.scope import Scope

SCOPE, OTHER = Scope("0" * 12, "r"), Scope("1" * 12, "r")
PLACES = st.text(alphabet="ab/\0\x01é", max_size=3)


def stored(place):
    return StoredObject(place=place, bucket="b", name="n", modified_at=VIRTUAL_START)


@given(st.lists(st.tuples(st.booleans(), PLACES)), PLACES, st.integers(0, 5))
def test_what_follows_is_the_least_that_is_not_below(changes, start, asked_after):
    documents, model = Documents(), set()
    documents.replace(StoredObject, OTHER, "a", stored("a"))
    for number, (put, place) in enumerate(changes):
        if number == asked_after:
            documents.following(StoredObject, SCOPE, "")  # the order is made once it is asked for
        documents.replace(StoredObject, SCOPE, place, stored(place) if put else None)
        (model.add if put else model.discard)(place)
    found = documents.following(StoredObject, SCOPE, start)
    wanted = min((place for place in model if place >= start), default=None)
    assert (found.place if found else None) == wanted


def test_a_kind_without_an_order_says_so():
    with pytest.raises(LookupError, match="no order"):
        Documents().following(Cluster, SCOPE, "")
