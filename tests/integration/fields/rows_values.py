"""Fields whose values are asked for when a task starts: shown by tests of their own."""

from tests.integration.fields.rows import Elsewhere, Row

C = "containerDefinitions[]."
SECRETS = "integration/test_secrets.py::test_secrets_of_both_stores_are_rotated_by_a_deployment"
FILES = "agent/test_startup_values.py::test_every_store_is_asked_once_and_all_at_once"
LOGINS = "agent/test_task_values.py::test_a_private_image_is_pulled_with_its_login"
OPTIONS = "decisions/containers/test_startup_values.py::test_log_options_get_their_secrets"


def rows(member: str, effect: str, test: str, *inner: str) -> list[Row]:
    return [Elsewhere(f"{C}{member}{one}", effect, test) for one in ("", *inner)]


ROWS: list[Row] = [
    *rows("secrets[]", "in the environment, of both stores", SECRETS, ".name", ".valueFrom"),
    *rows(
        "logConfiguration.secretOptions[]",
        "options of the log driver",
        OPTIONS,
        ".name",
        ".valueFrom",
    ),
    *rows(
        "environmentFiles[]",
        "variables of files in S3, behind `environment`",
        FILES,
        ".value",
        ".type",
    ),
    *rows(
        "repositoryCredentials",
        "the pull logs in at the registry",
        LOGINS,
        ".credentialsParameter",
    ),
]
