#!/usr/bin/env python3
"""Every mutant of cargo-mutants in one build: each stands beside the code that it replaces, and a variable of the environment
says which one is in force. A build takes a minute, a mutant a second: one after the other they would take a night.

cargo-mutants says what the mutants are; here they are woven in, built, and tried against those tests that come past them.

    woven.py weave MUTANTS.json TREE          writes the mutants into the sources of TREE (a copy) and leaves out what does not compile
    woven.py reach TREE                       which tests come past which mutant
    woven.py run TREE [--jobs N]              runs them, or those that are left; each outcome is a line of TREE/mutants/outcome
    woven.py tell TREE                        those that nobody noticed
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

import tree_sitter
import tree_sitter_rust

RUST = tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))
SWITCH = '''
/// Which mutant is in force, and which ones a test comes past.
pub(crate) mod woven {
    use std::collections::HashSet;
    use std::io::Write as _;
    use std::sync::{LazyLock, Mutex};

    static IN_FORCE: LazyLock<u32> =
        LazyLock::new(|| std::env::var("WOVEN_MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(0));
    static REACHED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("WOVEN_REACHED").ok());
    static SEEN: LazyLock<Mutex<HashSet<(String, u32)>>> = LazyLock::new(Default::default);

    pub(crate) fn on(id: u32) -> bool {
        if let Some(path) = &*REACHED {
            let test = std::thread::current().name().unwrap_or("?").to_owned();
            let mut seen = SEEN.lock().unwrap();
            if seen.insert((test.clone(), id)) {
                let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
                file.write_all(format!("{id} {test}\\n").as_bytes()).unwrap();
            }
        }
        *IN_FORCE == id
    }
}
'''
# What fails with any mutant, or without: it uses up its own process, and another test runs it in one of its own.
SKIPPED = ["--skip", "failure::a_process_that_has_no_descriptors_left"]
# A mutant that keeps a test busy for longer has been noticed.
TIMEOUT = 60


def offsets(text):
    """Where each line begins, in characters."""
    begins = [0]
    for line in text.split("\n"):
        begins.append(begins[-1] + len(line) + 1)
    return begins


class Source:
    """A file, and the edits that weave its mutants in."""

    def __init__(self, path, mutants):
        self.path, self.text = path, path.read_text()
        self.bytes = self.text.encode()
        self.tree = RUST.parse(self.bytes)
        begins = offsets(self.text)
        self.left_out, self.edits = [], collections.defaultdict(list)
        for mutant in mutants:
            start, end = (begins[mutant["span"][at]["line"] - 1] + mutant["span"][at]["column"] - 1 for at in ("start", "end"))
            start, end = (len(self.text[:at].encode()) for at in (start, end))
            place = self.place(mutant, start, end)
            if place is None:
                self.left_out.append(mutant["id"])
            else:
                self.edits[place].append(mutant)

    def place(self, mutant, start, end):
        """(start, end, how) of what is replaced, or None where that cannot be said in an expression."""
        node = self.tree.root_node.descendant_for_byte_range(start, end)
        genre = mutant["genre"]
        if genre == "FnValue":
            # A function has one type, also where it is not named.
            return None if "impl " in mutant["function"]["return_type"] else (start, start, "body")
        if genre == "BinaryOperator":
            while node is not None and node.type not in ("binary_expression", "compound_assignment_expr"):
                node = node.parent
            if node is None or any(child.type == "let_condition" for child in node.children) or node.parent.type == "let_chain":
                return None
            mutant["operator"] = (start, end)
            return (node.start_byte, node.end_byte, "binary")
        if genre == "UnaryOperator":
            while node is not None and node.type != "unary_expression":
                node = node.parent
            mutant["operator"] = (start, end)
            return node and (node.start_byte, node.end_byte, "unary")
        if genre == "MatchArm":
            while node is not None and node.type != "match_arm":
                node = node.parent
            pattern = node and next((child for child in node.children if child.type == "match_pattern"), None)
            return pattern and (pattern.start_byte, pattern.end_byte, "arm")
        if genre == "MatchArmGuard":
            # A guard may bind (`if let`), and what it binds would be missing.
            return None if b"let " in self.bytes[start:end] else (start, end, "guard")
        return None

    def woven(self, without):
        """The text with all mutants but those of `without`, and which part of it belongs to which mutants."""
        edits = {}
        for place, mutants in self.edits.items():
            kept = [mutant for mutant in mutants if mutant["id"] not in without]
            if kept:
                edits[place] = kept
        # Outer before inner, so that inner ones lie within the part of the outer that is not mutated.
        ordered = sorted(edits, key=lambda place: (place[0], -place[1], place[2] != "body"))
        parts, spans = [], []

        def emit(piece):
            if isinstance(piece, str):
                piece = piece.encode()
            parts.append(piece)
            emit.at += len(piece)

        emit.at = 0

        def write(start, end, index):
            """Writes the bytes from start to end, with the edits from index on that lie within."""
            at = start
            while index < len(ordered) and ordered[index][0] < end:
                place = ordered[index]
                if place[0] < at:
                    index += 1
                    continue
                emit(self.bytes[at:place[0]])
                at = place[0]
                inner = index + 1
                while inner < len(ordered) and ordered[inner][0] < place[1]:
                    inner += 1
                self.one(place, edits[place], emit, spans, lambda a, b: write(a, b, index + 1))
                at = place[1]
                index = max(inner, index + 1) if place[1] > place[0] else index + 1
            emit(self.bytes[at:end])

        write(0, len(self.bytes), 0)
        return b"".join(parts), spans

    def one(self, place, mutants, emit, spans, rest):
        start, end, how = place
        if how == "body":
            for mutant in mutants:
                begin = emit.at
                value = mutant["replacement"]
                emit(f"if crate::woven::on({mutant['id']}) {{ return {'' if value == '()' else value}; }} ")
                spans.append((begin, emit.at, mutant["id"]))
            return
        if how == "arm":
            begin = emit.at
            pattern = self.bytes[start:end].decode()
            match = re.search(r"\sif\s", pattern)
            (mutant,) = [mutants[0]]
            if match:
                rest(start, start + len(pattern[: match.start()].encode()))
                emit(f" if !crate::woven::on({mutant['id']}) && (")
                rest(start + len(pattern[: match.end()].encode()), end)
                emit(")")
            else:
                rest(start, end)
                emit(f" if !crate::woven::on({mutant['id']})")
            spans.append((begin, emit.at, mutant["id"]))
            return
        emit("(")
        for mutant in mutants:
            begin = emit.at
            emit(f"if crate::woven::on({mutant['id']}) {{ ")
            if how == "guard":
                emit(mutant["replacement"])
            else:
                at, to = mutant["operator"]
                emit(self.bytes[start:at] + mutant["replacement"].encode() + self.bytes[to:end])
            emit(" } else ")
            spans.append((begin, emit.at, mutant["id"]))
        emit("{ ")
        rest(start, end)
        emit(" })")
        for mutant in mutants:
            spans.append((begin, emit.at, mutant["id"], "around"))


def arms_around(text, place, spans, genres):
    """The mutants that take an arm away from the match whose arms are no longer enough."""
    node = RUST.parse(text).root_node.descendant_for_byte_range(place["byte_start"], place["byte_end"])
    while node is not None and node.type != "match_expression":
        node = node.parent
    return {s[2] for s in spans if node and genres[s[2]] == "MatchArm" and node.start_byte <= s[0] and s[1] <= node.end_byte}


def cargo(tree, *arguments):
    environment = dict(os.environ, RUSTFLAGS="--cap-lints=warn -Awarnings", CARGO_INCREMENTAL="1")
    return subprocess.run(["cargo", *arguments], cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def weave(options):
    mutants = json.loads(pathlib.Path(options.mutants).read_text())
    tree = pathlib.Path(options.tree)
    work = tree / "mutants"
    work.mkdir(exist_ok=True)
    by_file = collections.defaultdict(list)
    for number, mutant in enumerate(mutants, 1):
        mutant["id"] = number
        by_file[mutant["file"]].append(mutant)
    library = tree / "src/lib.rs"
    if "mod woven" not in library.read_text():
        # The lints are for what people write.
        library.write_text(library.read_text() + SWITCH)
        manifest = tree / "Cargo.toml"
        manifest.write_text(re.sub(r"(?ms)^\[lints\..*?(?=^\[(?!lints)|\Z)", "", manifest.read_text()))
    sources = [Source(tree / file, found) for file, found in by_file.items()]
    without = {number for source in sources for number in source.left_out}
    genres = {mutant["id"]: mutant["genre"] for mutant in mutants}
    print(f"{len(mutants)} mutants in {len(sources)} files; {len(without)} cannot be woven in")
    while True:
        spans, texts = {}, {}
        for source in sources:
            name = str(source.path.relative_to(tree))
            texts[name], spans[name] = source.woven(without)
            source.path.write_bytes(texts[name])
        answer = cargo(tree, "check", "--locked", "--profile", "test", "--lib", "--message-format=json")
        wrong, unplaced = set(), []
        for line in answer.stdout.splitlines():
            message = json.loads(line).get("message")
            if not isinstance(message, dict) or message.get("level") != "error" or not message["spans"]:
                continue
            places = [span for span in message["spans"] if span["is_primary"]] + message["spans"]
            for span in places:
                found = [s for s in spans.get(span["file_name"], []) if s[0] <= span["byte_start"] and span["byte_end"] <= s[1]]
                if found:
                    # The smallest; what is around the original text comes last.
                    least = min(found, key=lambda s: (len(s) > 3, s[1] - s[0]))
                    wrong.update(s[2] for s in found if s[:2] == least[:2] or len(least) > 3 and len(s) > 3 and s[:2] == least[:2])
                    break
            else:
                arms = arms_around(texts[places[0]["file_name"]], places[0], spans[places[0]["file_name"]], genres) if places[0]["file_name"] in spans else set()
                wrong |= arms
                if not arms:
                    unplaced.append(message["rendered"])
        print(f"  {len(wrong)} do not compile, {len(unplaced)} errors elsewhere", flush=True)
        if not wrong:
            if answer.returncode:
                sys.exit("the rest does not build:\n" + "\n".join(unplaced[:5]) + answer.stderr[-3000:])
            break
        without |= wrong
    kept = [mutant for mutant in mutants if mutant["id"] not in without]
    (work / "woven.json").write_text(json.dumps(kept))
    (work / "left-out.json").write_text(json.dumps([m["name"] for m in mutants if m["id"] in without], indent=1))
    print(f"{len(kept)} woven in")


def program(tree):
    answer = cargo(tree, "test", "--locked", "--no-run", "--lib", "--message-format=json")
    for line in answer.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["kind"] == ["lib"]:
            return message["executable"]
    sys.exit(answer.stderr[-3000:])


def reach(options):
    tree = pathlib.Path(options.tree).resolve()
    reached = tree / "mutants/reached"
    reached.unlink(missing_ok=True)
    answer = subprocess.run([program(tree), "-q", *SKIPPED], cwd=tree, env=dict(os.environ, WOVEN_REACHED=str(reached)), capture_output=True, text=True)
    print(answer.stdout[-600:])
    if answer.returncode:
        sys.exit("the tests fail without any mutant")


def tests_of(tree):
    tests = collections.defaultdict(set)
    for line in (tree / "mutants/reached").read_text().splitlines():
        number, test = line.split(" ", 1)
        tests[int(number)].add(test)
    return tests


def attempt(tree, executable, known, number, names):
    """What came of one mutant: (outcome, by which test)."""
    strangers = names - known
    chosen = sorted(names & known)
    # What another thread comes past belongs to a test that is not known: all of them are tried then, after those that are.
    for arguments in ([["--exact", *chosen]] if chosen else []) + ([[]] if strangers else []):
        command = ["nice", "-n", "10", executable, "-q", "--test-threads", "2", *SKIPPED, *arguments]
        try:
            answer = subprocess.run(command, cwd=tree, env=dict(os.environ, WOVEN_MUTANT=str(number)), capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return ("timeout", "")
        if answer.returncode:
            failed = re.findall(r"^    (\S+)$", answer.stdout, re.M)
            return ("caught", failed[0] if failed else f"exit {answer.returncode}")
    return ("missed", "")


def run(options):
    tree = pathlib.Path(options.tree).resolve()
    mutants, tests, executable = json.loads((tree / "mutants/woven.json").read_text()), tests_of(tree), program(tree)
    listed = subprocess.run([executable, "--list", "--format", "terse"], capture_output=True, text=True, check=True).stdout
    known = {line.removesuffix(": test") for line in listed.splitlines() if line.endswith(": test")}
    done = outcomes(tree)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool, (tree / "mutants/outcome").open("a") as file:
        waiting = {}
        for mutant in mutants:
            names = tests.get(mutant["id"], set())
            if mutant["name"] in done:
                continue
            if names:
                waiting[pool.submit(attempt, tree, executable, known, mutant["id"], names)] = mutant
            else:
                file.write(f"not reached\t\t{mutant['name']}\n")
        for future in concurrent.futures.as_completed(waiting):
            found, by = future.result()
            file.write(f"{found}\t{by}\t{waiting[future]['name']}\n")
            file.flush()
    tell(options)


def outcomes(tree):
    path = tree / "mutants/outcome"
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: (found, by) for found, by, name in (line.split("\t", 2) for line in lines)}


def tell(options):
    outcome = outcomes(pathlib.Path(options.tree).resolve())
    for name, (found, _) in sorted(outcome.items()):
        if found in ("missed", "not reached"):
            print(f"{found:12} {name}")
    print(dict(collections.Counter(found for found, _ in outcome.values())))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("weave")
    one.add_argument("mutants")
    one.add_argument("tree")
    one.set_defaults(do=weave)
    for name, do in (("reach", reach), ("run", run), ("tell", tell)):
        one = commands.add_parser(name)
        one.add_argument("tree")
        one.add_argument("--jobs", type=int, default=2)
        one.set_defaults(do=do)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
