"""Renders the chart with many values, and looks at what comes out of it.

    chart.py check HELM BINARY     everything; BINARY is an issuer-host, which has to accept the configurations
    chart.py write HELM            deploy/kubernetes/*.yaml, and the chart's copy of the alerts
"""

import copy
import json
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import kubernetes_validate
import yaml

from cases import BAD, FORWARDING, GOOD, POSTGRESQL, SQLITE, in_preprod, merged

CHART = Path("deploy/helm/issuer-host")
MANIFESTS = Path("deploy/kubernetes")
RULES = Path("deploy/prometheus/rules.yaml")
RULES_COPY = CHART / "files/rules.yaml"
# The oldest version that Chart.yaml names, and the newest that the schemas know.
VERSIONS = ["1.27", kubernetes_validate.latest_version()]
# Kinds of operators, whose schemas are not Kubernetes' own: they are rendered, and not held against a schema.
WITHOUT_SCHEMA = {"Certificate", "ServiceMonitor", "PrometheusRule"}


def helm(binary, command, values, *more):
    """Standard output and error of helm, and whether it was content. Values are a table, or a file of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        if isinstance(values, dict):
            # JSON is YAML in which every string is in quotes: "0012345678" would become a number.
            json.dump(values, file)
            file.flush()
            values = file.name
        done = subprocess.run([binary, *command, str(CHART), "-f", str(values), *more], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout, done.stderr + done.stdout


def rendered(binary, values):
    good, text, all_text = helm(binary, ["template", "issuer-host"], values)
    if not good:
        raise AssertionError(f"is refused: {all_text.strip()}")
    return text


def documents(text):
    """By kind and name."""
    found = {}
    for document in yaml.safe_load_all(text):
        if document is not None:
            key = (document["kind"], document["metadata"]["name"])
            assert key not in found, f"{key} stands twice"
            found[key] = document
    return found


def one(found, kind, suffix=""):
    names = [name for (a_kind, name) in found if a_kind == kind and name.endswith(suffix)]
    assert len(names) == 1, f"{len(names)} objects of kind {kind}"
    return found[kind, names[0]]


def workload(found):
    kinds = {kind for kind, _ in found} & {"Deployment", "StatefulSet"}
    assert len(kinds) == 1, f"{kinds}: one of Deployment and StatefulSet is wanted"
    return one(found, kinds.pop())


def validated(found):
    for (kind, name), document in found.items():
        if kind in WITHOUT_SCHEMA:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:  # its classes have no common base
                raise AssertionError(f"{kind} {name} is no good {kind} of Kubernetes {version}: {error}") from error


def spoiled(found):
    """The schemas are strict: a misspelt field is not passed over."""
    broken = copy.deepcopy(found)
    container, = workload(broken)["spec"]["template"]["spec"]["containers"]
    container["securityContext"]["readOnlyRootFileSystem"] = container["securityContext"].pop("readOnlyRootFilesystem")
    try:
        validated(broken)
    except AssertionError:
        return
    raise AssertionError("control: a misspelt field is good")


def sound(values, found):
    """What holds for all values."""
    whole = workload(found)
    sqlite = values["config"].get("inbox", {}).get("url", "").startswith("sqlite:")
    assert (whole["kind"] == "StatefulSet") == sqlite, f"{whole['kind']} with this inbox"
    spec = whole["spec"]["template"]["spec"]
    container, = spec["containers"]
    assert (spec["terminationGracePeriodSeconds"]) > 40, "the grace period is shorter than delay and drain"
    assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65532
    assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    confined = container["securityContext"]
    assert confined["readOnlyRootFilesystem"] and confined["capabilities"]["drop"] == ["ALL"]
    assert confined["allowPrivilegeEscalation"] is False
    # What is mounted by file never follows a change.
    assert not any("subPath" in mount for mount in container["volumeMounts"]), "a file is mounted, and not its directory"
    for probe, path in ("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz"):
        assert container[probe]["httpGet"]["path"] == path and container[probe]["httpGet"]["port"] == "admin"
    if sqlite:
        claim, = whole["spec"]["volumeClaimTemplates"]
        assert whole["spec"]["replicas"] == 1 and claim["metadata"]["name"] == "inbox"
        assert {"name": "inbox", "mountPath": "/var/lib/issuer-host"} in container["volumeMounts"]
    else:
        assert whole["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    names = {port["name"]: port["containerPort"] for port in container["ports"]}
    for (kind, name), document in found.items():
        if kind == "Service" and not name.endswith("-admin"):
            targets = [port["targetPort"] for port in document["spec"]["ports"]]
            assert "admin" not in targets and set(targets) == set(names) - {"admin"}, "the callers' Service has other ports"
        if kind == "NetworkPolicy":
            for rule in document["spec"]["ingress"]:
                ports = [port["port"] for port in rule["ports"]]
                assert names["admin"] not in ports or rule.get("from"), "the admin port is open to everyone"


def particular(good):
    """What single values are for. `good` has the documents of each case."""
    config = lambda name: one(good[name], "ConfigMap")["data"]["issuer-host.toml"]
    assert workload(good["forwarding"])["spec"]["replicas"] == 2
    assert workload(good["everything else"])["spec"]["replicas"] == 3
    assert "replicas" not in workload(good["autoscaling"])["spec"], "the autoscaler's number would be undone"
    assert one(good["autoscaling"], "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["kind"] == "Deployment"
    assert 'from = ["10.0.0.0/16","fd00::/8"]' in config("PROXY protocol")
    assert "proxy_protocol" not in config("forwarding")
    furnished = config("everything else")
    assert "max_connections = 1000000\n" in furnished and '[environments.preprod.operations."tsh/sendOTP"]' in furnished
    assert 'customer_id = "0012345678"' in furnished, "zeros count"
    pod = workload(good["admin listener with TLS and a token"])["spec"]["template"]["spec"]["containers"][0]
    assert pod["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    for name, has in ("a network load balancer of AWS", True), ("forwarding", False):
        rules = one(good[name], "NetworkPolicy")["spec"]["ingress"]
        rule, = [rule for rule in rules if {"port": 9090, "protocol": "TCP"} in rule["ports"]]
        assert any("ipBlock" in peer for peer in rule["from"]) == has, f"{name}: health checks from its subnets"
    for name, has in ("the console", True), ("forwarding", False):
        pod = workload(good[name])["spec"]["template"]["spec"]
        secrets = [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume]
        assert ("issuer-host-admin" in secrets) == has and ("admin/token" in config(name)) == has, f"{name}: the console"
        assert (pod["containers"][0]["readinessProbe"]["httpGet"].get("scheme") == "HTTPS") == has, name
    volumes = workload(good["cert-manager"])["spec"]["template"]["spec"]["volumes"]
    secret = one(good["cert-manager"], "Certificate")["spec"]["secretName"]
    assert [v["secret"]["secretName"] for v in volumes if v["name"] == "file-tls"] == [secret]
    monitor = one(good["prometheus operator"], "ServiceMonitor")["spec"]
    admin = one(good["prometheus operator"], "Service", "-admin")
    assert monitor["selector"]["matchLabels"].items() <= admin["metadata"]["labels"].items()
    job = {"targetLabel": "job", "replacement": "issuer-host"}
    assert monitor["endpoints"][0]["relabelings"] == [job], "the alerts look for this job"
    rule = one(good["prometheus operator"], "PrometheusRule")["spec"]
    assert rule == yaml.safe_load(RULES.read_text()), "the alerts changed on the way through the chart"
    assert not [kind for kind, _ in good["nothing optional"] if kind in {"PodDisruptionBudget", "NetworkPolicy"}]
    ends = workload(good["everything else"])["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert ends == 120 and workload(good["forwarding"])["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 55


def rolls(binary):
    """Pods are rolled for what needs a restart, and stay for what is read anew."""
    def restart(values):
        annotations = workload(documents(rendered(binary, values)))["spec"]["template"]["metadata"]["annotations"]
        return annotations["issuer-host/restart"]
    for name, base, change, expected in [
        ("a backend", FORWARDING, in_preprod({"backend": {"url": "http://other:1"}}), False),
        ("a limit", FORWARDING, {"config": {"server": {"max_connections": 5}}}, False),
        ("workers", FORWARDING, {"config": {"server": {"workers": 3}}}, True),
        ("a listener", FORWARDING, in_preprod({"listen": ["0.0.0.0:9443"]}), True),
        ("the log's format", FORWARDING, {"config": {"log": {"format": "human"}}}, True),
        ("the admin listener", FORWARDING, {"config": {"admin": {"listen": "0.0.0.0:9091"}}}, True),
        ("the store", SQLITE, {"config": {"inbox": {"url": "sqlite:///var/lib/issuer-host/b.db"}}}, True),
    ]:
        rolled = restart(base) != restart(merged(base, change))
        assert rolled == expected, f"a change of {name} {'rolls' if rolled else 'does not roll'} the pods"


def configuration(program, found, folder):
    """What `issuer-host check` makes of a rendered configuration, with sample files where its paths lead: its exit code, and its
    words."""
    text = one(found, "ConfigMap")["data"]["issuer-host.toml"]
    for prefix in "/etc/issuer-host", "/var/lib/issuer-host":
        (folder / prefix.strip("/")).mkdir(parents=True, exist_ok=True)
        text = text.replace(prefix, f"{folder}{prefix}")
    sample = folder / "sample"
    if not sample.exists():
        subprocess.run([program, "sample-pki", sample], check=True, capture_output=True)
        keys = subprocess.run([program, "inbox", "new-key"], check=True, capture_output=True, text=True).stdout
        (sample / "keys").write_text(keys)
        (sample / "url").write_text("postgres://issuer_host@127.0.0.1:1/issuer_host")
        (sample / "token").write_text("0123456789abcdef0123456789abcdef")
    stands_for = {"client-ca.pem": "thales-client-ca.pem", "tls.crt": "server-chain.pem", "tls.key": "server-key.pem"}
    for path in map(Path, re.findall(f'"({re.escape(str(folder))}/etc/[^"]+)"', text)):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample / stands_for.get(path.name, path.name), path)
    file = folder / "issuer-host.toml"
    file.write_text(text)
    done = subprocess.run([program, "check", "--config", file], capture_output=True, text=True, check=False)
    # What it says of the server comes last; the lines of the environments are many.
    return done.returncode, (done.stdout + done.stderr).rpartition("\nserver\n")[2]


def accepted(program, good):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, found in good.items():
            code, words = configuration(program, found, folder)
            assert code in (0, 1), f"{name}: issuer-host check ends with {code}:\n{words}"
        broken = {key: dict(document) for key, document in good["forwarding"].items()}
        data = one(broken, "ConfigMap")["data"]
        one(broken, "ConfigMap")["data"] = {"issuer-host.toml": data["issuer-host.toml"].replace("customer_id", "costumer_id")}
        code, words = configuration(program, broken, folder)
        assert code == 78 and "costumer_id" in words, f"control: a misspelt key ends with {code}"


def manifests(binary):
    """deploy/kubernetes as it should be: path and text."""
    for values in sorted(MANIFESTS.glob("values-*.yaml")):
        text = rendered(binary, values)
        # Who applies them without Helm has no release.
        text = re.sub(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"^# Source: .*\n", "", text, flags=re.MULTILINE)
        head = f"# Rendered from deploy/helm/issuer-host with {values.name}, by `scripts/deploy-check.sh --write`.\n"
        yield MANIFESTS / values.name.removeprefix("values-"), head + text


def check(binary, program):
    failures = []

    def attempt(name, what):
        try:
            return what()
        except AssertionError as error:
            failures.append(f"{name}: {str(error) or traceback.extract_tb(error.__traceback__)[-1].line}")
            return None

    good = {}
    for name, values in GOOD.items():
        found = attempt(name, lambda values=values: documents(rendered(binary, values)))
        if found is None:
            continue
        good[name] = found
        attempt(name, lambda found=found: validated(found))
        attempt(name, lambda values=values, found=found: sound(values, found))
        linted, _, words = helm(binary, ["lint", "--strict"], values)
        if not linted:
            failures.append(f"{name}: helm lint: {words}")
    for name, (base, change, words) in BAD.items():
        if base not in GOOD.values():
            attempt(f"{name}, control", lambda base=base: rendered(binary, base))
        passed, _, said = helm(binary, ["template", "issuer-host"], merged(base, change))
        if passed or words not in said:
            failures.append(f"{name}: {'is rendered' if passed else f'is refused in other words: {said.strip()}'}")
    if len(good) == len(GOOD):
        attempt("schemas", lambda: spoiled(good["forwarding"]))
        attempt("single values", lambda: particular(good))
        attempt("configurations", lambda: accepted(program, good))
        attempt("restarts", lambda: rolls(binary))
    for path, text in attempt("manifests", lambda: list(manifests(binary))) or []:
        if not path.exists() or path.read_text() != text:
            failures.append(f"{path} is not what the chart makes: run scripts/deploy-check.sh --write")
        attempt(str(path), lambda text=text: validated(documents(text)))
    if not RULES_COPY.exists() or RULES_COPY.read_text() != RULES.read_text():
        failures.append(f"{RULES_COPY} differs from {RULES}: run scripts/deploy-check.sh --write")
    if failures:
        sys.exit("chart.py: " + "\nchart.py: ".join(failures))
    print(f"{len(GOOD)} sets of values are rendered, held against the schemas of Kubernetes {' and '.join(VERSIONS)}, and accepted by "
          f"issuer-host check; {len(BAD)} are refused. Without a schema: {', '.join(sorted(WITHOUT_SCHEMA))}.")


def write(binary):
    RULES_COPY.parent.mkdir(exist_ok=True)
    shutil.copyfile(RULES, RULES_COPY)
    for path, text in manifests(binary):
        path.write_text(text)


if sys.argv[1] == "check":
    check(sys.argv[2], sys.argv[3])
else:
    write(sys.argv[2])
