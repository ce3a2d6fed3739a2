"""Which URL a browser gets, and which browser."""

import webbrowser

import pytest
from msgspec.structs import replace

from ecsd.cli.open import _browser, _of_browsers, _pages
from ecsd.settings import Settings

BALANCER = {
    "DNSName": "web-1.elb.localhost",
    "Listeners": [
        {"Protocol": "HTTP", "Port": "10000"},
        {"Protocol": "TCP", "Port": "22"},
        {"Protocol": "HTTP", "Port": "8080"},
        {"Protocol": "HTTPS", "Port": "443"},
        {"Protocol": "HTTP", "Port": "80"},
    ],
}


def test_usual_ports_come_first_and_what_is_no_page_is_left_out():
    assert [one["Port"] for one in _pages(BALANCER)] == ["80", "443", "8080", "10000"]


@pytest.mark.parametrize(
    ("edge", "url"),
    [
        (80, "http://web-1.elb.localhost"),
        (8000, "http://web-1.elb.localhost:8000"),
        (0, "http://web-1.elb.localhost"),
    ],
)
def test_browsers_come_by_the_shared_edge(edge, url):
    settings = replace(Settings(), edge_port=edge)
    assert _of_browsers(BALANCER, BALANCER["Listeners"][4], settings) == url


@pytest.mark.parametrize(
    ("browser", "is_used"),
    [
        (webbrowser.GenericBrowser("lynx"), False),
        (webbrowser.BackgroundBrowser("firefox"), True),
    ],
)
def test_a_browser_in_the_terminal_is_left_alone(monkeypatch, browser, is_used):
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    assert _browser() is (browser if is_used else None)


def test_a_machine_without_browser_has_none(monkeypatch):
    def missing():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", missing)
    assert _browser() is None
