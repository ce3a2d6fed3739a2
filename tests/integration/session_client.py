"""A Session Manager client for tests, written from the published message format.

It shares no code with ecsd: what both agree on is what AWS's plugin sends and expects.
"""

import hashlib
import json
import struct
import time
import uuid

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

KIND, SEQUENCE, PAYLOAD_TYPE, LENGTH = slice(4, 36), slice(48, 56), slice(112, 116), slice(116, 120)


class SessionClient:
    """One session. ``read_until`` collects output; ``closed`` holds the last message."""

    def __init__(self, session, token=None):
        self.output, self.closed = b"", None
        self._sent = self._expected = 0
        self._early = {}
        self._opening = connect(session["streamUrl"], open_timeout=10, max_size=None)
        self.link = self._opening.__enter__()
        self.link.send(
            json.dumps(
                {
                    "MessageSchemaVersion": "1.0",
                    "RequestId": str(uuid.uuid4()),
                    "TokenValue": token or session["tokenValue"],
                    "ClientId": str(uuid.uuid4()),
                    "ClientVersion": "1.2.677.0",
                }
            )
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def leave(self):
        """Go without a word."""
        self._opening.__exit__(None, None, None)

    def read_until_cut(self):
        """Return when the other end is gone."""
        while True:
            try:
                self.link.recv(timeout=10)
            except ConnectionClosed:
                return

    def type(self, text):
        self._say(1, text.encode())

    def resize(self, columns, rows):
        self._say(3, json.dumps({"cols": columns, "rows": rows}).encode())

    def terminate(self):
        self._say(10, struct.pack(">I", 2))

    def read_until(self, wanted, seconds=20):
        """Return all output once it holds ``wanted`` (bytes, or a test of it)."""
        test = wanted if callable(wanted) else lambda output: wanted in output
        deadline = time.monotonic() + seconds
        while not test(self.output):
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds} s: {self.output[-500:]!r}"
            self._hear(left)
            assert self.closed is None or test(self.output), f"closed: {self.output[-500:]!r}"
        return self.output

    def read_to_end(self, seconds=20):
        """Return all output when the session is closed."""
        deadline = time.monotonic() + seconds
        while self.closed is None:
            left = deadline - time.monotonic()
            assert left > 0, f"not closed within {seconds} s: {self.output[-500:]!r}"
            try:
                self._hear(left)
            except ConnectionClosed:
                break
        return self.output

    # ---------------------------------------------------------------- inside

    def _hear(self, seconds):
        try:
            frame = self.link.recv(timeout=seconds)
        except TimeoutError:
            return
        kind = frame[KIND].strip(b"\0 ").decode()
        payload = frame[120:]
        assert int.from_bytes(frame[:4], "big") == 116
        assert len(payload) == int.from_bytes(frame[LENGTH], "big")
        assert hashlib.sha256(payload).digest() == frame[80:112]
        if kind == "channel_closed":
            self.closed = json.loads(payload)
        elif kind == "output_stream_data":
            number = int.from_bytes(frame[SEQUENCE], "big")
            raw = frame[64:80]
            self._acknowledge(kind, uuid.UUID(bytes=raw[8:] + raw[:8]), number)
            if number >= self._expected:
                self._early[number] = (int.from_bytes(frame[PAYLOAD_TYPE], "big"), payload)
            while self._expected in self._early:
                self._take(*self._early.pop(self._expected))
                self._expected += 1

    def _take(self, payload_type, payload):
        if payload_type == 5:
            (action,) = json.loads(payload)["RequestedClientActions"]
            assert action["ActionType"] == "SessionType"
            assert action["ActionParameters"]["SessionType"] == "InteractiveCommands"
            done = {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None}
            response = {"ClientVersion": "1.2.677.0", "ProcessedClientActions": [done]}
            self._say(6, json.dumps(response).encode())
        elif payload_type == 1:
            self.output += payload

    def _say(self, payload_type, payload):
        self.link.send(self._frame("input_stream_data", self._sent, 0, payload_type, payload))
        self._sent += 1

    def _acknowledge(self, kind, message_id, number):
        content = {
            "AcknowledgedMessageType": kind,
            "AcknowledgedMessageId": str(message_id),
            "AcknowledgedMessageSequenceNumber": number,
            "IsSequentialMessage": True,
        }
        self.link.send(self._frame("acknowledge", 0, 3, 0, json.dumps(content).encode()))

    def _frame(self, kind, number, flags, payload_type, payload):
        raw = uuid.uuid4().bytes
        head = struct.pack(
            ">I32sIQqQ8s8s32sII",
            *(116, kind.encode().ljust(32), 1, int(time.time() * 1000), number, flags),
            *(raw[8:], raw[:8], hashlib.sha256(payload).digest(), payload_type, len(payload)),
        )
        return head + payload
