"""Values that the chart must take, and those that it must refuse with a message."""

import copy
from pathlib import Path

import yaml

ENVIRONMENT = {
    "product": "tsh",
    "customer_id": "ISSUER0001",
    "host": "tsh.issuer.sample",
    "allow_sample_certificates": True,
    "client_ca": "/etc/issuer-host/thales/client-ca.pem",
    "certificate_chain": "/etc/issuer-host/tls/tls.crt",
    "private_key_file": "/etc/issuer-host/tls/tls.key",
    "backend": {"url": "http://cards.payments.svc:8080"},
}
FORWARDING = {
    "config": {"environments": {"preprod": ENVIRONMENT}},
    "files": [{"name": "thales", "configMap": "thales-client-ca"}, {"name": "tls", "secret": "issuer-host-server"}],
}


def merged(base, changes):
    """A copy of base with changes laid over it: tables are merged, None takes away, all else replaces. None for what is not in
    base stays, and takes away a default of the chart."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None and key in result:
            del result[key]
            continue
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def with_file(base, name):
    return merged(base, {"files": [*base["files"], {"name": name, "secret": f"issuer-host-{name}"}]})


def in_preprod(changes):
    return {"config": {"environments": {"preprod": changes}}}


SQLITE = merged(FORWARDING, {"config": {"inbox": {"url": "sqlite:///var/lib/issuer-host/inbox.db"}}})
POSTGRESQL = merged(with_file(FORWARDING, "inbox"), {"config": {"inbox": {"url_file": "/etc/issuer-host/inbox/url"}}})
GUARDED = merged(with_file(FORWARDING, "admin"), {"config": {"admin": {
    "token_file": "/etc/issuer-host/admin/token",
    "tls": {"certificate_chain": "/etc/issuer-host/admin/tls.crt", "private_key_file": "/etc/issuer-host/admin/tls.key"},
}}})
# As docs/console.md says it.
CONSOLE = merged(FORWARDING, yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "deploy/helm/values-console.yaml").read_text(encoding="utf-8")))
MONITORED = merged(FORWARDING, {"metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}})
CERTIFIED = merged(FORWARDING, {
    "files": FORWARDING["files"][:1],
    "certManager": {"enabled": True, "issuerRef": {"name": "bank-ca"}, "dnsNames": ["tsh.issuer.sample"]},
})
SCALED = merged(POSTGRESQL, {"autoscaling": {"enabled": True}})
PROXIED = merged(FORWARDING, {"service": {"proxyProtocol": {"enabled": True, "from": ["10.0.0.0/16", "fd00::/8"]}}})

# Everything that no other case has.
FURNISHED = merged(POSTGRESQL, {
    "config": {
        "server": {"listen": ["[::]:8443", "[::]:9443"], "drain_delay": "1m", "max_connections": 1000000},
        "admin": {"listen": "[::]:9090"},
        "environments": {
            "preprod": {"listen": ["[::]:8443"], "crl": [], "resumption": "off", "operations": {"tsh/sendOTP": {"deadline": "3s"}}},
            "production": {**ENVIRONMENT, "host": "prod.issuer.sample", "product": ["tsh"], "customer_id": "0012345678",
                           "listen": ["[::]:9443"]},
        },
    },
    "replicas": 3,
    "image": {"repository": "registry.bank.example/issuer-host", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": ["registry"],
    "fullnameOverride": "door",
    "service": {"type": "NodePort"},
    "podDisruptionBudget": {"minAvailable": 2, "maxUnavailable": None},
    "networkPolicy": {
        "callers": [{"ipBlock": {"cidr": "192.0.2.0/24"}}],
        "egress": {"enabled": True, "rules": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
    },
    "serviceAccount": {"create": False},
    "terminationGracePeriodSeconds": 120,
    "env": [{"name": "ISSUER_HOST__LOG__LEVEL", "value": "debug"}],
    "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "payments", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}}, "priorityClassName": "payments",
    "topologySpreadConstraints": [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}],
})

# What is secret is named here, and stands somewhere else.
SECRETIVE = merged(with_file(FORWARDING, "keys"), {
    **in_preprod({
        "product": "cof",
        "api_keys": {"spring_2026": {"key_file": "/etc/issuer-host/keys/token"}},
    }),
    "env": [
        {"name": "ISSUER_HOST__LOG__LEVEL", "value": "debug"},
        {"name": "ISSUER_HOST__ENVIRONMENTS__PREPROD__PRIVATE_KEY_FILE", "value": "/etc/issuer-host/tls/tls.key"},
        {"name": "BACKEND_URL", "valueFrom": {"secretKeyRef": {"name": "backend", "key": "url"}}},
    ],
})

# What docs/deployment.md has for a network load balancer of AWS.
NETWORK_BALANCED = merged(FORWARDING, yaml.safe_load(
    Path("docs/deployment.md").read_text().split("### AWS\n", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]))

GOOD = {
    "forwarding": FORWARDING,
    "a network load balancer of AWS": NETWORK_BALANCED,
    "secrets that stand elsewhere": SECRETIVE,
    "sqlite": SQLITE,
    "sqlite, one replica in so many words": merged(SQLITE, {"replicas": 1}),
    "postgresql": POSTGRESQL,
    "autoscaling": SCALED,
    "admin listener with TLS and a token": GUARDED,
    "the console": CONSOLE,
    "PROXY protocol": PROXIED,
    "cert-manager": CERTIFIED,
    "prometheus operator": merged(MONITORED, {"metrics": {"prometheusRule": {"enabled": True}}}),
    "everything else": FURNISHED,
    "nothing optional": merged(FORWARDING, {
        "podDisruptionBudget": {"enabled": False}, "networkPolicy": {"enabled": False}, "service": {"type": "ClusterIP"},
        "resources": None,
    }),
}

INVALID_KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"

# Name: the nearest values that are good, the change that spoils them, words of the refusal.
BAD = {
    "no environment": (FORWARDING, {"config": {"environments": {"preprod": None}}}, "environments is empty"),
    "sqlite with two replicas": (SQLITE, {"replicas": 2}, "replicas is 2, but an inbox of SQLite"),
    "sqlite with an autoscaler": (SQLITE, {"autoscaling": {"enabled": True}}, "autoscaling.enabled does not go with"),
    "sqlite outside of the volume": (SQLITE, {"config": {"inbox": {"url": "sqlite:inbox.db"}}}, "below /var/lib/issuer-host"),
    "sqlite that may never be moved":
        (SQLITE, {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": None}}, "would never let its node"),
    "an unknown store": (SQLITE, {"config": {"inbox": {"url": "mysql://db/inbox"}}}, "neither one of SQLite"),
    "a database's password in a ConfigMap":
        (POSTGRESQL, {"config": {"inbox": {"url": "postgres://u:p@h/d", "url_file": None}}}, "would stand in a ConfigMap"),
    "two urls of an inbox":
        (POSTGRESQL, {"config": {"inbox": {"url": "sqlite:///var/lib/issuer-host/i.db"}}}, "both url and url_file"),
    "an admin listener on loopback": (FORWARDING, {"config": {"admin": {"listen": "127.0.0.1:9090"}}}, "probes cannot reach"),
    "an admin listener on loopback of IPv6": (FORWARDING, {"config": {"admin": {"listen": "[::1]:9090"}}}, "probes cannot reach"),
    "an admin listener on the callers' port": (FORWARDING, {"config": {"admin": {"listen": "0.0.0.0:8443"}}}, "that Thales calls"),
    "an admin token without TLS": (GUARDED, {"config": {"admin": {"tls": None}}}, "has a token but no tls"),
    "a console for nobody": (GUARDED, {"config": {"admin": {"token_file": None}}}, "nobody could use the console"),
    "protected metrics without a token":
        (MONITORED, {"config": {"admin": {"metrics": "protected"}}}, "metrics.serviceMonitor.authorization"),
    "metrics over TLS that Prometheus does not know":
        (GUARDED, {"metrics": {"serviceMonitor": {"enabled": True}}}, "metrics.serviceMonitor.tlsConfig"),
    "no listener": (FORWARDING, {"config": {"server": {"listen": []}}}, "config.server.listen is empty"),
    "a listener without a port": (FORWARDING, {"config": {"server": {"listen": ["0.0.0.0"]}}}, "has no port"),
    "an end that is cut off": (FORWARDING, {"terminationGracePeriodSeconds": 44}, "would be killed with requests in flight"),
    "a duration that cannot be added up": (FORWARDING, {"config": {"server": {"drain_timeout": "1m 30s"}}}, "one number and one unit"),
    "PROXY headers from nobody": (PROXIED, {"service": {"proxyProtocol": {"from": []}}}, "needs service.proxyProtocol.from"),
    "PROXY headers that are off": (PROXIED, {"service": {"proxyProtocol": {"enabled": False}}}, "enabled is false"),
    "PROXY headers in two places":
        (PROXIED, {"config": {"server": {"proxy_protocol": {"from": ["10.0.0.0/8"]}}}}, "are both set"),
    "a private key in a ConfigMap": (FORWARDING, in_preprod({"private_key_file": None, "private_key": INVALID_KEY}), "is a private key"),
    "an API key in a ConfigMap": (FORWARDING, in_preprod({"api_keys": {"main": {"key": "k"}}}), "main.key is a secret"),
    "an API key whose name has a dot in a ConfigMap":
        (SECRETIVE, in_preprod({"api_keys": {"spring.2026": {"key": "k"}}}), "spring.2026.key is a secret"),
    "a password in a URL in a ConfigMap":
        (SECRETIVE, in_preprod({"backend": {"url": "http://user:pw@cards.payments.svc:8080"}}), "backend.url has a user, a password"),
    "a password of NATS in a ConfigMap":
        (FORWARDING, {"config": {"backends": {"events": {"url": "nats://svc:hunter2@nats:4222"}}}}, "events.url has a user, a password"),
    **{
        f"a variable {name} in the description of a pod": (SECRETIVE, {"env": [{"name": name, "value": value}]}, f"the value of {name}")
        for name, value in [
            ("ISSUER_HOST__ADMIN__TOKEN", "t"),
            ("ISSUER_HOST__ENVIRONMENTS__PREPROD__API_KEYS__MAIN__KEY", "k"),
            ("ISSUER_HOST__BACKENDS__OTHER__SIGNING_SECRET", "whsec_"),
            ("PGPASSWORD", "p"),
            ("ISSUER_HOST__INBOX__URL", "postgres://u:p@h/d"),
            ("ANYTHING", "http://u:p@h"),
            ("ANYTHING_ELSE", INVALID_KEY),
        ]
    },
    "an admin token in a ConfigMap": (GUARDED, {"config": {"admin": {"token": "t"}}}, "config.admin.token is a secret"),
    "a file that nothing mounts": (FORWARDING, {"files": FORWARDING["files"][:1]}, "nothing is mounted at /etc/issuer-host/tls"),
    "two mounts of one name": (FORWARDING, {"files": [*FORWARDING["files"], {"name": "tls", "secret": "a"}]}, "the name tls is taken"),
    "a mount in the place of the configuration":
        (FORWARDING, {"files": [*FORWARDING["files"], {"name": "config", "secret": "a"}]}, "the name config is taken"),
    "a mount of nothing": (FORWARDING, {"files": [*FORWARDING["files"], {"name": "a"}]}, "neither a secret nor a configMap"),
    "a mount of two things":
        (FORWARDING, {"files": [*FORWARDING["files"], {"name": "a", "secret": "b", "configMap": "c"}]}, "both a secret and a configMap"),
    "a certificate of no issuer": (CERTIFIED, {"certManager": {"issuerRef": {"name": ""}}}, "needs certManager.issuerRef.name"),
    "a certificate for no name": (CERTIFIED, {"certManager": {"dnsNames": []}}, "needs certManager.dnsNames"),
    "cert-manager's mount twice": (CERTIFIED, {"files": FORWARDING["files"]}, "taken, by certManager"),
    "an autoscaler beside replicas": (SCALED, {"replicas": 3}, "replicas and autoscaling.enabled"),
    "an autoscaler without a measure": (SCALED, {"resources": {"requests": {"cpu": None}}}, "needs resources.requests.cpu"),
    "an autoscaler upside down": (SCALED, {"autoscaling": {"minReplicas": 9}}, "larger than autoscaling.maxReplicas"),
    "a budget of two minds": (FORWARDING, {"podDisruptionBudget": {"minAvailable": 1}}, "one of maxUnavailable and minAvailable"),
    "an unknown value": (FORWARDING, {"replicaCount": 2}, "additional properties 'replicaCount' not allowed"),
    "an unknown table": (FORWARDING, {"config": {"sever": {}}}, "additional properties 'sever' not allowed"),
    "a word that YAML makes a boolean of": (FORWARDING, in_preprod({"resumption": False}), "value must be one of 'off', 'reverified'"),
}
