r"""What listeners answer: rules, requests, and the answers that AWS documents for them.

Source: Application Load Balancers guide, listener rules (condition types, action types,
transforms); Elastic Load Balancing API Reference. A request is (path, members of ``Account.get``).
A row's rules are in order of priority; each answers with its number, the default rule with ``-``.
"""

from typing import Any, NamedTuple

Request = tuple[str, dict[str, Any]]


class Row(NamedTuple):
    """A listener: its rules' conditions, and which rule each request meets (``-``: none)."""

    title: str
    rules: list[list[dict[str, Any]]]
    cases: list[tuple[Request, str]]


class Redirect(NamedTuple):
    """A redirect, and where it sends requests: status and location (``HOST``, ``PORT`` filled)."""

    config: dict[str, str]
    cases: list[tuple[Request, int, str]]


class Transform(NamedTuple):
    """Transforms of one rule, and what the target hears: host and URL, or a status."""

    transforms: list[dict[str, Any]]
    cases: list[tuple[Request, str]]


def ask(path="/", **members) -> Request:
    return path, members


def host(*values, **config):
    return {"Field": "host-header", "HostHeaderConfig": _values(values, config)}


def path(*values, **config):
    return {"Field": "path-pattern", "PathPatternConfig": _values(values, config)}


def header(name, *values, **config):
    config = {"HttpHeaderName": name} | _values(values, config)
    return {"Field": "http-header", "HttpHeaderConfig": config}


def method(*values):
    return {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": list(values)}}


def query(*pairs):
    """Pairs of key and value; a text is a value without a key."""
    values = [
        {"Value": one} if isinstance(one, str) else {"Key": one[0], "Value": one[1]}
        for one in pairs
    ]
    return {"Field": "query-string", "QueryStringConfig": {"Values": values}}


def source(*values):
    return {"Field": "source-ip", "SourceIpConfig": {"Values": list(values)}}


def _values(values, config):
    return ({"Values": list(values)} if values else {}) | config


def one(title, *conditions, yes=(), no=()) -> Row:
    """A row of one rule: requests that meet it, and requests that don't."""
    met = [(each if isinstance(each, tuple) else ask(each), "1") for each in yes]
    missed = [(each if isinstance(each, tuple) else ask(each), "-") for each in no]
    return Row(title, [list(conditions)], met + missed)


def at(name, where="/"):
    return ask(where, host=name)


def with_header(**headers):
    return ask(headers={name.replace("_", "-"): value for name, value in headers.items()})


ROWS = [
    # ------------------------------------------------------------ host-header
    one(
        "a host is compared whole and without case",
        host("example.com"),
        yes=[at("example.com"), at("EXAMPLE.com"), at("example.com:8080")],
        no=[at("example.org"), at("www.example.com"), at("example.com.net"), at("xexample.com")],
    ),
    one(
        "* in a host stands for any number of characters",
        host("*.example.com"),
        yes=[at("www.example.com"), at("a.b.example.com"), at(".example.com"), at("W.Example.COM")],
        no=[at("example.com"), at("www.example.com.org"), at("wwwexample.com")],
    ),
    one(
        "? in a host stands for exactly one",
        host("test?.example.com"),
        yes=[at("test1.example.com"), at("testA.example.com"), at("test-.example.com")],
        no=[at("test.example.com"), at("test12.example.com")],
    ),
    one(
        "a dot in a host is a dot",
        host("a.example.com"),
        yes=[at("a.example.com")],
        no=[at("axexample.com"), at("a-example.com")],
    ),
    one(
        "one of a host condition's values is enough",
        host("a.example.com", "b.example.com", "*.c.com", "d?.com", "e.com"),
        yes=[at("a.example.com"), at("b.example.com"), at("x.c.com"), at("d1.com"), at("e.com")],
        no=[at("c.com"), at("d.com"), at("f.com")],
    ),
    one(
        "wildcards in the middle of a host",
        host("api-*-v?.example.com"),
        yes=[at("api-x-v1.example.com"), at("api--v1.example.com"), at("api-a-b-v2.example.com")],
        no=[at("api-v1.example.com"), at("api-x-v10.example.com")],
    ),
    # ------------------------------------------------------------ path-pattern
    one(
        "a path is compared whole and with case",
        path("/img"),
        yes=["/img", "/img?x=1"],
        no=["/IMG", "/img/", "/img/x", "/x/img", "/"],
    ),
    one(
        "* in a path stands for any characters, slashes too",
        path("/img/*"),
        yes=["/img/", "/img/picture.jpg", "/img/a/b/c", "/img/a?q=/x"],
        no=["/img", "/Img/a", "/x/img/a"],
    ),
    one(
        "wildcards on both sides of a path's part",
        path("/img/*/pics"),
        yes=["/img/2/pics", "/img/a/b/pics", "/img//pics"],
        no=["/img/pics", "/img/2/pics/", "/img/2/Pics"],
    ),
    one(
        "? in a path stands for exactly one character",
        path("/a?c"),
        yes=["/abc", "/a-c", "/a/c", "/a.c"],
        no=["/ac", "/abbc", "/abcd", "/ABC"],
    ),
    one(
        "the path is compared as it was sent",
        path("/a%20b"),
        yes=["/a%20b"],
        no=["/a+b", "/a%2520b"],
    ),
    one(
        "a backslash takes a star's meaning away",
        path("/literal\\*"),
        yes=["/literal*"],
        no=["/literal", "/literalx", "/literal\\"],
    ),
    one(
        "a backslash takes a question mark's meaning away",
        path("/a\\?b"),
        no=["/axb", "/a?b"],
    ),
    one(
        "the query is no part of the path",
        path("/q*1"),
        yes=["/q1", "/qx1", "/q1?2"],
        no=["/q?1", "/q?x=1"],
    ),
    one(
        "characters that mean something to regular expressions mean themselves",
        path("/a.b+(c)[d]|$^"),
        yes=["/a.b+(c)[d]|$^"],
        no=["/axb+(c)[d]|$^", "/a.bb(c)[d]|$^", "/a.b"],
    ),
    one("a star alone is every path", path("*"), yes=["/", "/a", "/a/b?c"]),
    one(
        "wildcards up to the limit of six",
        path("/*a*b*c*d*e*"),
        yes=["/abcde", "/1a2b3c4d5e6", "/a/b/c/d/e"],
        no=["/abced", "/edcba", "/abcd"],
    ),
    one(
        "a value of 128 characters",
        path("/" + "x" * 127),
        yes=["/" + "x" * 127],
        no=["/" + "x" * 126, "/" + "x" * 128],
    ),
    # ------------------------------------------------------------ http-header
    one(
        "a header's value is compared whole and without case",
        header("X-Env", "beta"),
        yes=[with_header(X_Env="beta"), with_header(x_env="BETA")],
        no=[with_header(X_Env="beta2"), with_header(X_Other="beta"), with_header(X_Env=""), "/"],
    ),
    one(
        "wildcards in a header's value",
        header("User-Agent", "*Chrome*", "Safari/?"),
        yes=[
            with_header(User_Agent="Mozilla Chrome/5"),
            with_header(User_Agent="chrome"),
            with_header(User_Agent="Safari/6"),
        ],
        no=[with_header(User_Agent="Safari/66"), with_header(User_Agent="Chrom"), "/"],
    ),
    one(
        "a header's value may hold commas and spaces",
        header("X-List", "a, b"),
        yes=[with_header(X_List="a, b")],
        no=[with_header(X_List="a"), with_header(X_List="a,b")],
    ),
    one(
        "two conditions on headers are both needed",
        header("X-A", "1"),
        header("X-B", "2"),
        yes=[with_header(X_A="1", X_B="2")],
        no=[with_header(X_A="1"), with_header(X_B="2"), with_header(X_A="2", X_B="1")],
    ),
    # ------------------------------------------------------------ http-request-method
    one(
        "methods are compared with case",
        method("GET", "HEAD"),
        yes=[ask("/", method="GET")],
        no=[ask("/", method="POST"), ask("/", method="get"), ask("/", method="DELETE")],
    ),
    one(
        "a method of one's own",
        method("CUSTOM-CALL"),
        yes=[ask("/", method="CUSTOM-CALL")],
        no=[ask("/", method="CUSTOM"), ask("/", method="GET")],
    ),
    # ------------------------------------------------------------ query-string
    one(
        "a pair anywhere in the query",
        query(("version", "v1")),
        yes=["/?version=v1", "/a?x=1&version=v1", "/?version=v1&y", "/?VERSION=V1"],
        no=["/?version=v12", "/?xversion=v1", "/?version=", "/version=v1", "/?version", "/"],
    ),
    one(
        "a value without a key",
        query("*example*"),
        yes=["/?x=example", "/?x=anexample1", "/?y=1&x=EXAMPLE"],
        no=["/?example=1", "/?x=exampl", "/example?x=1", "/?example"],
    ),
    one(
        "wildcards in keys and values",
        query(("v?r*", "1*")),
        yes=["/?ver=1", "/?var=12", "/?version=1.0", "/?a=b&ver=1"],
        no=["/?vr=1", "/?ver=21", "/?ver=", "/?1=ver"],
    ),
    one(
        "one of the pairs is enough",
        query(("a", "1"), ("b", "2")),
        yes=["/?a=1", "/?b=2", "/?a=2&b=2"],
        no=["/?a=2", "/?b=1", "/?a=2&b=1"],
    ),
    one(
        "two conditions on the query are both needed",
        query(("a", "1")),
        query(("b", "2")),
        yes=["/?a=1&b=2", "/?b=2&c=3&a=1"],
        no=["/?a=1", "/?b=2"],
    ),
    one(
        "a query is compared as it was sent",
        query(("k", "a%20b")),
        yes=["/?k=a%20b"],
        no=["/?k=a+b", "/?k=a"],
    ),
    one(
        "a wildcard stays within its pair",
        query(("a", "*z")),
        yes=["/?a=z", "/?a=xyz"],
        no=["/?a=x&b=z"],
    ),
    # ------------------------------------------------------------ source-ip
    one("the client's own range", source("127.0.0.0/8"), yes=["/"]),
    one("the client's own address", source("127.0.0.1/32"), yes=["/"]),
    one(
        "X-Forwarded-For is not the client",
        source("10.0.0.0/8"),
        no=["/", with_header(X_Forwarded_For="10.0.0.1")],
    ),
    one("one of the ranges is enough", source("10.0.0.0/8", "127.0.0.1/32"), yes=["/"]),
    # ------------------------------------------------------------ regular expressions
    one(
        "an expression finds its match anywhere in the path",
        path(RegexValues=["v[0-9]+"]),
        yes=["/v1", "/api/v22/x", "/xv1"],
        no=["/v", "/V1", "/?v1"],
    ),
    one(
        "an anchored expression",
        path(RegexValues=["^/api/(users|orders)/[0-9]{1,3}$"]),
        yes=["/api/users/1", "/api/orders/999", "/api/users/12?x"],
        no=["/api/users/", "/api/users/1234", "/api/carts/1", "/x/api/users/1", "/api/users/1/"],
    ),
    one(
        "an expression without case",
        path(RegexValues=["(?i)^/img/"]),
        yes=["/img/a", "/IMG/a", "/Img/"],
        no=["/img", "/x/img/"],
    ),
    one(
        "an expression for hosts has no case",
        host(RegexValues=[r"^(www|api)[0-9]\.example\.com$"]),
        yes=[at("www1.example.com"), at("API2.example.com"), at("api3.example.com:81")],
        no=[at("www.example.com"), at("www1xexample.com"), at("www12.example.com")],
    ),
    one(
        "an expression for headers",
        header("User-Agent", RegexValues=["Chrome/(1[0-9]{2})", "^curl"]),
        yes=[with_header(User_Agent="x Chrome/120 y"), with_header(User_Agent="curl/8")],
        no=[with_header(User_Agent="Chrome/99"), with_header(User_Agent="a curl"), "/"],
    ),
    one(
        "an expression that would try for years is no match",
        path(RegexValues=["^/(a+)+$"]),
        yes=["/aaa"],
        no=["/" + "a" * 60 + "!"],
    ),
    # ------------------------------------------------------------ together, and in order
    one(
        "all conditions of a rule are needed",
        host("*.example.com"),
        path("/api/*"),
        method("POST"),
        query(("debug", "1")),
        source("127.0.0.0/8"),
        yes=[ask("/api/x?debug=1", host="a.example.com", method="POST")],
        no=[
            ask("/api/x?debug=1", host="example.com", method="POST"),
            ask("/app/x?debug=1", host="a.example.com", method="POST"),
            ask("/api/x?debug=1", host="a.example.com", method="GET"),
            ask("/api/x", host="a.example.com", method="POST"),
        ],
    ),
    Row(
        "the first rule that matches decides",
        [[path("/a")], [path("/a*")], [path("/*")], [path("/b")]],
        [
            (ask("/a"), "1"),
            (ask("/ab"), "2"),
            (ask("/b"), "3"),
            (ask("/"), "3"),
        ],
    ),
    Row(
        "rules of different kinds in order",
        [[host("a.com")], [header("X-V", "2")], [query(("v", "3"))], [method("PUT")]],
        [
            (ask("/?v=3", host="a.com", headers={"X-V": "2"}, method="PUT"), "1"),
            (ask("/?v=3", host="b.com", headers={"X-V": "2"}, method="PUT"), "2"),
            (ask("/?v=3", host="b.com", method="PUT"), "3"),
            (ask("/", host="b.com", method="PUT"), "4"),
            (ask("/", host="b.com"), "-"),
        ],
    ),
    Row(
        "a value that is in two rules belongs to the first",
        [[path("/x", "/y")], [path("/y", "/z")]],
        [(ask("/x"), "1"), (ask("/y"), "1"), (ask("/z"), "2"), (ask("/w"), "-")],
    ),
]

REDIRECTS = [
    Redirect(
        {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
        [
            (ask("/"), 301, "https://HOST:443/"),
            (ask("/a/b?c=d&e"), 301, "https://HOST:443/a/b?c=d&e"),
            (ask("/%20?q=%41"), 301, "https://HOST:443/%20?q=%41"),
        ],
    ),
    Redirect(
        {"Host": "new.example.com", "StatusCode": "HTTP_302"},
        [(ask("/x?y=1"), 302, "http://new.example.com:PORT/x?y=1")],
    ),
    Redirect(
        {"Host": "#{host}.cn", "Path": "/v2/#{path}", "StatusCode": "HTTP_302"},
        [
            (ask("/a", host="h.com"), 302, "http://h.com.cn:PORT/v2/a"),
            (ask("/", host="h.com"), 302, "http://h.com.cn:PORT/v2/"),
        ],
    ),
    Redirect(
        {"Path": "/fixed", "Query": "", "StatusCode": "HTTP_302"},
        [(ask("/a?b=c"), 302, "http://HOST:PORT/fixed")],
    ),
    Redirect(
        {"Query": "from=#{path}&#{query}", "StatusCode": "HTTP_301"},
        [(ask("/a?b=c"), 301, "http://HOST:PORT/a?from=a&b=c")],
    ),
    Redirect(
        {"Port": "8443", "Protocol": "#{protocol}", "StatusCode": "HTTP_301"},
        [(ask("/a"), 301, "http://HOST:8443/a")],
    ),
]


def new_host(regex, replace):
    rewrites = {"Rewrites": [{"Regex": regex, "Replace": replace}]}
    return {"Type": "host-header-rewrite", "HostHeaderRewriteConfig": rewrites}


def new_url(regex, replace):
    rewrites = {"Rewrites": [{"Regex": regex, "Replace": replace}]}
    return {"Type": "url-rewrite", "UrlRewriteConfig": rewrites}


TRANSFORMS = [
    Transform(
        [new_host("^mywebsite-(.+).com$", "internal.dev.$1.myweb.com")],
        [
            (at("mywebsite-example.com", "/a"), "internal.dev.example.myweb.com:PORT /a"),
            (at("other.com", "/a"), "other.com:PORT /a"),
        ],
    ),
    Transform(
        [new_url("^/api/v1/(.*)$", "/v2/$1")],
        [
            (ask("/api/v1/users?id=1", host="h"), "h:PORT /v2/users?id=1"),
            (ask("/api/v1/", host="h"), "h:PORT /v2/"),
            (ask("/other", host="h"), "h:PORT /other"),
        ],
    ),
    Transform(
        [new_url(r"^/item/([0-9]+)\?c=([a-z]+)", "/$2/${1}?"), new_host("h", "x")],
        [
            (ask("/item/12?c=red&d=1", host="h"), "x:PORT /red/12?&d=1"),
            (ask("/item/12", host="o"), "o:PORT /item/12"),
        ],
    ),
    Transform(
        [new_url("b", "B,\"'%25[src]\\1")],
        [
            (ask("/abb", host="h"), "h:PORT /aB,\"'%25[src]\\1b"),
        ],
    ),
    Transform(
        [new_url("^/gone", "nowhere")],
        [(ask("/gone", host="h"), "500"), (ask("/here", host="h"), "h:PORT /here")],
    ),
]

SHARES = [(("a", 1), ("b", 1)), (("a", 80), ("b", 20)), (("a", 5), ("b", 3), ("c", 2))]
