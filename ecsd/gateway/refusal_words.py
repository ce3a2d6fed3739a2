"""A request that may not pass, refused as each service's front door does it.

Our own names of refusals are those of the query protocol; JSON services, EC2 and S3 have others,
with other HTTP statuses. Source: Common Errors of the services' API references; EC2 and S3 lists of
error codes; answers that SDKs have on record.
"""

from typing import NamedTuple

from ecsd.errors import AwsError
from ecsd.protocol.query_codec import Ec2Codec, QueryCodec
from ecsd.protocol.rest_codec import RestJsonCodec, RestXmlCodec
from ecsd.protocol.wire import Route


class Said(NamedTuple):
    """A code and a status; a message where the service tells less than we do."""

    code: str
    status: int
    message: str = ""


NOT_VALIDATED = "AWS was not able to validate the provided access credentials"
QUERY = {
    "IncompleteSignature": Said("IncompleteSignature", 400),
    "RequestExpired": Said("SignatureDoesNotMatch", 403),
}
JSON = {
    "MissingAuthenticationToken": Said("MissingAuthenticationTokenException", 400),
    "IncompleteSignature": Said("IncompleteSignatureException", 400),
    "InvalidClientTokenId": Said("UnrecognizedClientException", 400),
    "ExpiredToken": Said("ExpiredTokenException", 400),
    "RequestExpired": Said("InvalidSignatureException", 400),
    "SignatureDoesNotMatch": Said("InvalidSignatureException", 400),
    "AccessDenied": Said("AccessDeniedException", 400),
}
REST_JSON = {name: said._replace(status=403) for name, said in JSON.items()}
EC2 = {
    "MissingAuthenticationToken": Said("AuthFailure", 401, NOT_VALIDATED),
    "IncompleteSignature": Said("AuthFailure", 401),
    "InvalidClientTokenId": Said("AuthFailure", 401, NOT_VALIDATED),
    "ExpiredToken": Said("RequestExpired", 400, "Request has expired."),
    "RequestExpired": Said("RequestExpired", 400),
    "SignatureDoesNotMatch": Said("AuthFailure", 401, NOT_VALIDATED),
    "AccessDenied": Said("UnauthorizedOperation", 403),
}
S3 = {
    "MissingAuthenticationToken": Said("AccessDenied", 403, "Access Denied"),
    "IncompleteSignature": Said("AuthorizationHeaderMalformed", 400),
    "InvalidClientTokenId": Said(
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "ExpiredToken": Said("ExpiredToken", 400, "The provided token has expired."),
    "RequestExpired": Said("RequestTimeTooSkewed", 403),
    "ExpiredPresigned": Said("AccessDenied", 403),
    "AccessDenied": Said("AccessDenied", 403),
}


def in_words_of(route: Route, error: AwsError) -> AwsError:
    """Return a refusal of the gateway as the service would say it."""
    said = _words(route).get(error.code)
    if said is None:
        return error
    message = said.message or error.message
    if said.code == "UnauthorizedOperation":
        message = f"You are not authorized to perform this operation. {message}"
    return AwsError(said.code, message, status=said.status)


def _words(route: Route) -> dict[str, Said]:
    if route.service == "s3":
        return S3
    if isinstance(route.codec, Ec2Codec):
        return EC2
    if isinstance(route.codec, QueryCodec | RestXmlCodec):
        return QUERY
    return REST_JSON if isinstance(route.codec, RestJsonCodec) else JSON
