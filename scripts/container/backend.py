"""A backend that acknowledges whatever it gets, and keeps callers waiting while it is told to.

    python3 backend.py ADDRESS FOLDER

Writes FOLDER/port once it listens on ADDRESS, on a free port. While FOLDER/hold exists, requests get no answer; the first one that
waits makes FOLDER/waiting.
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[2])


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        while (FOLDER / "hold").exists():
            (FOLDER / "waiting").touch()
            time.sleep(0.05)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 512
    server = ThreadingHTTPServer((sys.argv[1], 0), Backend)
    # Whole when it is there: whoever waits for the file reads it at once.
    (FOLDER / "port.new").write_text(str(server.server_port))
    (FOLDER / "port.new").rename(FOLDER / "port")
    server.serve_forever()


main()
