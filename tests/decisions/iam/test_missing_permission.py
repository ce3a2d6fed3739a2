from ecsd.decisions.iam.evaluation import Decision, Outcome, Side
from ecsd.decisions.iam.missing_permission import missing_permission
from ecsd.decisions.iam.wording import refusal

ROLE = "arn:aws:sts::000000000000:assumed-role/pulls/0123"


def test_a_refusal_says_what_is_missing():
    lacking = Decision(Outcome.IMPLICIT_DENY, Side.IDENTITY)
    words = refusal(lacking, ROLE, "ecr:GetAuthorizationToken", "*")
    found = missing_permission(f"ResourceInitializationError: AccessDeniedException: {words}")
    assert found.fact() == "role pulls lacks ecr:GetAuthorizationToken on *"


def test_a_denial_is_told_from_what_nobody_allows():
    denied = Decision(Outcome.EXPLICIT_DENY, Side.RESOURCE)
    user = "arn:aws:iam::000000000000:user/bob"
    words = refusal(denied, user, "ecr:BatchGetImage", "arn:aws:ecr:us-east-1:1:repository/app")
    assert missing_permission(words).fact() == (
        f"{user} is denied ecr:BatchGetImage on arn:aws:ecr:us-east-1:1:repository/app"
    )


def test_other_words_are_none():
    assert missing_permission("CannotPullContainerError: not found") is None
