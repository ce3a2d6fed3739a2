"""HTTPS listeners, and targets spoken to by TLS and HTTP/2, as HAProxy's configuration."""

import pytest
from msgspec.structs import replace

from ecsd.decisions.haproxy.listener import compile_config
from ecsd.decisions.haproxy.tls import certificate_path
from tests.decisions.listener_plans import LISTED, PLACE, SHOP, group, plan, secure, text


def test_every_way_into_an_https_listener_is_tls():
    place = PLACE._replace(entrances={("127.64.0.1", 443)})
    config = compile_config([secure()], {}, place)
    binds = [line for line in config.text("/run/s").splitlines() if line.startswith("  bind ")]
    assert len(binds) == 4  # two zones, the entrance, the edge's socket
    [path] = config.lists
    assert all(f"ssl crt-list {path} alpn h2,http/1.1" in line for line in binds)
    assert "proto h1" not in "".join(binds)
    assert "X-Forwarded-Proto https\n" in config.text("/run/s")


def test_the_list_begins_with_the_default_that_no_name_chooses():
    config = compile_config([secure((LISTED, ("a.test", "*.b.test")))], {}, PLACE)
    [content] = config.lists.values()
    first, second = content.splitlines()
    assert first.split() == [certificate_path("/run/x", SHOP), "default.invalid"]
    assert second.split() == [certificate_path("/run/x", LISTED), "a.test", "*.b.test"]
    assert set(config.certificates) == {first.split()[0], second.split()[0]}


def test_contents_of_a_certificate_change_no_frame_but_the_list_and_the_policy_do():
    def frame(*choices, **more):
        return compile_config([secure(*choices, **more)], {}, PLACE).frame()

    assert frame() == frame(pem="OTHER")
    assert frame() != frame((LISTED, ("a.test",)))
    assert frame((LISTED, ("a.test",))) != frame((LISTED, ("b.test",)))
    assert frame() != frame(policy="ELBSecurityPolicy-2016-08")
    assert frame() != frame(routing__http2__enabled="false")


def test_a_private_key_is_in_no_configuration_and_no_list():
    config = compile_config([secure(pem="PRIVATE KEY")], {}, PLACE)
    assert "PRIVATE" not in config.text("/run/s")
    assert "PRIVATE" not in "".join(config.lists.values())
    assert set(config.certificates.values()) == {"PRIVATE KEY"}


def test_a_certificate_that_no_listener_serves_is_not_written():
    made = secure()
    made = replace(made, certificates=made.certificates | {LISTED: "PEM"})
    assert len(compile_config([made], {}, PLACE).certificates) == 1


def test_targets_are_reached_by_tls_without_a_look_at_their_certificates():
    def line(made, **more):
        groups = (replace(group(), protocol="HTTPS"),)
        config = compile_config([replace(made, target_groups=groups, **more)], {}, PLACE)
        return next(one for one in config.text("/run/s").splitlines() if " server s" in one)

    newer = line(secure())
    assert " ssl verify none ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.3 ciphers " in newer
    assert "TLS_AES_128_GCM_SHA256" in newer
    older = line(secure(policy="ELBSecurityPolicy-2016-08"))
    assert "ssl-max-ver TLSv1.2" in older
    assert line(plan()).partition(" ssl ")[2] == older.partition(" ssl ")[2]
    assert " ssl " not in text()


def test_headers_of_tls_are_given_on_wish_under_the_listeners_names():
    wish = {"routing__http__x_amzn_tls_version_and_cipher_suite__enabled": "true"}

    def written(made):
        return compile_config([made], {}, PLACE).text("/run/s")

    assert "set-header X-Amzn-Tls-Version %[ssl_fc_protocol]\n" in written(secure(**wish))
    assert "X-Amzn-Tls" not in written(secure())
    attributes = {key.replace("__", "."): value for key, value in wish.items()}
    assert "X-Amzn-Tls" not in text(attributes=attributes)
    made = secure(**wish)
    names = {"routing.http.request.x_amzn_tls_cipher_suite.header_name": "X-#'s"}
    renamed = replace(made, listeners=(replace(made.listeners[0], attributes=names),))
    assert "set-header X-\\x23\\x27s %[ssl_fc_cipher]\n" in written(renamed)


@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
def test_targets_are_spoken_to_in_their_groups_version(version):
    def options(protocol):
        groups = (replace(group(), version=version, protocol=protocol),)
        config = compile_config([replace(secure(), target_groups=groups)], {}, PLACE)
        [servers] = config.servers.values()
        return next(iter(servers.values())).options

    assert options("HTTP") == " proto h2"
    assert options("HTTPS").endswith(" proto h2 alpn h2")
    assert "verify none" in options("HTTPS")


def test_many_names_are_several_lines_of_the_list():
    names = tuple(f"h{number}.test" for number in range(450))
    [content] = compile_config([secure((LISTED, names))], {}, PLACE).lists.values()
    lines = content.splitlines()
    assert len(lines) == 4
    assert {line.split()[0] for line in lines[1:]} == {certificate_path("/run/x", LISTED)}
    assert tuple(word for line in lines[1:] for word in line.split()[1:]) == names


def asking(**attributes):
    """The text of a listener that asks clients for their certificates."""
    made = secure()
    [listener] = made.listeners
    tls = replace(listener.tls, asks_clients=True)
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    made = replace(made, listeners=(replace(listener, tls=tls, attributes=named),))
    return compile_config([made], {}, PLACE).text("/run/s")


def test_a_client_is_asked_for_a_certificate_that_is_not_judged():
    binds = [one for one in asking().splitlines() if one.startswith("  bind ")]
    own = f"ca-file {certificate_path('/run/x', SHOP)} no-ca-names verify optional"
    assert binds
    assert all(f"{own} ca-ignore-err all crt-ignore-err all" in one for one in binds)
    plain = compile_config([secure()], {}, PLACE).text("/run/s")
    assert "verify optional" not in plain
    assert "tune.bufsize" in asking()  # the head of a request grows by a certificate
    assert "tune.bufsize" not in plain
    assert "Clientcert" not in plain


def test_the_header_with_a_client_s_certificate_is_the_balancer_s_alone():
    lines = [one.strip() for one in asking().splitlines() if "X-Amzn-Mtls-Clientcert" in one]
    assert lines[0] == "http-request del-header X-Amzn-Mtls-Clientcert"
    assert all(one.startswith("http-request del-header ") for one in lines[:-1])
    assert lines[-1].startswith("http-request set-header X-Amzn-Mtls-Clientcert -----BEGIN")
    key = "routing__http__request__x_amzn_mtls_clientcert__header_name"
    assert "del-header X-Own" in asking(**{key: "X-Own"})
