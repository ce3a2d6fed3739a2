"""Quotas that are enforced. Source: Amazon VPC User Guide, quotas."""

MAX_GROUPS_PER_INTERFACE = 5
MAX_BLOCKS_PER_VPC = 5  # IPv4 CIDR blocks
MAX_RULES_PER_GROUP = 60  # in each direction, IPv4 and IPv6 apart
MAX_ROUTES_PER_TABLE = 500
MAX_PREFIX_LISTS = 100  # per region
MAX_PREFIX_LIST_ENTRIES = 1000
MAX_PREFIX_LIST_VERSIONS = 1000  # of a list; older ones are forgotten
MAX_CHANGED_ENTRIES = 100  # of a prefix list, by one request
MAX_ACLS_PER_VPC = 200
MAX_ENTRIES_PER_ACL = 20  # in each direction
MAX_ACTIVE_PEERINGS = 50  # of a VPC
MAX_OUTSTANDING_PEERINGS = 25
MAX_GATEWAY_ENDPOINTS = 20  # per region
MAX_INTERFACE_ENDPOINTS = 50  # of a VPC
MAX_ELASTIC_ADDRESSES = 762  # what RFC 5737's three ranges hold
MAX_FLOW_LOGS = 2  # of one VPC, one subnet, one network interface
