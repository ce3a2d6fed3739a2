"""Settings as the environment gives them."""

import pytest

from ecsd.settings import Settings


def mirrors(text):
    return Settings.from_environment({"ECSD_ECR_UPSTREAMS": text}).ecr_mirrors


def test_registries_that_are_asked_elsewhere():
    assert mirrors("") == {}
    assert mirrors("quay.io=http://127.0.0.1:5000,ghcr.io=https://[::1]:5001") == {
        "quay.io": "http://127.0.0.1:5000",
        "ghcr.io": "https://[::1]:5001",
    }


@pytest.mark.parametrize(
    "text",
    ["quay.io", "quay.io=127.0.0.1:5000", "quay.io=ftp://a", "=http://a", "quay.io=http://a/b?c"],
)
def test_a_place_that_is_none_is_refused(text):
    with pytest.raises(SystemExit, match="ecr_upstreams must be like"):
        mirrors(text)
