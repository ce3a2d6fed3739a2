r"""Values of records, from Route 53's words to what DNS messages carry.

Source: Route 53 Developer Guide, supported DNS record types; RFC 1035 3.3, RFC 2782 (SRV),
RFC 8659 (CAA).
"""

import re
import struct
from collections.abc import Callable
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from ecsd.decisions.dns.domain_name import NameProblem, canonical, resolved
from ecsd.decisions.dns.message import packed_name

LARGEST_SHORT, LARGEST_LONG = 0xFFFF, 0xFFFFFFFF
LARGEST_BYTE = 255
LONGEST_STRING = 255  # characters of one string of a TXT record
LONGEST_VALUE = 4000  # characters
STRING = re.compile(r'\s*"((?:[^"\\]|\\[0-3][0-7]{2}|\\.)*)"')
ESCAPE = re.compile(r"\\([0-3][0-7]{2}|.)")
CAA_TAG = re.compile(r"[A-Za-z0-9]{1,15}")
CAA = re.compile(r'(\S+)\s+(\S+)\s+"((?:[^"\\]|\\.)*)"')
Problem = NameProblem


def packed(kind: str, value: str) -> bytes | Problem:
    """Return a value as messages carry it, or what is wrong with it."""
    if len(value) > LONGEST_VALUE:
        return _problem("RDATATooLong", f"Value is longer than {LONGEST_VALUE} characters", value)
    return _WRITERS[kind](value)


def _address(value: str) -> bytes | Problem:
    if " " in value.strip():
        return _problem("ARRDATANotSingleField", "Value contains spaces", value)
    try:
        return IPv4Address(value.strip()).packed
    except AddressValueError:
        return _problem("ARRDATAIllegalIPv4Address", "Value is not a valid IPv4 address", value)


def _long_address(value: str) -> bytes | Problem:
    if " " in value.strip():
        return _problem("AAAARRDATANotSingleField", "Value contains spaces", value)
    try:
        return IPv6Address(value.strip()).packed
    except AddressValueError:
        return _problem("AAAARRDATAIllegalIPv6Address", "Value is not a valid IPv6 address", value)


def _name(value: str) -> bytes | Problem:
    if " " in value.strip():
        return _problem("RRDATANotSingleField", "Value contains spaces", value)
    name = canonical(value.strip())
    return name if isinstance(name, Problem) else packed_name(resolved(name))


def _exchange(value: str) -> bytes | Problem:
    return _numbers_and_name(value, 1, "MXRRDATANotTwoFields")


def _service(value: str) -> bytes | Problem:
    return _numbers_and_name(value, 3, "SRVRRDATANotFourFields")


def _numbers_and_name(value: str, count: int, code: str) -> bytes | Problem:
    fields = value.split()
    if len(fields) != count + 1:
        return _problem(code, f"Value must have {count + 1} fields", value)
    numbers = [_number(one, LARGEST_SHORT) for one in fields[:-1]]
    if None in numbers:
        return _problem("InvalidNumber", f"A number from 0 to {LARGEST_SHORT} is wanted", value)
    if fields[-1] == "." and count > 1:
        return struct.pack(f">{count}H", *numbers) + b"\0"  # RFC 2782: the service is not there
    name = _name(fields[-1])
    return name if isinstance(name, Problem) else struct.pack(f">{count}H", *numbers) + name


def _authority(value: str) -> bytes | Problem:
    fields = value.split()
    if len(fields) != 7:  # noqa: PLR2004 - two names, five numbers
        return _problem("SOARRDATANotSevenFields", "Value must have 7 fields", value)
    content = b""
    for one in fields[:2]:
        name = _name(one)
        if isinstance(name, Problem):
            return name
        content += name
    numbers = [_number(one, LARGEST_LONG) for one in fields[2:]]
    if None in numbers:
        return _problem("InvalidNumber", f"A number from 0 to {LARGEST_LONG} is wanted", value)
    return content + struct.pack(">5I", *numbers)


def _text(value: str) -> bytes | Problem:
    content, at = b"", 0
    stripped = value.strip()
    while at < len(stripped):
        found = STRING.match(stripped, at)
        if found is None:
            return _problem(
                "InvalidCharacterString", "Value should be enclosed in quotation marks", value
            )
        string = _string(found[1])
        if string is None:
            return _problem("InvalidCharacterString", "Use escapes beyond ASCII", value)
        if len(string) > LONGEST_STRING:
            return _problem("CharacterStringTooLong", "Value is too long", value)
        content += bytes((len(string),)) + string
        at = found.end()
    if not content:
        return _problem(
            "InvalidCharacterString", "Value should be enclosed in quotation marks", value
        )
    return content


def _authorization(value: str) -> bytes | Problem:
    found = CAA.fullmatch(value.strip())
    flags = _number(found[1], LARGEST_BYTE) if found else None
    string = _string(found[3]) if found else None
    if found is None or flags is None or string is None or not CAA_TAG.fullmatch(found[2]):
        words = 'Value must be a number, a tag and a value in quotation marks, 0 issue "ca.com"'
        return _problem("CAARRDATAInvalid", words, value)
    return bytes((flags, len(found[2]))) + found[2].lower().encode() + string


def _string(escaped: str) -> bytes | None:
    r"""Return a string's bytes; ``\ooo`` is one by its octal number. None: beyond ASCII."""
    plain = ESCAPE.sub(lambda one: chr(int(one[1], 8)) if len(one[1]) > 1 else one[1], escaped)
    try:
        return plain.encode("latin-1") if escaped.isascii() else None
    except UnicodeEncodeError:
        return None


def _number(text: str, largest: int) -> int | None:
    valid = text.isascii() and text.isdecimal() and int(text) <= largest
    return int(text) if valid else None


def _problem(code: str, words: str, value: str) -> Problem:
    return Problem(f"FATAL problem: {code} ({words}) encountered with '{value}'")


_WRITERS: dict[str, Callable[[str], bytes | Problem]] = {
    "A": _address,
    "AAAA": _long_address,
    "CAA": _authorization,
    "CNAME": _name,
    "MX": _exchange,
    "NS": _name,
    "PTR": _name,
    "SOA": _authority,
    "SRV": _service,
    "TXT": _text,
}
TYPES = frozenset(_WRITERS)
