"""``ecsd open``: the URL of a load balancer, or of the one before a service; in a browser."""

import argparse
import webbrowser
from collections.abc import Iterator
from typing import Any

from ecsd.cli.balancers import WEB, balancers, urls_of
from ecsd.cli.find import apis, find_service_or_task
from ecsd.cli.screen import failed
from ecsd.settings import Settings

HTTP_PORT, HTTPS_PORT = 80, 443


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = commands.add_parser("open", help="the URL of a load balancer, in a browser")
    parser.add_argument("name", help="a load balancer, or a service that stands behind one")
    parser.add_argument("--print", action="store_true", help="only print it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Print the URL; open it where there is a browser with a window."""
    found = next(_named(settings, arguments.name), None)
    if found is None:
        failed(f"no load balancer, and no service behind one, is called {arguments.name}")
        return 1
    urls = [_of_browsers(found, one, settings) for one in _pages(found)]
    if not urls:
        failed(f"the load balancer {found['LoadBalancerName']} has no listener of HTTP or HTTPS")
        return 1
    print(urls[0], flush=True)
    browser = None if arguments.print else _browser()
    if browser is not None and not browser.open(urls[0]):
        failed("the browser does not open it")
    return 0


def _named(settings: Settings, name: str) -> Iterator[dict[str, Any]]:
    """Yield the load balancer of that name, then those that a service of that name is behind."""
    for api in apis(settings):
        yield from (one for one in balancers(api) if one["LoadBalancerName"] == name)
    service = find_service_or_task(settings, name)
    if service is None or service.service is None:
        return
    api = service.api
    groups = {one.get("targetGroupArn") for one in service.service["loadBalancers"]}
    for one in balancers(api):
        arn = one["LoadBalancerArn"]
        own = api.query("elasticloadbalancing", "DescribeTargetGroups", LoadBalancerArn=arn)
        if groups & {group.text for group in own.iterfind(".//TargetGroupArn")}:
            yield one


def _pages(balancer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the listeners that browsers can ask, the usual ports first."""
    asked = [one for one in balancer["Listeners"] if one["Protocol"] in WEB]
    return sorted(
        asked, key=lambda one: (WEB[one["Protocol"]] != int(one["Port"]), int(one["Port"]))
    )


def _of_browsers(balancer: dict[str, Any], listener: dict[str, Any], settings: Settings) -> str:
    """Return the URL for browsers: to them it is the shared edge, whose ports may be others."""
    moved = {HTTP_PORT: settings.edge_port, HTTPS_PORT: settings.edge_tls_port}
    port = int(listener["Port"])
    return urls_of(balancer["DNSName"], listener | {"Port": moved.get(port) or port})[0]


def _browser() -> webbrowser.BaseBrowser | None:
    """Return a browser that has a window of its own; one in this terminal would take it over."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None
    in_terminal = type(browser) is webbrowser.GenericBrowser
    return None if in_terminal else browser
