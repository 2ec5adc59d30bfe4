"""A backend for a walk through the onboarding: it answers every known call as a healthy system of a customer would.

    python3 backend.py OPERATIONS.json PORT_FILE [PORT]

OPERATIONS.json is what `issuer-host explain --format json` prints; the port that was taken, PORT or else a free one, is written into
PORT_FILE.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Everything that some query wants to read in its answer.
ANSWER = json.dumps({
    "issuerCardRefId": "SAMPLE-card-reference",
    "productId": "SAMPLE-product",
    "levelOfTrust": "green",
    "tokenId": "SAMPLE-token",
    "tokenInfo": {"token": "SAMPLE", "exp": "1230"},
    "language": "en-GB",
    "firstName": "SAMPLE",
    "lastName": "SAMPLE",
    "mobilePhoneNumber": "+33000000000",
    "encryptedData": "SAMPLE..encrypted.data",
    "cardId": "SAMPLE-card",
    "consumerId": "SAMPLE-consumer",
    "accountId": "SAMPLE-account",
    "verificationResults": {"pan": "VALID"},
    "purchaseId": "SAMPLE-purchase",
    "signature": "SAMPLE",
}).encode()


def routes(products):
    """Method, pattern and status of every call, the most literal paths first."""
    calls = [call for product in products for call in product["operations"]]
    for call in sorted(calls, key=lambda call: call["path"].count("{")):
        path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(call["path"]))
        yield call["method"], re.compile(path + "$", re.IGNORECASE), call["status"]


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes = []

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        status = next((status for method, known, status in self.routes
                       if method == self.command and known.match(path)), 404)
        body = ANSWER if status == 200 else b""
        self.send_response(status)
        if status != 204:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


def main():
    Backend.routes = list(routes(json.loads(Path(sys.argv[1]).read_text())))
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[3]) if len(sys.argv) > 3 else 0), Backend)
    # Whole when it is there: whoever waits for the file reads it at once.
    port = Path(sys.argv[2])
    port.with_suffix(".new").write_text(str(server.server_port))
    port.with_suffix(".new").rename(port)
    server.serve_forever()


main()
