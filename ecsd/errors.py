"""What can go wrong, by name.

Two families. ``AwsError`` is the client's fault, told in AWS's words. ``EcsdError`` is a part of
this system that refused; it ends as a ``stoppedReason``, a service event or a doctor's finding.
Anything else is a bug and reaches the one boundary (gateway or work queue) with its traceback.
"""

from collections.abc import Mapping
from typing import Any


class AwsError(Exception):
    """A refusal in AWS's shape.

    Attributes:
        code: the error code that SDKs see, such as ``ClusterNotFoundException``.
        message: AWS's sentence; it names the member that is wrong.
        status: HTTP status; 400 unless AWS documents another.
        details: further members of the error shape, such as ``resourceIds``.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.details = dict(details or {})


class EcsdError(Exception):
    """A part of the system said no; the text is its reason."""


class StoreError(EcsdError):
    """The store could not make a change durable (disk full, I/O error); nothing was kept."""


class EngineError(EcsdError):
    """Docker Engine refused or did not answer. The text begins with the agent's error name."""


class NetworkError(EcsdError):
    """The kernel refused a namespace, link, route or packet filter."""


class FileSystemError(EcsdError):
    """The host refused a folder, a mount or a measurement of EFS."""


class BalancerError(EcsdError):
    """HAProxy refused a configuration, or is not there."""


class RegistryError(EcsdError):
    """The registry of images does not run, or could not collect what it no longer needs."""


class UpstreamError(EcsdError):
    """The registry behind a pull through cache did not give what was asked for."""


class FunctionError(EcsdError):
    """A Lambda function, or whoever runs it, said something else than an answer."""


class CertificateError(EcsdError):
    """The local authority or the seal on private keys is damaged; or a key does not open."""


class LinkError(EcsdError):
    """The other end of the server-agent link is away or spoke nonsense."""
