"""Where a load balancer's logs go: buckets, names of objects, and who delivers them.

Source: Application Load Balancers guide, access log files, connection log files, enable access logs
(bucket policy).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"  # who delivers, in buckets' policies
# Accounts of Elastic Load Balancing that older policies name, in regions from before August 2022.
ACCOUNTS = {
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
    "af-south-1": "098369216593",
    "ap-east-1": "754344448648",
    "ap-southeast-3": "589379963580",
    "ap-south-1": "718504428378",
    "ap-northeast-3": "383597477331",
    "ap-northeast-2": "600734575887",
    "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266",
    "ap-northeast-1": "582318560864",
    "ca-central-1": "985666609251",
    "eu-central-1": "054676820928",
    "eu-west-1": "156460612806",
    "eu-west-2": "652711504416",
    "eu-south-1": "635631232127",
    "eu-west-3": "009996457667",
    "eu-north-1": "897822967062",
    "me-south-1": "076674570225",
    "sa-east-1": "507241528517",
}


class LogKind(NamedTuple):
    """One kind of log. attributes: how its attributes begin; head: how objects' names begin."""

    attributes: str
    head: str
    test_file: str


ACCESS = LogKind("access_logs.s3", "", "ELBAccessLogTestFile")
CONNECTIONS = LogKind("connection_logs.s3", "conn_log.", "ELBConnectionLogTestFile")
KINDS = {"access": ACCESS, "connection": CONNECTIONS}


class LogPlace(NamedTuple):
    """A bucket, and what objects' names begin with; ``folder`` ends with a slash."""

    bucket: str
    folder: str


def log_place(kind: LogKind, attributes: Mapping[str, str], load_balancer_arn: str) -> LogPlace:
    """Return where a balancer's attributes have a kind of log go, be it enabled or not."""
    account = load_balancer_arn.split(":")[4]
    prefix = attributes.get(f"{kind.attributes}.prefix", "").strip("/")
    bucket = attributes.get(f"{kind.attributes}.bucket", "")
    return LogPlace(bucket, f"{f'{prefix}/' if prefix else ''}AWSLogs/{account}/")


def is_enabled(kind: LogKind, attributes: Mapping[str, str]) -> bool:
    """Tell whether a kind of log is kept."""
    return attributes.get(f"{kind.attributes}.enabled") == "true"


def balancer_id(load_balancer_arn: str) -> str:
    """Return what logs call a balancer: ``app/NAME/ID``."""
    return load_balancer_arn.partition(":loadbalancer/")[2]


def object_name(
    kind: LogKind, place: LogPlace, load_balancer_arn: str, end: datetime, unique: tuple[str, str]
) -> str:
    """Return the name of an object of log lines.

    Args:
        kind: of log.
        place: where it goes.
        load_balancer_arn: whose log it is.
        end: of the time that it covers, UTC.
        unique: the address of the node that wrote it, and a text that no other object has.
    """
    _, _, _, region, account, _ = load_balancer_arn.split(":", 5)
    address, random = unique
    name = balancer_id(load_balancer_arn).replace("/", ".")
    return (
        f"{place.folder}elasticloadbalancing/{region}/{end:%Y/%m/%d}/"
        f"{kind.head}{account}_elasticloadbalancing_{region}_{name}_"
        f"{end:%Y%m%dT%H%MZ}_{address}_{random}.log.gz"
    )


def trial_words(load_balancer_arn: str, now: datetime) -> str:
    """Return what is in the object that says that logs can be delivered."""
    return f"Enable AccessLog for ELB: {balancer_id(load_balancer_arn)} at {now:%Y-%m-%dT%H:%M:%SZ}"


def deliverers(region: str) -> tuple[str, ...]:
    """Return whom a bucket's policy may name for logs to be delivered: a service, an account."""
    account = ACCOUNTS.get(region)
    return (SERVICE, account) if account else (SERVICE,)
