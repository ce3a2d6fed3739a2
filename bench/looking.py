"""Prints when a name's answer first has an address. Run: looking.py RESOLVER NAME ADDRESS."""

import socket
import struct
import sys
import time


def main(resolver, name, address):
    labels = b"".join(bytes((len(one),)) + one.encode() for one in name.split("."))
    question = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"
    wanted = socket.inet_aton(address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.connect((resolver, 53))
        print("ready", flush=True)
        while True:
            asking.send(question)
            if wanted in asking.recv(4096)[len(question) :]:
                print(f"{time.monotonic():.6f}", flush=True)
                return
            time.sleep(0.0005)


main(*sys.argv[1:4])
