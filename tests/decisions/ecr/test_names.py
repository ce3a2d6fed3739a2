"""Names of repositories and images; no name leads out of its own folder."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.ecr import names
from ecsd.decisions.ecr.names import Place, Reference

PLACE = Place("000000000000", "us-east-1", "team/app")
DIGEST = f"sha256:{'0' * 64}"
REGISTRY = "localhost:4766"


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app:1", Reference(PLACE, "1", "")),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app", Reference(PLACE, "", "")),
        (
            f"000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app:1@{DIGEST}",
            Reference(PLACE, "1", DIGEST),
        ),
        (
            "000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1",
            Reference(Place("000000000000", "cn-north-1", "app"), "1", ""),
        ),
        ("public.ecr.aws/docker/library/nginx:1", None),
        ("nginx:1", None),
        ("00000000000.dkr.ecr.us-east-1.amazonaws.com/app:1", None),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/App:1", None),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com.evil.example/app:1", None),
        ("000000000000.dkr.ecr.us-east-1.amazonaws.com/../app:1", None),
    ],
)
def test_what_an_image_of_aws_means(image, wanted):
    assert names.aws_reference(image) == wanted


def test_what_an_image_of_ours_means():
    image = f"{REGISTRY}/000000000000/us-east-1/team/app:1"
    assert names.own_reference(image, REGISTRY) == Reference(PLACE, "1", "")
    assert names.own_reference(image, "localhost:4767") is None
    assert names.own_reference(f"{REGISTRY}/team/app:1", REGISTRY) is None
    assert names.own_reference(f"{REGISTRY}/000000000000/us-east-1/../x:1", REGISTRY) is None
    assert names.is_private_image(image)
    assert not names.is_private_image("localhost:5000/team/app:1")


def test_how_dockerd_is_told():
    own = f"{REGISTRY}/000000000000/us-east-1/team/app"
    assert Reference(PLACE, "1", "").at(REGISTRY) == f"{own}:1"
    assert Reference(PLACE, "", "").at(REGISTRY) == f"{own}:latest"
    assert Reference(PLACE, "1", DIGEST).at(REGISTRY) == f"{own}@{DIGEST}"


@given(st.from_regex(names.NAME, fullmatch=True).filter(lambda one: len(one) < 200))
def test_a_name_goes_to_the_registry_and_back(name):
    place = Place("123456789012", "eu-west-3", name)
    assert names.fits(place)
    assert names.place_of(place.path) == place
    image = f"123456789012.dkr.ecr.eu-west-3.amazonaws.com/{name}:v1"
    reference = names.aws_reference(image)
    assert reference == Reference(place, "v1", "")
    assert names.own_reference(reference.at(REGISTRY), REGISTRY) == reference


hostile = st.lists(
    st.sampled_from(["..", ".", "", "a", "_layers", "/", "%2e%2e", "\n", "\0", "a b", "A", "-"]),
    max_size=6,
).map("/".join) | st.text(max_size=30)


@given(hostile)
def test_no_path_leads_out_of_the_registrys_folder(text):
    place = names.place_of(f"000000000000/us-east-1/{text}")
    if place is not None:
        parts = PurePosixPath(place.path).parts
        assert len(parts) >= 3
        assert not any(part in {"..", "."} or part.startswith(("_", "/")) for part in parts)
        assert place.path == "/".join(parts)
    assert names.place_of(text) is None or text.startswith(tuple("0123456789"))


def test_a_name_that_the_registry_cannot_hold_is_none():
    assert names.place_of(f"000000000000/us-east-1/{'a' * 232}") is not None
    assert names.place_of(f"000000000000/us-east-1/{'a' * 233}") is None
