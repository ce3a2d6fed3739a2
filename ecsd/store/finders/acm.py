"""Look-ups in Certificate Manager: ``require`` refuses in its own words."""

import re

from ecsd.errors import AwsError
from ecsd.records.acm.account_configuration import AccountConfiguration
from ecsd.records.acm.certificate import Certificate
from ecsd.records.elbv2.load_balancer import Listener
from ecsd.store.store import View

ARN = re.compile(r"arn:aws[a-z-]*:acm:([a-z0-9-]+):(\d{12}):certificate/[\w-]+")


def require_certificate(view: View, arn: str) -> Certificate:
    """Return the certificate, or refuse: no ARN of one, or not found."""
    if ARN.fullmatch(arn) is None:
        raise AwsError("InvalidArnException", f"Invalid ARN: {arn} is not a certificate's ARN.")
    found = view.get(Certificate, arn)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Could not find certificate {arn}.")
    return found


def users_of(view: View, certificate_arn: str) -> list[str]:
    """Return the ARNs of the load balancers that serve a certificate."""
    listeners = view.select(Listener, certificate_arns=certificate_arn)
    return sorted({one.load_balancer_arn for one in listeners})


def account_configuration(view: View) -> AccountConfiguration:
    """Return what the account wants; AWS's defaults until it says something."""
    return view.get(AccountConfiguration, "default") or AccountConfiguration()
