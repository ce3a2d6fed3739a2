"""Compile botocore's service models into what ecsd ships.

    python tools/compile_models.py

writes ``ecsd/protocol/tables/<service>.mz`` (see ``ecsd.protocol.table``) and, for type checkers
only, ``ecsd/protocol/shapes/<service>.pyi``. Both are build products, written again only when
botocore, this tool or the table's layout changed.
"""

import hashlib
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tools"))

import botocore  # noqa: E402
from botocore.loaders import Loader  # noqa: E402
from shape_stubs import stub  # noqa: E402

from ecsd.protocol.table import (  # noqa: E402
    INDEX,
    TABLES,
    Identity,
    Operation,
    Ref,
    Shape,
    Table,
    pack,
)

# To add a service: its botocore name here.
SERVICES = (
    "acm",
    "ec2",
    "ecr",
    "ecs",
    "efs",
    "elbv2",
    "iam",
    "kms",
    "logs",
    "route53",
    "s3",
    "secretsmanager",
    "servicediscovery",
    "ssm",
    "sts",
)
SHAPES = TABLES.parent / "shapes"
STAMP = "stamp"

# Java's regular expressions in Python's syntax. Approximate where Python has no classes by
# Unicode property: letters become \w, numbers \d, separators \s, symbols and marks some ranges.
JAVA_CLASSES = {
    r"\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}": r"\w\W",
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Zs}": r"\s",
    r"\p{Z}": r"\s",
    r"\p{M}": r"\u0300-\u036f",
    r"\p{S}": r"$+<=>^`|~\u00a2-\u00b4\u20a0-\u20cf",
    r"\p{P}": r"!-/:-@\[-`{-~\u2010-\u2027",
    r"\p{C}": r"\x00-\x1f\x7f-\x9f",
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{Alpha}": "a-zA-Z",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{Graph}": r"\x21-\x7e",
    r"\p{Blank}": r" \t",
    r"\p{XDigit}": "0-9a-fA-F",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010ffff",
    r"\ud800\udc00-\udbff\udfff": r"\U00010000-\U0010ffff",
    r"\u10000-\u10FFFF": r"\U00010000-\U0010ffff",
    r"[\w-_": r"[\w\-_",
    r"[\w-\/": r"[\w\-\/",
    r"\s-_": r"\s\-_",
    r"\z": r"\Z",
}


def main(
    services: Iterable[str] = SERVICES, tables: Path = TABLES, shapes: Path | None = SHAPES
) -> bool:
    """Bring the build products up to date; returns whether anything was written."""
    stamp = _stamp(services)
    stamp_file = tables / STAMP
    if stamp_file.exists() and stamp_file.read_text() == stamp:
        return False
    tables.mkdir(parents=True, exist_ok=True)
    loader = Loader()
    identities = []
    for service in services:
        table = compile_table(service, loader.load_service_model(service, "service-2"))
        identities.append(table.identity)
        (tables / f"{service}.mz").write_bytes(pack(table))
        if shapes is not None:
            shapes.mkdir(parents=True, exist_ok=True)
            (shapes / "__init__.pyi").write_text("")
            (shapes / f"{service}.pyi").write_text(stub(table))
    (tables / f"{INDEX}.mz").write_bytes(pack(identities))
    stamp_file.write_text(stamp)
    return True


def _stamp(services: Iterable[str]) -> str:
    own = (Path(__file__), ROOT / "tools/shape_stubs.py", ROOT / "ecsd/protocol/table.py")
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in own)).hexdigest()
    return f"{botocore.__version__} {digest} {' '.join(services)}"


def compile_table(service: str, model: Mapping[str, Any]) -> Table:
    """Return the table of a botocore service model."""
    metadata = model["metadata"]
    shapes = model["shapes"]
    operations = {
        name: _operation(name, op, shapes)
        for name, op in model["operations"].items()
        if not is_superseded(op, model)
    }
    protocols = tuple(metadata.get("protocols") or [metadata["protocol"]])
    return Table(
        identity=Identity(
            name=service,
            signing_name=metadata.get("signingName") or metadata["endpointPrefix"],
            api_version=metadata["apiVersion"],
            target_prefix=metadata.get("targetPrefix", ""),
            protocols=protocols,
        ),
        model=f"{service} {metadata['apiVersion']}, botocore {botocore.__version__}",
        json_version=metadata.get("jsonVersion", "1.1"),
        namespace=_uri(metadata.get("xmlNamespace")),
        query_compatible="awsQueryCompatible" in metadata,
        shapes={name: _shape(shapes[name], shapes) for name in _used(operations, shapes)},
        operations=operations,
    )


def is_superseded(operation: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    """Say whether a REST operation has given its method and path to another: GetBucketLifecycle."""
    if not model["metadata"]["protocol"].startswith("rest-") or not operation.get("deprecated"):
        return False
    others = model["operations"].values()
    return any(one["http"] == operation["http"] and not one.get("deprecated") for one in others)


def _operation(name: str, model: Mapping[str, Any], shapes: Mapping[str, Any]) -> Operation:
    http = model["http"]
    output = model.get("output")
    return Operation(
        name=name,
        method=http["method"],
        path=http["requestUri"],
        input=_ref("input", model["input"], shapes) if "input" in model else None,
        output=_ref("output", output, shapes) if output else None,
        status=http.get("responseCode", 200),
        result_wrapper=(output or {}).get("resultWrapper", ""),
        errors=tuple(error["shape"] for error in model.get("errors", ())),
    )


def _used(operations: Mapping[str, Operation], shapes: Mapping[str, Any]) -> list[str]:
    """Return the shapes that operations reach, and every exception, in the model's order."""
    seen: set[str] = set()
    waiting = [ref.shape for op in operations.values() for ref in (op.input, op.output) if ref]
    waiting += [name for name, shape in shapes.items() if shape.get("exception")]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [use["shape"] for use in _uses(shapes[name])]
    return [name for name in shapes if name in seen]


def _uses(shape: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*shape.get("members", {}).values(), *(shape[k] for k in _CHILDREN if k in shape)]


_CHILDREN = ("member", "key", "value")


def _shape(model: Mapping[str, Any], shapes: Mapping[str, Any]) -> Shape:
    item = model.get("member") or model.get("value")
    error = model.get("error", {})
    bounds = {name: model.get(short) for name, short in (("minimum", "min"), ("maximum", "max"))}
    return Shape(
        type=model["type"],
        members=tuple(_ref(name, use, shapes) for name, use in model.get("members", {}).items()),
        required=tuple(model.get("required", ())),
        item=_ref("item", item, shapes) if item else None,
        key=_ref("key", model["key"], shapes) if "key" in model else None,
        enum=tuple(model.get("enum", ())),
        **{name: None if bound is None else float(bound) for name, bound in bounds.items()},
        pattern=translate_pattern(model.get("pattern", "")),
        payload=model.get("payload", ""),
        document=bool(model.get("document")),
        exception=bool(model.get("exception")),
        code=error.get("code", ""),
        status=error.get("httpStatusCode", 0),
        fault=bool(model.get("fault")),
        namespace=_uri(model.get("xmlNamespace")),
    )


def _ref(name: str, use: Mapping[str, Any], shapes: Mapping[str, Any]) -> Ref:
    traits = {**shapes[use["shape"]], **use}
    namespace = traits.get("xmlNamespace")
    return Ref(
        name=name,
        shape=use["shape"],
        wire=traits.get("locationName", ""),
        location=traits.get("location", ""),
        query_name=traits.get("queryName", ""),
        timestamp_format=traits.get("timestampFormat", ""),
        namespace=_uri(namespace),
        namespace_prefix=namespace.get("prefix", "") if isinstance(namespace, dict) else "",
        flattened=bool(traits.get("flattened")),
        attribute=bool(traits.get("xmlAttribute")),
        idempotency_token=bool(use.get("idempotencyToken")),
        json_value=bool(traits.get("jsonvalue")),
        streaming=bool(traits.get("streaming")),
        event_stream=bool(shapes[use["shape"]].get("eventstream")),
    )


def _uri(namespace: Any) -> str:
    return namespace["uri"] if isinstance(namespace, dict) else namespace or ""


def translate_pattern(pattern: str) -> str:
    """Return a Java pattern in Python's syntax; SystemExit on one that cannot be compiled."""
    if not pattern:
        return ""
    unicode = r"\p{" in pattern  # Java's \w, \d and \s are ASCII, its \p{...} are not
    for java, python in JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    folded = "i" if pattern.startswith("(?i)") else ""  # a flag inside a group is none in Python
    pattern = pattern.removeprefix("(?i)")
    if folded or not unicode:
        pattern = f"(?{'' if unicode else 'a'}{folded}:{pattern})"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # [[ is a literal in both languages
            re.compile(pattern)
    except re.error as error:
        raise SystemExit(f"compile_models: add a replacement for {pattern!r}: {error}") from error
    return pattern


if __name__ == "__main__":
    print("compiled" if main() else "up to date")
