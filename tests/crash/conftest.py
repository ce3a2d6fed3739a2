"""The crash tests use a whole ecsd and an account, as the integration tests do."""

from tests.integration.conftest import account, ecsd

__all__ = ["account", "ecsd"]
