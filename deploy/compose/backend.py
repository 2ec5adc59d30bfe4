"""A sample backend: it takes every call, says which on standard output, and answers what Thales' queries want to read.

    python3 backend.py ADDRESS PORT

A backend of your own answers with your data; which call wants what stands in docs/operations.md.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Fields that some query or command wants in its answer.
ANSWER = json.dumps({
    "issuerCardRefId": "SAMPLE-card-reference",
    "productId": "SAMPLE-product",
    "levelOfTrust": "green",
    "encryptedData": "SAMPLE..encrypted.data",
    "language": "en-GB",
}).encode()


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        # Of a delivery of the inbox, what repeats are known by; of a forwarded call there is none.
        entry = self.headers.get("ce-id")
        print(self.command, self.path, f"delivered, entry {entry}" if entry else "forwarded", flush=True)
        self.respond()

    def respond(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    do_POST = do_PUT = answer

    def do_GET(self):
        # The health check asks for /, which no operation does.
        if self.path == "/":
            self.respond()
        else:
            self.answer()

    def log_message(self, *_):
        """Calls are told of above."""


def main():
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Backend).serve_forever()


main()
