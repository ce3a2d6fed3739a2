from msgspec.structs import replace

from ecsd.clock import VIRTUAL_START
from ecsd.decisions.invariants.images import Repositories, check_images
from ecsd.records.ecr.image import Image
from ecsd.records.ecr.repository import Repository

ARN = "arn:aws:ecr:us-east-1:000000000000:repository/app"
REPOSITORY = Repository(arn=ARN, repository_name="app", created_at=VIRTUAL_START)
IMAGE = Image(
    repository_arn=ARN,
    digest="sha256:1",
    media_type="x",
    size=1,
    image_tags=("v1",),
    pushed_at=VIRTUAL_START,
)
LIST = replace(IMAGE, digest="sha256:2", image_tags=("all",), children=("sha256:1",))


def found(repositories, *images):
    return [one.words for one in check_images(Repositories(repositories, images))]


def test_what_fits_together_is_no_finding():
    assert found([REPOSITORY], IMAGE, LIST) == []


def test_what_contradicts_itself_is_found():
    assert found([], IMAGE) == ["is in a repository that does not exist"]
    assert found([REPOSITORY], LIST) == ["lists the image sha256:1, which does not exist"]
    doubled = replace(IMAGE, digest="sha256:3")
    assert found([REPOSITORY], IMAGE, doubled) == ["is the tag of 2 images"]
