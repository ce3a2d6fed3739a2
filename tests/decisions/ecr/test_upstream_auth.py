"""Challenges of registries as they are met, and where a token is got."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsd.decisions.ecr.upstream_auth import read_challenge, token_url

HUB = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        (
            HUB + ',scope="repository:library/nginx:pull"',
            "bearer",
            {
                "realm": "https://auth.docker.io/token",
                "service": "registry.docker.io",
                "scope": "repository:library/nginx:pull",
            },
        ),
        ("bearer Realm=https://a/token , service=b", "bearer", {"realm": "https://a/token"}),
        ('Basic realm="a, b"', "basic", {"realm": "a, b"}),
        ("Basic", "basic", {}),
        ("", "", {}),
    ],
)
def test_challenges(header, scheme, parameters):
    read = read_challenge(header)
    assert read.scheme == scheme
    assert parameters.items() <= read.parameters.items()


@pytest.mark.parametrize(
    ("header", "base", "repository", "url"),
    [
        (
            HUB,
            "https://registry-1.docker.io",
            "library/nginx",
            "https://auth.docker.io/token?scope=repository%3Alibrary%2Fnginx%3Apull"
            "&service=registry.docker.io",
        ),
        (HUB, "https://x", "", "https://auth.docker.io/token?service=registry.docker.io"),
        (
            'Bearer realm="https://a/t?x=1"',
            "https://a",
            "b",
            "https://a/t?x=1&scope=repository%3Ab%3Apull",
        ),
        ('Bearer realm="https://a/t"', "https://a", "", "https://a/t"),
        ('Bearer realm="http://a/t"', "https://a", "b", None),  # a password would be read
        ('Bearer realm="http://a/t"', "http://a", "", "http://a/t"),
        ('Bearer realm="file:///etc/passwd"', "http://a", "", None),
        ('Bearer realm="https:///t"', "https://a", "", None),
        ('Bearer realm="https://["', "https://a", "", None),
        ('Bearer service="a"', "https://a", "", None),
    ],
)
def test_where_a_token_is_got(header, base, repository, url):
    assert token_url(read_challenge(header), base, repository) == url


@given(st.text())
def test_any_header_is_read(header):
    url = token_url(read_challenge(header), "https://a", "b")
    assert url is None or url.startswith("https://")
