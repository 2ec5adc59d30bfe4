"""Calls a server over mutual TLS with what schemathesis makes of every API description.

    run.py ISSUER_HOST_BINARY SCHEMATHESIS DESCRIPTIONS [--examples N]

It starts the server with an environment and a port for each product, and a backend that answers everything with 200; each
description is run against the environment of its product, with a client certificate and the product's second key. It fails when
an answer is no success and no documented problem, when a connection breaks, when nothing gets through, or when the server panics
or does not end well. Everything is on loopback, in a directory that is removed; only what was started here is ended.
"""

import argparse
import base64
import http.client
import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

CUSTOMER_ID = "ISSUER0001"
API_KEY = "api-key-of-this-run-only"
CLIENT_SECRET = "client-secret-of-this-run-only"
# Those before others that they begin like.
PRODUCTS = {
    "cof-": "cof",
    "d1-ecom-": "d1-ecom",
    "d1-": "d1",
    "tsh-issuer-gateway-auxiliary-": "tsh-auxiliary",
    "tsh-issuer-gateway-": "tsh",
    "tsh-transit-": "transit",
    "tsp-": "tsp",
}
TOKEN_PATHS = {"d1": "/authz/d1/v1/oauth2/token", "d1-ecom": "/oauth2/token"}


class Backend(http.server.ThreadingHTTPServer):
    """Answers everything with one status, and counts."""

    daemon_threads = True

    def __init__(self, status):
        super().__init__(("127.0.0.1", 0), Answer)
        self.status = status
        self.paths = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        while self.headers.get("transfer-encoding"):
            size = int(self.rfile.readline().split(b";")[0], 16)
            self.rfile.read(size + 2)
            if size == 0:
                break
        self.server.paths.append(self.path)
        body = b"" if self.command == "HEAD" else b"{}"
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass


class Server:
    """The server, with an environment for each product."""

    def __init__(self, binary, directory, backend):
        self.pki = directory / "pki"
        subprocess.run([binary, "sample-pki", self.pki], check=True, stdout=subprocess.DEVNULL)
        products = sorted(set(PRODUCTS.values()))
        ports = free_ports(len(products))
        self.origins = {product: f"https://localhost:{port}" for product, port in zip(products, ports)}
        (directory / "issuer-host.toml").write_text(configuration(products, ports, self.pki, backend))
        self.log = directory / "log"
        with self.log.open("w") as log:
            command = [binary, "serve", "--config", directory / "issuer-host.toml"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + 60
        while '"event":"ready"' not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise SystemExit(f"the server does not get ready:\n{self.log.read_text()}")
            time.sleep(0.05)

    def end(self):
        """Ends it by its id; what is wrong with how it ran."""
        if self.process.poll() is not None:
            return f"the server ended by itself with {self.process.returncode}"
        self.process.terminate()
        try:
            code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "the server did not end"
        log = self.log.read_text()
        if code != 0 or "panicked at" in log:
            return f"the server ended with {code}:\n" + "\n".join(line for line in log.splitlines() if "panicked" in line)
        return None


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def configuration(products, ports, pki, backend):
    text = """
[log]
format = "json"
level = "debug"
[admin]
listen = "127.0.0.1:0"
[reload]
watch = false
poll = "0s"
"""
    for product, port in zip(products, ports):
        name = product.replace("-", "_")
        text += f"""
[environments.{name}]
product = "{product}"
customer_id = "{CUSTOMER_ID}"
host = "localhost"
listen = ["127.0.0.1:{port}"]
client_ca = "{pki}/thales-client-ca.pem"
certificate_chain = "{pki}/server-chain.pem"
private_key = "{pki}/server-key.pem"
backend = {{ url = "{backend.url}" }}
"""
        if product == "cof":
            text += f'api_keys.main.key = "{API_KEY}"\n'
        if product in TOKEN_PATHS:
            text += f"""
[environments.{name}.tokens]
signing_key = "{pki}/server-key.pem"
lifetime = "24h"
clients.thales.secrets.current.secret = "{CLIENT_SECRET}"
"""
    return text


class Calls:
    """What calls the server as schemathesis does."""

    def __init__(self, binary, schemathesis, server, examples):
        self.binary, self.schemathesis, self.server, self.examples = binary, schemathesis, server, examples
        self.documented = {product: self.problems(product) for product in server.origins}
        self.tokens = {product: self.token(product, path) for product, path in TOKEN_PATHS.items()}

    def problems(self, product):
        explained = subprocess.run(
            [self.binary, "explain", product, "--format", "json"], check=True, capture_output=True, text=True
        )
        return json.loads(explained.stdout)[0]["problems"]

    def token(self, product, path):
        """A token, fetched as Thales does."""
        origin = urllib.parse.urlsplit(self.server.origins[product])
        context = ssl.create_default_context(cafile=self.server.pki / "server-ca.pem")
        context.load_cert_chain(self.server.pki / "client-a-chain.pem", self.server.pki / "client-a-key.pem")
        connection = http.client.HTTPSConnection(origin.hostname, origin.port, context=context, timeout=30)
        form = {"content-type": "application/x-www-form-urlencoded", "authorization": basic()}
        connection.request("POST", path, "grant_type=client_credentials", form)
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"{product} gets no token: {answer.status} {answer.read()}")
        token = json.loads(answer.read())["access_token"]
        connection.close()
        return token

    def command(self, description, product, origin, more):
        pki = self.server.pki
        return [
            self.schemathesis, "run", description, "--origin", origin, "--no-color", "--warnings", "off",
            "--checks", "documented_answer", "--phases", "examples,coverage,fuzzing",
            "--max-examples", str(self.examples), "--seed", "20261122", "--generation-database", "none", "--no-shrink",
            "--suppress-health-check", "all", "--request-timeout", "30", "--continue-on-failure",
            "--tls-verify", pki / "server-ca.pem",
            "--request-cert", pki / "client-a-chain.pem", "--request-cert-key", pki / "client-a-key.pem",
            "-H", f"x-issuer-id: {CUSTOMER_ID}", *more,
        ]  # fmt: skip

    def credentials(self, product):
        """The second key of its calls, and which calls that is for; several, where some have another."""
        if product == "cof":
            return [("", ["-H", f"authorization: APIKEY {API_KEY}"])]
        if product in TOKEN_PATHS:
            at_endpoint = ["-H", f"authorization: {basic()}", "--include-path-regex", "/oauth2/token$"]
            elsewhere = ["-H", f"authorization: Bearer {self.tokens[product]}", "--exclude-path-regex", "/oauth2/token$"]
            return [("token endpoint", at_endpoint), ("calls", elsewhere)]
        return [("", [])]

    def run(self, description, product, origin, more):
        """Whether it went well, and what schemathesis said."""
        environment = dict(
            os.environ,
            SCHEMATHESIS_HOOKS="checks",
            PYTHONPATH=str(pathlib.Path(__file__).parent),
            DOCUMENTED=json.dumps(self.documented[product]),
            CUSTOMER_ID=CUSTOMER_ID,
            PYTHONDONTWRITEBYTECODE="1",
        )
        command = self.command(description, product, origin, more)
        finished = subprocess.run(
            command, env=environment, cwd=self.server.pki, capture_output=True, text=True, timeout=600
        )
        return finished.returncode == 0, finished.stdout + finished.stderr


def basic():
    return "Basic " + base64.b64encode(f"thales:{CLIENT_SECRET}".encode()).decode()


def product_of(description):
    return next(product for prefix, product in PRODUCTS.items() if description.name.startswith(prefix))


def describes(description, what):
    is_endpoint = re.search(r"^  /oauth2/token:", description.read_text(), re.MULTILINE)
    others = re.search(r"^  /(?!oauth2/token:)\S*:$", description.read_text(), re.MULTILINE)
    return bool(is_endpoint) if what == "token endpoint" else bool(others)


def main():
    parser = argparse.ArgumentParser(description="Calls a server with what schemathesis makes of API descriptions.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("schemathesis", type=pathlib.Path)
    parser.add_argument("descriptions", type=pathlib.Path)
    parser.add_argument("--examples", type=int, default=15)
    arguments = parser.parse_args()
    binary, schemathesis = arguments.binary.absolute(), arguments.schemathesis.absolute()
    descriptions = sorted(arguments.descriptions.absolute().glob("*.yaml"))
    if not descriptions:
        raise SystemExit(f"no description in {arguments.descriptions}")

    problems = []
    with tempfile.TemporaryDirectory() as directory:
        backend = Backend(200)
        server = Server(binary, pathlib.Path(directory), backend)
        try:
            calls = Calls(binary, schemathesis, server, arguments.examples)
            runs = [
                (description, product_of(description), what, more)
                for description in descriptions
                for what, more in calls.credentials(product_of(description))
                if describes(description, what)
            ]

            def one(run):
                description, product, what, more = run
                return run, *calls.run(description, product, server.origins[product], more)

            # One for each core: they wait for each other's Python as much as for the server.
            with ThreadPoolExecutor(max_workers=2) as pool:
                for (description, product, what, _), well, said in pool.map(one, runs):
                    print(f"{'ok    ' if well else 'FAILED'}  {product:13}  {description.name} {what}", flush=True)
                    if not well:
                        problems.append(f"{description.name}:\n{said}")
            if not backend.paths:
                problems.append("not one call has reached the backend")

            # Controls: a server in trouble is told from one that is not, and one that is not there from one that is.
            product = product_of(descriptions[0])
            gone = f"https://localhost:{free_ports(1)[0]}"
            for what, origin, reason in [
                ("answers 400 to everything", Backend(400).url, "400 is no documented problem"),
                ("answers 500 to everything", Backend(500).url, "500 is no documented problem"),
                ("is not there", gone, "Network Error"),
            ]:
                well, said = calls.run(descriptions[0], product, origin, ["--max-failures", "1"])
                if well or reason not in said:
                    problems.append(f"a server that {what} is taken for a good one:\n{said}")
        finally:
            problem = server.end()
            if problem:
                problems.append(problem)
        told = [json.loads(line) for line in server.log.read_text().splitlines()]
        requests = [event for event in told if event["event"] == "request"]
        acknowledged = sum(event["status"] < 300 for event in requests)
        print(f"{len(requests)} requests, {acknowledged} of them successful, {len(backend.paths)} at the backend")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
