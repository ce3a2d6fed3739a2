"""nftables by its own library, in this process: no program is started for a changed rule.

A context belongs to the namespace in which it was made and may be used from any thread after. One
thread at a time is in the library, whatever the context: two that share a context read each other's
answers, upon which the library ends the process.
Source: network.md 2; libnftables(3).
"""

import ctypes
import json
import re
import tempfile
import threading
from typing import Any

from ecsd.errors import NetworkError

JSON = 1 << 4  # NFT_CTX_OUTPUT_JSON
NUMERIC_PROTOCOLS = 1 << 7  # NFT_CTX_OUTPUT_NUMERIC_PROTO
INSIDE = threading.RLock()


class Nftables:
    """A context. Make it inside the namespace whose packets it is to filter."""

    def __init__(self) -> None:
        library = _library()
        self._library = library
        with INSIDE:
            self._context = library.nft_ctx_new(0)
            if not self._context:
                raise NetworkError("nftables: no context could be made")
            library.nft_ctx_buffer_error(self._context)
            library.nft_ctx_buffer_output(self._context)

    def run(self, commands: str) -> str:
        """Run commands as one transaction; return their output.

        NetworkError with nft's words and the command that they are about.
        """
        with INSIDE:
            if not self._context:  # closed meanwhile: the library would not survive it
                raise NetworkError("nftables: the context is closed")
            code = self._library.nft_run_cmd_from_buffer(self._context, commands.encode())
            words = (self._library.nft_ctx_get_error_buffer(self._context) or b"").decode()
            output = (self._library.nft_ctx_get_output_buffer(self._context) or b"").decode()
            if code != 0:
                raise NetworkError(self._located(commands, words))
        return output

    def table(self, name: str) -> list[dict[str, Any]] | None:
        """Return the objects of a table as ``nft -j`` tells them; None where there is none."""
        with INSIDE:
            if not self._context:
                raise NetworkError("nftables: the context is closed")
            self._library.nft_ctx_output_set_flags(self._context, JSON)
            try:
                found = [one["table"] for one in self._list("tables") if "table" in one]
                if name not in {f"{one['family']} {one['name']}" for one in found}:
                    return None
                return self._list(f"table {name}")
            finally:
                self._library.nft_ctx_output_set_flags(self._context, 0)

    def told(self, what: str) -> list[dict[str, Any]]:
        """Return what ``nft -j list`` tells, protocols by their numbers. NetworkError: no such."""
        with INSIDE:
            if not self._context:
                raise NetworkError("nftables: the context is closed")
            self._library.nft_ctx_output_set_flags(self._context, JSON | NUMERIC_PROTOCOLS)
            try:
                return self._list(what)
            finally:
                self._library.nft_ctx_output_set_flags(self._context, 0)

    def _list(self, what: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads(self.run(f"list {what}"))["nftables"]
        return told

    def _located(self, commands: str, words: str) -> str:
        """Name the refused command: nft tells lines only of files, so it is asked once more so."""
        with tempfile.NamedTemporaryFile("w", prefix="ecsd-", suffix=".nft") as file:
            file.write(commands)
            file.flush()
            self._library.nft_ctx_set_dry_run(self._context, True)
            self._library.nft_run_cmd_from_filename(self._context, file.name.encode())
            self._library.nft_ctx_set_dry_run(self._context, False)
            told = (self._library.nft_ctx_get_error_buffer(self._context) or b"").decode()
            found = re.search(re.escape(file.name) + r":(\d+):\S* (?:Error: )?(.*)", told)
        if found is None:
            return f"nftables: {' '.join(words.split())[:500]}"
        line = commands.splitlines()[int(found[1]) - 1]
        return f"nftables: {found[2]}: {line.strip()[:300]}"

    def close(self) -> None:
        """Release the context."""
        with INSIDE:
            if self._context:
                self._library.nft_ctx_free(self._context)
                self._context = None


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError as error:
        raise NetworkError("libnftables.so.1 is missing: install nftables") from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    library.nft_ctx_buffer_error.argtypes = [ctypes.c_void_p]
    library.nft_ctx_buffer_output.argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_run_cmd_from_filename.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_set_dry_run.argtypes = [ctypes.c_void_p, ctypes.c_bool]
    library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_error_buffer.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_output_buffer.argtypes = [ctypes.c_void_p]
    return library
