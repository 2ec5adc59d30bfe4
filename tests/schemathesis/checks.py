"""What schemathesis asks of every answer, and what it leaves right in every call.

The environment tells what is tested: DOCUMENTED is the table of problems of the product, as `issuer-host explain PRODUCT --format
json` prints it; CUSTOMER_ID the one that the server serves.
"""

import json
import os

import schemathesis

# Problems that a call brings upon itself. Those of a server or a backend in trouble are documented too, and yet would be a fault
# here, where neither is.
BY_THE_CALL = {
    "bad-request",
    "missing-header",
    "unauthenticated",
    "unknown-id",
    "unknown-operation",
    "method-not-allowed",
    "too-large",
    "host-mismatch",
}

PROBLEMS = [problem for problem in json.loads(os.environ["DOCUMENTED"]) if problem["cause"] in BY_THE_CALL]
STATUSES = {problem["status"] for problem in PROBLEMS}


def members(body):
    """The names in a problem's body; none where it has no body."""
    return set(json.loads(body)) if body else set()


# What every body of a problem has, of this product.
MEMBERS = set.intersection(*(members(problem["body"]) for problem in PROBLEMS))


@schemathesis.check
def documented_answer(ctx, response, case):
    """A success, or a problem that the product's callers are told of, with its body."""
    if 200 <= response.status_code < 300:
        return
    if response.status_code not in STATUSES:
        raise AssertionError(f"{response.status_code} is no documented problem of a call: {sorted(STATUSES)}")
    if case.method.upper() == "HEAD":
        return
    body = response.content
    if not MEMBERS and body:
        raise AssertionError(f"a problem has a body where none is documented: {body[:200]!r}")
    if not MEMBERS <= members(body):
        raise AssertionError(f"a problem's body lacks some of {sorted(MEMBERS)}: {body[:200]!r}")


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    """Three calls in four name an issuer that is served: of others nothing more is known than that they are refused."""
    for name in ("issuerId", "merchantGatewayId"):
        value = (path_parameters or {}).get(name)
        if value is not None and len(str(value)) % 4:
            path_parameters[name] = os.environ["CUSTOMER_ID"]
    return path_parameters
