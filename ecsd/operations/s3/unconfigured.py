"""What a bucket may have on AWS and has not here: told as of a bucket where nobody set it up.

Setting it up is refused: those operations are not implemented.
Source: S3 API Reference, List of error codes.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ecsd.errors import AwsError
from ecsd.operations.call import Call, operation
from ecsd.operations.s3.requests import not_supported, owned

MISSING = {
    "GetBucketCors": ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    "GetBucketWebsite": (
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ),
    "GetBucketReplication": (
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ),
    "GetObjectLockConfiguration": (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    "GetBucketAnalyticsConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "GetBucketIntelligentTieringConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "GetBucketInventoryConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
    "GetBucketMetricsConfiguration": (
        "NoSuchConfiguration",
        "The specified configuration does not exist.",
    ),
}
EMPTY: Mapping[str, Mapping[str, Any]] = {
    "GetBucketAbac": {"AbacStatus": {"Status": "Disabled"}},
    "GetBucketAccelerateConfiguration": {},
    "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
    "ListBucketAnalyticsConfigurations": {"IsTruncated": False},
    "ListBucketIntelligentTieringConfigurations": {"IsTruncated": False},
    "ListBucketInventoryConfigurations": {"IsTruncated": False},
    "ListBucketMetricsConfigurations": {"IsTruncated": False},
    "DeleteBucketCors": {},
    "DeleteBucketReplication": {},
    "DeleteBucketWebsite": {},
}


def _absent(code: str, message: str) -> Callable[[Call, Any], Awaitable[Mapping[str, Any]]]:
    async def refuse(call: Call, request: dict[str, Any]) -> Mapping[str, Any]:
        name = owned(call, request).bucket.name
        raise AwsError(code, message, status=404, details={"BucketName": name})

    return refuse


def _nothing(answer: Mapping[str, Any]) -> Callable[[Call, Any], Awaitable[Mapping[str, Any]]]:
    async def tell(call: Call, request: dict[str, Any]) -> Mapping[str, Any]:
        owned(call, request)
        return answer

    return tell


for _name, _error in MISSING.items():
    operation("s3", _name)(_absent(*_error))
for _name, _answer in EMPTY.items():
    operation("s3", _name)(_nothing(_answer))


@operation("s3", "PutBucketRequestPayment")
async def put_bucket_request_payment(call: Call, request: dict[str, Any]) -> dict[str, Any]:
    """Let the owner pay, as ever."""
    owned(call, request)
    payer = request["RequestPaymentConfiguration"]["Payer"]
    if payer != "BucketOwner":
        raise not_supported(f"RequestPaymentConfiguration.Payer {payer}")
    return {}
