"""What an account may have in a region."""

from ecsd.operations.call import Call
from ecsd.operations.ec2.action import Answer, Request, action
from ecsd.operations.ec2.limits import MAX_ELASTIC_ADDRESSES, MAX_GROUPS_PER_INTERFACE
from ecsd.store.finders.ec2 import default_vpc


@action("DescribeAccountAttributes", "AttributeNames")
async def describe_account_attributes(call: Call, request: Request) -> Answer:
    """Return the limits that are enforced here, and the default VPC's id or ``none``."""
    default = default_vpc(call.view)
    attributes = {
        "supported-platforms": "VPC",
        "default-vpc": default.vpc_id if default else "none",
        "vpc-max-security-groups-per-interface": str(MAX_GROUPS_PER_INTERFACE),
        "max-elastic-ips": str(MAX_ELASTIC_ADDRESSES),
        "vpc-max-elastic-ips": str(MAX_ELASTIC_ADDRESSES),
    }
    wanted = request.get("AttributeNames") or list(attributes)
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value}]}
            for name, value in attributes.items()
            if name in wanted
        ]
    }
