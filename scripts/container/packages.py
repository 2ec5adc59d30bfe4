"""Compares what a program says it is made of (cargo auditable), what its bill of materials says (CycloneDX), and Cargo.lock.

    python3 packages.py SECTION SBOM CARGO_LOCK

SECTION is the program's section .dep-v0. Every package of the program must be in the bill, with the version and checksum of
Cargo.lock; exit 1 where one is not.
"""

import json
import sys
import zlib
from pathlib import Path

# tomllib came with Python 3.11, Debian's since bookworm.
import tomllib


def main():
    section, bill, lock = (Path(name) for name in sys.argv[1:4])
    program = json.loads(zlib.decompress(section.read_bytes()))["packages"]
    listed = json.loads(bill.read_text())["components"]
    locked = {(package["name"], package["version"]): package.get("checksum")
              for package in tomllib.loads(lock.read_text())["package"]}

    built_in = {(package["name"], package["version"]) for package in program if package.get("kind") != "build"}
    own = {(package["name"], package["version"]) for package in program if package.get("root")}
    checksums = {(component["name"], component["version"]): {one["content"] for one in component.get("hashes", [])}
                 for component in listed}

    wrong = [f"{name} {version} is in the program, not in the bill" for name, version in built_in - own - checksums.keys()]
    wrong += [f"{name} {version} is in the bill, not in Cargo.lock" for name, version in checksums.keys() - locked.keys()]
    wrong += [f"{name} {version}: the bill has another checksum than Cargo.lock"
              for (name, version), found in checksums.items() if locked.get((name, version)) not in found]
    # What no build of this program can be without: a list that lacks them is no list of it.
    wrong += [f"{name} is missing" for name in ("rustls", "hyper", "tokio", "aws-lc-sys")
              if name not in {known for known, _ in built_in}]
    for line in sorted(wrong):
        print(line, file=sys.stderr)
    print(f"  ok     {len(built_in)} packages in the program, {len(checksums)} in the bill, all of them as locked")
    return 1 if wrong else 0


sys.exit(main())
