"""Checks links, anchors and reachability of the documents below the current directory, the words that troubleshooting quotes,
and the tests that are named as evidence.

check.py            the documents here; exit 1 with a line for each problem
check.py --control  documents that are wrong, made for it, of which every mistake has to be found
"""

import os
import re
import sys
import tempfile
import urllib.parse
from pathlib import Path

SKIPPED = {"target", "node_modules"}
START = "README.md"
TROUBLESHOOTING = "docs/troubleshooting.md"
# Pages that say which test shows what.
EVIDENCE = ("docs/security-model.md", "docs/assurance.md", "docs/conformance.md")
# Pages that must be reached from README.md; others, such as those of the sample PKI, may be.
REACHED = ("docs/", "deploy/")

FENCE = re.compile(r"^\s*(```|~~~)")
CODE = re.compile(r"(`+)(?:(?!`).|(?!\1)`)*?\1")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)<>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
# Five words and more are a sentence: a test. Metrics have a prefix.
TEST = re.compile(r"`(?!issuer_host_)([a-z0-9]+(?:_[a-z0-9]+){4,})`")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")


def documents(root):
    for directory, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name not in SKIPPED and not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".md"):
                yield Path(directory, name).relative_to(root)


def prose(text):
    """The lines that are no code block, with their numbers."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(text):
    """What headings are linked by: small letters, without punctuation, hyphens for blanks, a number for repeats."""
    found = {}
    for _, line in prose(text):
        heading = HEADING.match(line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1))
            name = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            count = found.get(name, 0)
            found[name] = count + 1
            yield f"{name}-{count}" if count else name
    for explicit in re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text):
        yield explicit


def check(root):
    """Every problem in a line, and how many documents and links were looked at."""
    texts = {page: (root / page).read_text(encoding="utf-8") for page in documents(root)}
    known = {page: set(anchors(text)) for page, text in texts.items()}
    problems, ways, count = [], {}, 0
    for page, text in texts.items():
        ways[page] = set()
        for number, line in prose(text):
            for target in LINK.findall(CODE.sub("", line)):
                if re.match(r"[a-z][a-z0-9+.-]*:", target):
                    continue
                count += 1
                path, _, anchor = target.partition("#")
                path = urllib.parse.unquote(path)
                to = Path(os.path.normpath(page.parent / path)) if path else page
                if to.parts[:1] == ("..",) or not (root / to).exists():
                    problems.append(f"{page}:{number}: there is no {target}")
                    continue
                ways[page].add(to)
                if anchor and to in known and anchor not in known[to]:
                    problems.append(f"{page}:{number}: {to} has no heading for #{anchor}")
    seen, left = set(), [Path(START)]
    while left:
        page = left.pop()
        if page not in seen:
            seen.add(page)
            left.extend(to for to in ways.get(page, ()) if to in texts)
    for page in texts:
        if str(page).startswith(REACHED) and page not in seen:
            problems.append(f"{page}: no way leads here from {START}")
    if Path(TROUBLESHOOTING) in texts:
        problems += quoted(root, texts[Path(TROUBLESHOOTING)])
    problems += [problem for page in EVIDENCE if Path(page) in texts for problem in unproven(root, page, texts[Path(page)])]
    return problems, len(texts), count


def unproven(root, page, text):
    """Tests that a page names and that are not there."""
    code = (path for folder in ("src", "tests", "fuzz") for path in sorted((root / folder).rglob("*.rs")))
    there = {name for path in code for name in re.findall(r"\bfn ([a-z0-9_]+)", path.read_text(encoding="utf-8"))}
    for number, line in prose(text):
        for name in TEST.findall(line):
            if name not in there:
                yield f"{page}:{number}: there is no test {name}"


def quoted(root, text):
    """Names and words in the tables of troubleshooting that the program does not know, and reasons of it that have no line."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((root / "src").rglob("*.rs")))
    # Text that a line break was put into.
    source = re.sub(r"\\\n\s*", "", source)
    problems, column = [], None
    for number, line in prose(text):
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else None
        if cells is None:
            column = None
        elif column is None:
            # The column that holds words of ours, by what it is called in the first row.
            ours = {"`reason`", "`problem`", "`event`", "What the program says"}
            column = next((at for at, cell in enumerate(cells) if cell in ours), -1)
        elif column >= 0 and not line.startswith("|--") and column < len(cells):
            for words in re.findall(r"`([^`]+)`", cells[column]):
                if not all(f'"{part}"' in source or (" " in part and part in source) for part in words.split(" ... ")):
                    problems.append(f"{TROUBLESHOOTING}:{number}: the program does not say `{words}`")
    for file in ("src/tls/refusal.rs", "src/tls/handshake.rs"):
        of_file = root / file
        names = re.findall(r"Self::\S+.* => \"([a-z_]+)\"", of_file.read_text(encoding="utf-8")) if of_file.exists() else []
        problems += [f"{TROUBLESHOOTING}: nothing is said of the reason `{name}`" for name in names if f"`{name}`" not in text]
    return problems


def control():
    """A mistake of each kind is found, and the same documents without them have none."""
    good = {
        "README.md": "# A\n[b](docs/b.md#two-words-1) [code](src/lib.rs)\n[t](docs/troubleshooting.md) [s](docs/security-model.md)\n",
        "docs/security-model.md": "# S\n`the_test_is_there_and_fails` `issuer_host_is_a_metric_and_not_a_test` `a_key_or_word`\n[a](../README.md)\n",
        "docs/b.md": "# B\n## Two words\n## Two words\n[up](../README.md#a) `[no](link.md)`\n```\n[no](link.md)\n# No heading\n```\n",
        "docs/troubleshooting.md": "# T\n| `event` | Meaning |\n|---|---|\n| `known` | x |\n\n`unknown_issuer`\n",
        "src/lib.rs": 'event = "known"; fn the_test_is_there_and_fails() {}',
        "src/tls/refusal.rs": 'Self::A => "unknown_issuer",',
    }
    bad = {
        "there is no docs/c.md": ("README.md", "[c](docs/c.md)"),
        "no heading for #three": ("README.md", "[b](docs/b.md#three)"),
        "no heading for #no-heading": ("README.md", "[b](docs/b.md#no-heading)"),
        "there is no ../../x.md": ("docs/b.md", "[x](../../x.md)"),
        "no way leads here": ("docs/alone.md", "# Alone"),
        "does not say `forgotten`": ("docs/troubleshooting.md", "\n| `event` | M |\n|---|---|\n| `forgotten` | x |"),
        "there is no test a_test_that_is_gone": ("docs/security-model.md", "`a_test_that_is_gone`"),
        "of the reason `newer`": ("src/tls/refusal.rs", 'Self::B => "newer",'),
    }
    for words, (name, more) in {"": ("README.md", ""), **bad}.items():
        with tempfile.TemporaryDirectory() as place:
            root = Path(place)
            for path, text in good.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text, encoding="utf-8")
            with (root / name).open("a", encoding="utf-8") as file:
                file.write(f"{more}\n")
            problems, _, _ = check(root)
            if len(problems) != bool(words) or any(words not in problem for problem in problems):
                sys.exit(f"docs-check: control {words or 'without mistakes'!r} gave {problems}")


if sys.argv[1:] == ["--control"]:
    control()
else:
    found, pages, links = check(Path("."))
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        sys.exit(f"docs-check: {len(found)} problems")
    print(f"docs-check: {pages} documents, {links} links: all lead somewhere")
