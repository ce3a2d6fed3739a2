"""Asks all the while, each time on a new connection. Run: asking.py ADDRESS PORT HOST.

Prints, for each answer, the monotonic seconds at which it was asked for and came, and its body;
``-`` for a failure. Ends when its standard input does.
"""

import select
import sys
import time
from http.client import HTTPConnection, HTTPException


def main(address, port, host):
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.monotonic()
        connection = HTTPConnection(address, int(port), timeout=5)
        try:
            connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
            answer = connection.getresponse()
            body = answer.read().decode().strip() if answer.status == 200 else "-"
        except (OSError, HTTPException):
            body = "-"
        finally:
            connection.close()
        print(f"{began:.6f} {time.monotonic():.6f} {body}", flush=True)


main(*sys.argv[1:4])
