"""Objects read inside the server."""

import pytest

from ecsd.errors import AwsError
from ecsd.store.object_reading import read_object


async def test_an_object_is_read_whole_or_refused(ask, store, blobs, versioned):
    first = (await ask("PutObject", Bucket=versioned, Key="k", Body=b"one"))["VersionId"]
    await ask("PutObject", Bucket=versioned, Key="k", Body=b"three")

    async def read(*where, most=5):
        return await read_object(store, blobs, where, most)

    assert await read(versioned, "k", None) == b"three"
    assert await read(versioned, "k", first) == b"one"
    for where, code in (
        (("nobody", "k", None), "NoSuchBucket"),
        ((versioned, "none", None), "NoSuchKey"),
        ((versioned, "k", "none"), "NoSuchVersion"),
    ):
        with pytest.raises(AwsError, match=code):
            await read(*where)
    with pytest.raises(AwsError, match="EntityTooLarge"):
        await read(versioned, "k", None, most=4)
