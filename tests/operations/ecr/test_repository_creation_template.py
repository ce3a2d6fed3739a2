"""Repository creation templates: kept, changed member by member, refused by name."""

import json

import pytest

TEAM = [{"Key": "team", "Value": "a"}]
POLICY = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}
)
SELECTION = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}
LIFECYCLE = json.dumps(
    {"rules": [{"rulePriority": 1, "selection": SELECTION, "action": {"type": "expire"}}]}
)
CACHE = {"prefix": "hub", "appliedFor": ["PULL_THROUGH_CACHE"]}


async def test_a_template_is_made_shown_changed_and_removed(ask, refused, clock):
    answer = await ask(
        "CreateRepositoryCreationTemplate",
        **CACHE,
        description="of the hub",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "latest"}],
        repositoryPolicy=POLICY,
        lifecyclePolicy=LIFECYCLE,
        resourceTags=TEAM,
        encryptionConfiguration={"encryptionType": "AES256"},
    )
    made = answer["repositoryCreationTemplate"]
    assert answer["registryId"] == "000000000000"
    assert made == {
        "prefix": "hub",
        "description": "of the hub",
        "encryptionConfiguration": {"encryptionType": "AES256"},
        "resourceTags": TEAM,
        "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "latest"}],
        "repositoryPolicy": POLICY,
        "lifecyclePolicy": LIFECYCLE,
        "appliedFor": ["PULL_THROUGH_CACHE"],
        "createdAt": clock.now(),
        "updatedAt": clock.now(),
    }
    again = await refused("CreateRepositoryCreationTemplate", **CACHE)
    assert again.code == "TemplateAlreadyExistsException"
    clock.move(hours=1)
    await ask(
        "UpdateRepositoryCreationTemplate",
        prefix="hub/",
        imageTagMutability="MUTABLE",
        repositoryPolicy="",
    )
    shown = await ask("DescribeRepositoryCreationTemplates", prefixes=["hub"])
    (one,) = shown["repositoryCreationTemplates"]
    gone = ("imageTagMutabilityExclusionFilters", "repositoryPolicy")
    kept = {name: value for name, value in made.items() if name not in gone}
    assert one == kept | {"imageTagMutability": "MUTABLE", "updatedAt": clock.now()}
    other = await ask("DescribeRepositoryCreationTemplates", prefixes=["other"])
    assert other["repositoryCreationTemplates"] == []
    await ask("DeleteRepositoryCreationTemplate", prefix="hub")
    for name in ("Delete", "Update"):
        error = await refused(f"{name}RepositoryCreationTemplate", prefix="hub")
        assert error.code == "TemplateNotFoundException"


async def test_no_more_than_fifty(ask, refused):
    for number in range(50):
        await ask("CreateRepositoryCreationTemplate", **CACHE | {"prefix": f"p{number:02}"})
    over = await refused("CreateRepositoryCreationTemplate", **CACHE)
    assert over.code == "LimitExceededException"
    page = await ask("DescribeRepositoryCreationTemplates", maxResults=20)
    assert len(page["repositoryCreationTemplates"]) == 20
    assert "nextToken" in page


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"appliedFor": ["PULL_THROUGH_CACHE", "REPLICATION"]}, "appliedFor REPLICATION"),
        ({"appliedFor": ["CREATE_ON_PUSH"]}, "appliedFor CREATE_ON_PUSH"),
        ({"customRoleArn": "arn:aws:iam::0:role/x"}, "customRoleArn"),
        ({"encryptionConfiguration": {"encryptionType": "KMS"}}, "encryptionType KMS"),
        ({"imageTagMutability": "MUTABLE_WITH_EXCLUSION"}, "imageTagMutability"),
        (
            {
                "imageTagMutabilityExclusionFilters": [
                    {"filterType": "WILDCARD", "filter": "latest"}
                ]
            },
            "imageTagMutabilityExclusionFilters",
        ),
        ({"repositoryPolicy": "{"}, "repositoryPolicy"),
        ({"lifecyclePolicy": "{}"}, "lifecyclePolicy"),
    ],
)
async def test_what_a_template_cannot_say(ask, refused, more, words):
    error = await refused("CreateRepositoryCreationTemplate", **CACHE | more)
    assert error.code == "InvalidParameterException"
    assert words in error.message
    await ask("CreateRepositoryCreationTemplate", **CACHE)
    error = await refused("UpdateRepositoryCreationTemplate", prefix="hub", **more)
    assert words in error.message
