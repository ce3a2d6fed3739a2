"""Quotas that are enforced. Source: Amazon VPC User Guide, quotas."""

MAX_GROUPS_PER_INTERFACE = 5
MAX_RULES_PER_GROUP = 60  # in each direction
MAX_ELASTIC_ADDRESSES = 762  # what RFC 5737's three ranges hold
