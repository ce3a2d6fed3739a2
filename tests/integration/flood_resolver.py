"""Ask a resolver, as fast as this can send, for names that there are not; hear no answer.

Run: flood_resolver.py ADDRESS SECONDS. Says ``begun``, and in the end how often it asked.
"""

import socket
import struct
import sys
import time
from itertools import count

ONE_QUESTION = struct.Struct(">HHHHHH")

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
    asking.connect((sys.argv[1], 53))
    asking.setblocking(False)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    end, sent = time.monotonic() + float(sys.argv[2]), 0
    for number in count():
        head = ONE_QUESTION.pack(number % 65536, 0x0100, 1, 0, 0, 0)
        name = b"\x06%06d\x04prod\x05local\x00" % (number % 1_000_000)
        try:
            sent += asking.send(head + name + b"\0\1\0\1") > 0
        except BlockingIOError:
            continue
        if time.monotonic() > end:
            break
    sys.stdout.write(f"{sent}\n")
