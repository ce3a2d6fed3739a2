"""Certificates and lists of them as files that one HAProxy reads, and what it has read.

Source: HAProxy 2.6 Configuration Manual, crt-list.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ecsd.certificates.private_files import write_private
from ecsd.decisions.haproxy.config import Config
from ecsd.errors import BalancerError

KINDS = ("a-*.pem", "c-*.pem", "l-*.list", "r-*.pem")


class BalancerFiles:
    """The files of one folder. A new object does not know what HAProxy serves: it asks for all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._served: dict[str, str] = {}  # path → digest of what HAProxy serves from it

    def write(self, config: Config) -> None:
        """Let the files say what is wanted, before HAProxy is to read them.

        Raises:
            BalancerError: the disk refuses.
        """
        try:
            self._folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            for path, content in {**config.lists, **config.certificates}.items():
                write_private(Path(path), content.encode(), lasting=False)
        except OSError as error:
            raise BalancerError(f"certificates cannot be written: {error}") from error

    def enter(self, config: Config) -> None:
        """Note that HAProxy has read them all; remove those of an earlier configuration."""
        self._served = {path: _digest(pem) for path, pem in config.certificates.items()}
        wanted = {*config.lists, *config.certificates}
        for kind in KINDS:
            for file in self._folder.glob(kind):
                if str(file) not in wanted:
                    file.unlink()

    def stale(self, config: Config) -> Mapping[str, str]:
        """Return path → PEM of certificates that HAProxy may serve in another form, or not yet."""
        return {
            path: pem
            for path, pem in config.certificates.items()
            if self._served.get(path) != _digest(pem)
        }

    def serves(self, path: str, pem: str) -> None:
        """Note that HAProxy serves this."""
        self._served[path] = _digest(pem)


def _digest(pem: str) -> str:
    return sha256(pem.encode()).hexdigest()
