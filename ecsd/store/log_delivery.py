"""Who delivers load balancers' logs, and whether a bucket lets them.

Elastic Load Balancing is named by buckets' policies as a service or, as it was before August 2022,
as an account of AWS. Source: Application Load Balancers guide, enable access logs.
"""

from datetime import datetime

from ecsd.decisions.iam.evaluation import Policies, Request, Source, decide
from ecsd.decisions.iam.principal import Principal, PrincipalKind
from ecsd.decisions.iam.statement import compile_policy
from ecsd.decisions.telemetry.log_place import SERVICE, LogPlace, deliverers
from ecsd.ids import IdSource
from ecsd.records.iam.session import Session
from ecsd.store.finders.s3 import find_bucket
from ecsd.store.sessions import Seal, new_session
from ecsd.store.store import Store

SESSION_SECONDS = 6 * 3600


def log_deliverers(region: str) -> list[Principal]:
    """Return everybody as whom Elastic Load Balancing delivers logs in a region."""
    return [
        Principal(PrincipalKind.SERVICE, one)
        if one == SERVICE
        else Principal(PrincipalKind.ROOT, f"arn:aws:iam::{one}:root", one, one)
        for one in deliverers(region)
    ]


def fault_of_place(
    store: Store, place: LogPlace, load_balancer_arn: str, *, judged: bool
) -> str | None:
    """Return why a balancer's logs cannot be delivered to a place, in AWS's words; None: they can.

    judged: the bucket's policy has to allow it.
    """
    denied = f"Access Denied for bucket: {place.bucket}. Please check S3bucket permission"
    found = find_bucket(store, place.bucket)
    if found is None:
        return denied
    _, _, _, region, account, _ = load_balancer_arn.split(":", 5)
    if found.bucket.region != region:
        return (
            f"The bucket {place.bucket} is in {found.bucket.region}: it must be in the load "
            f"balancer's region, {region}"
        )
    if not judged:
        return None
    resource = f"{found.bucket.arn}/{place.folder}logs"
    policy = found.bucket.policy
    source = Source(compile_policy(policy), found.bucket.arn, "resource") if policy else None
    context = {
        "aws:sourceaccount": (account,),
        "aws:sourcearn": (load_balancer_arn,),
        "aws:securetransport": ("true",),
        "s3:x-amz-acl": ("bucket-owner-full-control",),
    }
    for principal in log_deliverers(region):
        asked = Request(principal, "s3:PutObject", resource, context, found.scope.account)
        if decide(asked, Policies(resource=source)).allowed:
            return None
    return denied


def open_delivery_session(
    load_balancer_arn: str, made_by: tuple[IdSource, Seal, datetime], *, judged: bool
) -> Session:
    """Return a new session for a balancer's logs, to be stored in its account's global scope.

    judged: the bucket's policy counts in local mode too.
    """
    ids, seal, now = made_by
    session, credentials = new_session(
        ids,
        seal,
        now,
        SESSION_SECONDS,
        arn=SERVICE,
        user_id=SERVICE,
        role_name=None,
        load_balancer_arn=load_balancer_arn,
        is_judged=judged,
    )
    return session.with_token(seal.seal(credentials.session_token, session.access_key_id))
