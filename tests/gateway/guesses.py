"""Values for requests that pass the models' checks now and then, and name what may exist."""

import json
import re
from functools import cache

from botocore_judge import Values, compile_models

ALLOW = {"Effect": "Allow", "Action": "sts:AssumeRole"}
TASKS = {"Principal": {"Service": "ecs-tasks.amazonaws.com"}}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{**ALLOW, **TASKS}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{**ALLOW, "Resource": "*"}]})
STRINGS = [
    "",
    " ",
    "default",
    "web",
    "web:1",
    "lines",
    "role",
    "*",
    "::::",
    "arn:aws:ecs",
    "arn:aws:ecs:us-east-1:000000000000:cluster/default",
    "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1",
    "arn:aws:ecs:eu-west-9:1:service/a/b/c/d",
    "arn:aws:iam::000000000000:role/role",
    "10.0.0.0/16",
    "10.0.0.0/99",
    "300.1.1.1",
    "vpc-0",
    "-1",
    "99999999999999999999",
    "{}",
    TRUST,
    POLICY,
    "[",
    "name=x",
    "é\u200b\U0001f600",
    "../../etc/passwd",
    "x" * 300,
]
HINTS = {
    "vpcid": "vpc-",
    "namespaceid": "ns-",
    "serviceid": "srv-",
    "subnetid": "subnet-",
    "securitygroupid": "sg-",
    "groupid": "sg-",
    "networkinterfaceid": "eni-",
    "internetgatewayid": "igw-",
    "routetableid": "rtb-",
    "allocationid": "eipalloc-",
    "loadbalancerarn": ":loadbalancer/",
    "targetgrouparn": ":targetgroup/",
    "listenerarn": ":listener/",
    "arntype": ":policy/",
    "rolename": "role",
    "cidr": "10.0.",
    "policydocument": "Statement",
    "loggroup": "lines",
    "logstream": "web",
}


class Guesses(Values):
    """Values that pass the model's checks now and then, and name what may exist."""

    def __init__(self, seed, known):
        super().__init__(seed)
        self.strings = (*STRINGS, *known)

    def _structure(self, shape, above, full):
        out = super()._structure(shape, above, full)
        for name in [name for name in out if name not in shape.required_members]:
            if name == "DryRun" or (not full and self.random.random() < 0.5):
                del out[name]  # few members at a time combine better
        return out

    def _string(self, shape, _above=(), _full=False):
        if shape.enum:
            return self.random.choice([*shape.enum, *shape.enum, "MOON"])
        limits = shape.metadata
        bounds = limits.get("min", 0), limits.get("max"), limits.get("pattern", "")
        hinted, fitting = candidates(self.strings, shape.name.lower(), *bounds)
        if hinted and self.random.random() < 0.7:
            return self.random.choice(hinted)
        wild = not fitting or self.random.random() < 0.1
        return self.random.choice(self.strings if wild else fitting)


@cache
def candidates(strings, shape, low, high, pattern):
    """What the model allows there, what it is named after first."""
    fitting = [text for text in strings if meets(low, high, pattern, text)]
    return [text for text in fitting if named_like(shape, text)], fitting


def named_like(shape, text):
    """Whether the text is an id or ARN of what the shape is named after."""
    for word, mark in HINTS.items():
        if word in shape:
            return mark in text
    return False


def meets(low, high, pattern, text):
    if len(text) < low or (high is not None and len(text) > high):
        return False
    return not pattern or re.fullmatch(compile_models.translate_pattern(pattern), text) is not None
