"""Where the server keeps objects: a folder of encrypted files, and the key beside it."""

import logging

from ecsd.certificates.private_files import write_private
from ecsd.errors import StoreError
from ecsd.ids import IdSource
from ecsd.records.s3.stored_object import StoredObject, UploadPart
from ecsd.settings import Settings
from ecsd.store.blobs import Blobs
from ecsd.store.object_versions import named_blobs
from ecsd.store.store import Store

log = logging.getLogger(__name__)
FOLDER, KEY_FILE = "objects", "objects.key"
KEY_LENGTH = 32  # bytes: AES-256


def open_blobs(settings: Settings, store: Store, ids: IdSource) -> Blobs:
    """Return the blobs of a data folder, without those that a crash left behind.

    Raises:
        StoreError: the key's file is damaged.
    """
    blobs = Blobs(settings.data_dir / FOLDER, ids, _key(settings, ids))
    objects = (one for _, one in store.everywhere(StoredObject))
    parts = (one for _, one in store.everywhere(UploadPart))
    removed = blobs.sweep(named_blobs(objects, parts))
    if removed:
        log.info("files of objects that were never finished are removed", extra={"count": removed})
    return blobs


def _key(settings: Settings, ids: IdSource) -> bytes:
    path = settings.data_dir / KEY_FILE
    try:
        key = bytes.fromhex(path.read_text())
    except FileNotFoundError:
        if any((settings.data_dir / FOLDER).glob("*/*")):
            log.error("objects cannot be read: their key is gone", extra={"file": str(path)})  # noqa: TRY400 - the file's absence is the whole reason
        key = bytes.fromhex(ids.hexadecimal(2 * KEY_LENGTH))
        write_private(path, key.hex().encode())
    except ValueError:
        key = b""
    if len(key) != KEY_LENGTH:
        raise StoreError(f"{path} is no key: put back the file from a copy of the data folder")
    return key
