"""Attributes of load balancers, listeners and target groups: defaults, values, what has an effect.

An attribute whose other values would have no effect here is accepted at its default only.
Source: Elastic Load Balancing API Reference, LoadBalancerAttribute, TargetGroupAttribute,
ListenerAttribute; terraform.md 7.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

BOOLEAN = r"true|false"
BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
PREFIX = r"(?!/)(?!.*AWSLogs)[!-~]{1,512}(?<!/)"  # of objects


class Attribute(NamedTuple):
    """A known attribute. pattern: values that may be set; None: the default alone."""

    default: str
    pattern: str | None = None
    least: int = 0
    most: int = 0


def _number(default: str, least: int, most: int) -> Attribute:
    return Attribute(default, r"\d{1,7}", least, most)


LOAD_BALANCER = {
    "access_logs.s3.enabled": Attribute("false", BOOLEAN),
    "access_logs.s3.bucket": Attribute("", BUCKET),
    "access_logs.s3.prefix": Attribute("", PREFIX),
    "connection_logs.s3.enabled": Attribute("false", BOOLEAN),
    "connection_logs.s3.bucket": Attribute("", BUCKET),
    "connection_logs.s3.prefix": Attribute("", PREFIX),
    "health_check_logs.s3.enabled": Attribute("false"),
    "health_check_logs.s3.bucket": Attribute(""),
    "health_check_logs.s3.prefix": Attribute(""),
    "client_keep_alive.seconds": _number("3600", 60, 604800),
    "deletion_protection.enabled": Attribute("false", BOOLEAN),
    "idle_timeout.timeout_seconds": _number("60", 1, 4000),
    "ipv6.deny_all_igw_traffic": Attribute("false"),
    "load_balancing.cross_zone.enabled": Attribute("true"),
    "routing.http.desync_mitigation_mode": Attribute("defensive"),
    "routing.http.drop_invalid_header_fields.enabled": Attribute("false", BOOLEAN),
    "routing.http.preserve_host_header.enabled": Attribute("false", BOOLEAN),
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": Attribute("false", BOOLEAN),
    "routing.http.xff_client_port.enabled": Attribute("false", BOOLEAN),
    "routing.http.xff_header_processing.mode": Attribute("append", "append|preserve|remove"),
    "routing.http2.enabled": Attribute("true", BOOLEAN),
    "waf.fail_open.enabled": Attribute("false"),
    "zonal_shift.config.enabled": Attribute("false"),
}
TARGET_GROUP = {
    "deregistration_delay.timeout_seconds": _number("300", 0, 3600),
    "stickiness.enabled": Attribute("false", BOOLEAN),
    "stickiness.type": Attribute("lb_cookie", "lb_cookie|app_cookie"),
    "stickiness.lb_cookie.duration_seconds": _number("86400", 1, 604800),
    "stickiness.app_cookie.cookie_name": Attribute("", r"[!#$%&'*+.^_`|~0-9A-Za-z-]{0,256}"),
    "stickiness.app_cookie.duration_seconds": _number("86400", 1, 604800),
    "load_balancing.algorithm.type": Attribute(
        "round_robin", "round_robin|least_outstanding_requests|weighted_random"
    ),
    "load_balancing.algorithm.anomaly_mitigation": Attribute("off"),
    "load_balancing.cross_zone.enabled": Attribute(
        "use_load_balancer_configuration", "use_load_balancer_configuration|true"
    ),
    "slow_start.duration_seconds": Attribute("0", r"0|\d{2,3}", 0, 900),
    "target_group_health.dns_failover.minimum_healthy_targets.count": Attribute("1"),
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": Attribute("off"),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": Attribute("1"),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": Attribute(
        "off"
    ),
}
MULTI_VALUE = "lambda.multi_value_headers.enabled"
FUNCTION_GROUP = {MULTI_VALUE: Attribute("false", BOOLEAN)}
LISTENER = {
    "routing.http.response.server.enabled": Attribute("true"),
    "routing.http.response.strict_transport_security.header_value": Attribute(""),
    "routing.http.response.access_control_allow_origin.header_value": Attribute(""),
    "routing.http.response.access_control_allow_methods.header_value": Attribute(""),
    "routing.http.response.access_control_allow_headers.header_value": Attribute(""),
    "routing.http.response.access_control_allow_credentials.header_value": Attribute(""),
    "routing.http.response.access_control_expose_headers.header_value": Attribute(""),
    "routing.http.response.access_control_max_age.header_value": Attribute(""),
    "routing.http.response.content_security_policy.header_value": Attribute(""),
    "routing.http.response.x_content_type_options.header_value": Attribute(""),
    "routing.http.response.x_frame_options.header_value": Attribute(""),
}
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}"
SECURE_LISTENER = {  # those that HTTPS adds; names that headers have on their way to targets
    "routing.http.request.x_amzn_tls_version.header_name": Attribute("X-Amzn-Tls-Version", TOKEN),
    "routing.http.request.x_amzn_tls_cipher_suite.header_name": Attribute(
        "X-Amzn-Tls-Cipher-Suite", TOKEN
    ),
    **{
        f"routing.http.request.x_amzn_mtls_clientcert{part}.header_name": Attribute(
            f"X-Amzn-Mtls-Clientcert{header}", TOKEN
        )
        for part, header in (
            ("_serial_number", "-Serial-Number"),
            ("_issuer", "-Issuer"),
            ("_subject", "-Subject"),
            ("_validity", "-Validity"),
            ("_leaf", "-Leaf"),
            ("", ""),
        )
    },
}
RESERVED_COOKIES = {"AWSALB", "AWSALBAPP", "AWSALBTG"}
SHORTEST_SLOW_START = 30  # seconds


def problem(noun: str, known: Mapping[str, Attribute], key: str, value: str) -> str | None:
    """Return what is wrong with setting an attribute of a ``noun``, or None."""
    attribute = known.get(key)
    if attribute is None:
        return f"{noun} attribute key '{key}' is not recognized"
    if value == attribute.default:
        return None
    if attribute.pattern is None:
        return f"'{key}' is not supported by ecsd yet with another value than '{attribute.default}'"
    if not re.fullmatch(attribute.pattern, value):
        return f"'{value}' is not a valid value of '{key}'"
    bounded = attribute.most and value.isdecimal()
    if bounded and not attribute.least <= int(value) <= attribute.most:
        return f"'{key}' must be between {attribute.least} and {attribute.most}, got {value}"
    if key == "slow_start.duration_seconds" and 0 < int(value) < SHORTEST_SLOW_START:
        return f"'{key}' must be 0 or between {SHORTEST_SLOW_START} and {attribute.most}"
    return None


def contradiction(held: Mapping[str, str]) -> str | None:
    """Return why a target group's attributes cannot hold together, or None."""
    values = effective(TARGET_GROUP, held)
    name = values["stickiness.app_cookie.cookie_name"]
    if values["stickiness.type"] == "app_cookie" and not name:
        return "stickiness.app_cookie.cookie_name must be specified for the type app_cookie"
    if name.upper() in RESERVED_COOKIES:
        return f"stickiness.app_cookie.cookie_name: '{name}' is reserved"
    algorithm = values["load_balancing.algorithm.type"]
    if values["slow_start.duration_seconds"] != "0" and algorithm != "round_robin":
        return f"slow_start.duration_seconds cannot be set with the algorithm '{algorithm}'"
    return None


def effective(known: Mapping[str, Attribute], given: Mapping[str, str]) -> dict[str, str]:
    """Return every attribute with the value that holds."""
    return {key: given.get(key, attribute.default) for key, attribute in known.items()}
