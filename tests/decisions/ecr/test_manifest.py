"""Manifests of every kind, and nonsense."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.ecr.manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    digest_of,
    read_manifest,
)


def part(number, size=10):
    return {"mediaType": "application/x", "digest": f"sha256:{number:064x}", "size": size}


def single(media_type=OCI_MANIFEST, **more):
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": part(1, 5),
        "layers": [part(2), part(3)],
    } | more


def read(document, media_type=""):
    return read_manifest(json.dumps(document).encode(), media_type)


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image_rests_on_its_configuration_and_layers(media_type):
    manifest = read(single(media_type), media_type)
    assert manifest.blobs == {part(1)["digest"]: 5, part(2)["digest"]: 10, part(3)["digest"]: 10}
    assert manifest.size == 25
    assert manifest.digest == digest_of(json.dumps(single(media_type)).encode())


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_a_list_names_images(media_type):
    manifest = read({"schemaVersion": 2, "mediaType": media_type, "manifests": [part(7)]})
    assert (manifest.children, manifest.blobs) == ((part(7)["digest"],), {})


def test_a_layer_that_comes_twice_counts_once():
    assert read(single(layers=[part(2), part(2)])).size == 15


def test_an_artifact_says_what_it_is_about():
    manifest = read(single(subject=part(9), artifactType="application/sbom"))
    assert (manifest.subject, manifest.artifact_type) == (part(9)["digest"], "application/sbom")


def test_oci_may_leave_its_type_out():
    document = single()
    del document["mediaType"]
    assert read(document, OCI_MANIFEST).media_type == OCI_MANIFEST
    assert read(document).media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    ("document", "media_type", "words"),
    [
        (single(schemaVersion=1), "", "schemaVersion"),
        (single(DOCKER_MANIFEST), OCI_MANIFEST, "was sent as"),
        (single("application/x"), "", "not supported"),
        (single(layers=None), "", "lacks"),
        (single(config={}), "", "no digest"),
        (single(layers=[part(2, -1)]), "", "size"),
        (single(layers=[part(2, True)]), "", "size"),
        (single(layers=["x"]), "", "no descriptor"),
        (single(subject={"digest": "x"}), "", "no digest"),
        ({"schemaVersion": 2, "mediaType": OCI_INDEX}, "", "no manifests"),
        ([], "", "schemaVersion"),
    ],
)
def test_what_is_wrong_is_told(document, media_type, words):
    assert words in read(document, media_type)


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["schemaVersion", "config", "layers", "manifests", "digest", "size"]
                ),
                inner,
            )
        ),
    ).map(lambda one: json.dumps({"schemaVersion": 2, "layers": one, "config": one}).encode())
)
def test_no_bytes_break_the_reader(content):
    assert isinstance(read_manifest(content, ""), Manifest | str)
