"""Receive what the hub tells: verify, take each change once, and answer at once. Python 3.6 or newer, nothing else.

WEBHOOK_SECRET=whsec_... python receiver.py           # listens on http://127.0.0.1:8090/
python receiver.py --check signature-vectors.json     # tests `verify` against the hub's own vectors
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

TOLERANCE = 300  # seconds that a message may be old, or ahead


def verify(secret, headers, body, now):
    """Return the id of the message, or raise ValueError. `body` is the bytes as they came, before any parsing."""
    try:
        key, stamp, shown = (headers["webhook-" + part] for part in ("id", "timestamp", "signature"))
        sent_at = int(stamp)
    except (KeyError, ValueError):
        raise ValueError("a header is missing, or is no time")
    if abs(now - sent_at) > TOLERANCE:
        raise ValueError("too old, or from the future: is the clock right?")
    signed = key.encode() + b"." + stamp.encode() + b"." + body
    raw = base64.b64decode(secret[len("whsec_") :])
    wanted = base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
    # Several signatures, with blanks between, while keys are exchanged; each begins with its version.
    if not any(hmac.compare_digest("v1," + wanted, one) for one in shown.split(" ")):
        raise ValueError("no signature fits")
    return key


class Receiver(BaseHTTPRequestHandler):
    taken = set()  # keep these in your database, in the transaction that uses the change
    versions = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            key = verify(os.environ["WEBHOOK_SECRET"], self.headers, body, time.time())
        except ValueError as error:
            return self.answer(401, str(error))
        if key not in self.taken:
            data = json.loads(body.decode())["data"]
            # Changes of one appeal come in order, but one may come again: an older version changes nothing.
            if data["version"] > self.versions.get(data["id"], 0):
                self.versions[data["id"]] = data["version"]
                print(key, data["id"], data["status"], ", ".join(data["changed"]))
            self.taken.add(key)
        return self.answer(204, "")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


def check(path):
    """Run the vectors that are signed by HMAC; return how many `verify` judged wrongly."""
    wrong = 0
    with open(path, encoding="utf-8") as opened:
        vectors = [one for one in json.load(opened)["vectors"] if one["algorithm"] == "v1"]
    for one in vectors:
        try:
            verify(one["secret"], one["headers"], one["body"].encode(), one["now"])
            valid = True
        except ValueError:
            valid = False
        wrong += valid != one["valid"]
    print("%d vectors, %d wrong" % (len(vectors), wrong))
    return wrong


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        sys.exit(check(sys.argv[2]))
    HTTPServer(("127.0.0.1", 8090), Receiver).serve_forever()
