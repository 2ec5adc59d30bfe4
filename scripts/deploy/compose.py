"""Looks at deploy/compose.yaml, and runs what it describes without an engine: prepare.sh, the sample backend, PostgreSQL, the server,
and the calls of `thales`.

    compose.py CHECK_JSONSCHEMA BINARY

ISSUER_HOST_TEST_POSTGRES is a database for the inbox, as scripts/services.sh makes it.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml

COMPOSE = Path("deploy/compose.yaml")
PATIENCE_S = 60


def schema(validator, file):
    """What the schema of the Compose specification has against a file; nothing when it is good."""
    done = subprocess.run([validator, "--builtin-schema", "vendor.compose-spec", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def described(validator):
    if problem := schema(validator, COMPOSE):
        sys.exit(f"compose.py: {problem}")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as broken:
        broken.write(COMPOSE.read_text().replace("cap_drop:", "cap_drops:"))
        broken.flush()
        assert schema(validator, broken.name), "control: a misspelt key is good"
    whole = yaml.safe_load(COMPOSE.read_text())
    for name, service in whole["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], f"{name} may do too much"
        assert service["security_opt"] == ["no-new-privileges:true"] and service["user"] not in ("root", "0"), name
        assert service["image"] == "issuer-host" or service["image"].partition(":")[2] not in ("", "latest"), f"{name}: which version?"
        assert name == "issuer-host" or service["healthcheck"], f"{name}: nobody knows whether it is well"
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${PUBLISH_ON:-127.0.0.1}:")), f"{name}: {port} is open to the network"
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
            made = source.startswith("./compose/run/") or source in whole["volumes"]
            assert made or (COMPOSE.parent / source).exists(), f"{name}: there is no {source}"
    caller = whole["services"]["thales"]
    named = {part.partition("=")[2] for part in caller["command"] if "=/" in part}
    sees = {volume["target"] for volume in caller["volumes"]}
    assert named and sees == named, f"thales sees {sees ^ named}, or does not see it"
    for volume in caller["volumes"]:
        assert volume["source"].endswith(volume["target"].removeprefix("/etc")), volume
    return whole


# Runs the program in the place of a container, and writes down how it would have been started.
DOCKER = """#!/bin/sh
echo "$@" >>{log}
while [ "$1" != issuer-host ]; do shift; done
shift
exec {program} "$@"
"""


def owned(program, folder):
    """Whom prepare.sh makes the files for and has the containers run as: whoever runs it, and never root."""
    root = os.geteuid() == 0
    owner = (65532, 65532) if root else (os.geteuid(), os.getegid())
    compose, log, docker = folder / "deploy/compose", folder / "docker.log", folder / "bin/docker"
    shutil.copytree("deploy/compose", compose, ignore=shutil.ignore_patterns("run"))
    docker.parent.mkdir()
    docker.write_text(DOCKER.format(log=log, program=program))
    docker.chmod(0o755)
    path = f"{docker.parent}:{os.environ['PATH']}"
    subprocess.run([compose / "prepare.sh"], env={**os.environ, "PATH": path}, check=True, stdout=subprocess.DEVNULL)
    written = "%d:%d" % owner
    assert (folder / "deploy/.env").read_text() == f"OWNER={written}\n"
    started = log.read_text().splitlines()
    assert started and all(f"--user {written} " in line for line in started), started
    made = [compose / "run/issuer-host", *(compose / "run/issuer-host").rglob("*")]
    assert len(made) > 10, "control: files were made"
    for file in made:
        whose = file.stat()
        assert (whose.st_uid, whose.st_gid) == owner, f"{file} belongs to {whose.st_uid}:{whose.st_gid}"
        assert whose.st_mode & 0o077 == 0 or file.suffix == ".pem" or file.name == "README.md", f"others may read {file}"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def until_ready(server, url, trust):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"compose.py: the server ends with {server.returncode}")
        try:
            with urlopen(url, timeout=5, context=trust):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    sys.exit("compose.py: the server is not ready")


def guarded(admin, trust, token):
    """The console is for who shows the token."""
    def status(path, shown):
        request = Request(admin + path, headers={"authorization": f"Bearer {shown}"} if shown else {})
        try:
            with urlopen(request, timeout=PATIENCE_S, context=trust) as answer:
                return answer.status
        except HTTPError as error:
            return error.code
    for path in "/", "/status":
        assert status(path, token) == 200, f"{path} is not told to who shows the token"
        assert status(path, token[::-1]) == 401 and status(path, "") == 401, f"{path} is told to others"
    assert status("/metrics", "") == 200


def walked(whole, program, folder):
    run = folder / "run"
    subprocess.run(["deploy/compose/prepare.sh", program, run], check=True, stdout=subprocess.DEVNULL)
    # In compose.yaml the database is a host of that name; its password is the same in both files.
    password = (run / "database/password").read_text()
    url = run / "issuer-host/secrets/inbox-url"
    assert url.read_text() == f"postgres://issuer_host:{password}@database/issuer_host"
    database = os.environ["ISSUER_HOST_TEST_POSTGRES"]
    url.write_text(database)
    caller, admin, backend = free_port(), free_port(), free_port()
    variables = {
        **os.environ,
        "ISSUER_HOST_CONFIG": f"{run}/issuer-host/issuer-host.toml",
        "ISSUER_HOST__SERVER__LISTEN": f"127.0.0.1:{caller}",
        "ISSUER_HOST__ADMIN__LISTEN": f"127.0.0.1:{admin}",
        "ISSUER_HOST__ENVIRONMENTS__SAMPLE__BACKEND__URL": f"http://127.0.0.1:{backend}",
    }
    started = []
    heard = folder / "backend.log"
    try:
        with heard.open("w") as log:
            command = [sys.executable, "deploy/compose/backend.py", "127.0.0.1", str(backend)]
            started.append(subprocess.Popen(command, stdout=log))
        with (folder / "server.log").open("w") as log:
            started.append(subprocess.Popen([program, "serve"], env=variables, stderr=log))
        trust = ssl.create_default_context(cafile=run / "issuer-host/admin/server-ca.pem")
        until_ready(started[-1], f"https://localhost:{admin}/readyz", trust)
        guarded(f"https://localhost:{admin}", trust, (run / "issuer-host/secrets/admin-token").read_text())
        command = [part.replace("/etc/issuer-host", f"{run}/issuer-host") for part in whole["services"]["thales"]["command"]]
        called = subprocess.run([program, *command, f"--connect=127.0.0.1:{caller}"], env=variables, capture_output=True, text=True,
                                timeout=PATIENCE_S, check=False)
        if called.returncode != 0:
            sys.exit(f"compose.py: thales is not content:\n{called.stdout}{called.stderr}{(folder / 'server.log').read_text()}")
        deadline = time.monotonic() + PATIENCE_S
        while not {"delivered", "forwarded"} <= set(heard.read_text().replace(",", "").split()):
            if time.monotonic() > deadline:
                sys.exit(f"compose.py: the backend heard of no delivery, or of no call:\n{heard.read_text()}")
            time.sleep(0.1)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(PATIENCE_S)


def main():
    whole = described(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(sys.argv[2]).resolve())
        owned(program, Path(folder))
        walked(whole, program, Path(folder))
    print("compose.yaml is good, and what it describes answers every call")


main()
