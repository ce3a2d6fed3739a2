"""Strict mode's root credentials: the settings', or those that the first start made.

The file is readable by its owner alone; whoever may read it is root of every account.
"""

import msgspec

from ecsd.certificates.private_files import write_private
from ecsd.errors import EcsdError
from ecsd.ids import LONG_TERM, IdSource
from ecsd.processes import paths
from ecsd.settings import Settings


class RootKey(msgspec.Struct, frozen=True):
    """What is kept in the file."""

    access_key_id: str
    secret_access_key: str


def with_root_key(settings: Settings) -> Settings:
    """Return the settings with the kept credentials, where strict mode needs them and has none.

    Raises:
        EcsdError: the file is damaged.
    """
    if not _wanted(settings):
        return settings
    file = paths.root_key(settings)
    try:
        key = msgspec.json.decode(file.read_bytes(), type=RootKey)
    except (FileNotFoundError, PermissionError):
        return settings  # the first start, or somebody who is not the operator
    except msgspec.DecodeError as error:
        raise EcsdError(f"{file} holds no credentials: {error}") from error
    return msgspec.structs.replace(
        settings, access_key_id=key.access_key_id, secret_access_key=key.secret_access_key
    )


def make_root_key(settings: Settings, ids: IdSource) -> RootKey | None:
    """Make and keep root credentials; None where they are given or were made before."""
    if not _wanted(settings) or paths.root_key(settings).exists():
        return None
    key = RootKey(ids.access_key_id(LONG_TERM), ids.secret(40))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    write_private(paths.root_key(settings), msgspec.json.encode(key))
    return key


def _wanted(settings: Settings) -> bool:
    given = settings.access_key_id or settings.secret_access_key
    return settings.mode == "strict" and not given
