#!/usr/bin/env python3
"""Checks what compilers do not: the floors of the house, third-party headers, size, foreign paths.

The declared graph is build/release/graph.txt, written by cmake from src/CMakeLists.txt. Prints each
finding as file:line: what, and what to do; exit status 1 when there is one.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 500

# A third-party header is seen in these folders only; everybody else goes through their interface.
THIRD_PARTY = [
    (r"boost/json", {"platform/json"}),
    (r"openssl/", {"platform/tls"}),
    (r"rocksdb/", {"platform/kv"}),
    (r"sqlite3\.h", {"platform/sql"}),
    (r"(spdlog|fmt)/", {"platform/log"}),
    (r"toml\+\+/", {"platform/toml"}),
    (r"CLI/", {"platform/cli"}),
    (r"(crypt|argon2)\.h", {"platform/password"}),
    (r"unbound\.h", {"platform/resolver"}),
    (r"libpsl\.h", {"platform/psl"}),
]
# Headers of the operating system: base and codec see none (clock, randomness and sockets are arguments).
SYSTEM = re.compile(r"(sys|netinet|arpa|net|linux)/|(unistd|fcntl|signal|poll|netdb|pwd|grp|dirent|termios"
                    r"|pthread|sysexits|malloc)\.h")
IMPURE_STD = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "random", "fstream",
              "iostream", "filesystem"}  # what codec/ must not need (design §1)
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")
TEXT = {".cc", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".toml", ".json", ".supp", ""}

findings = []


def found(path, number, what):
    findings.append(f"{path.relative_to(ROOT)}:{number}: {what}")


TESTS_OF = "tests of "


def read_graph():
    """What each folder declares, and what its test program alone does."""
    file = ROOT / "build" / "release" / "graph.txt"
    if not file.exists():
        subprocess.run(["cmake", "--preset", "release"], cwd=ROOT, check=True, capture_output=True)
    graph = {}
    for line in file.read_text().splitlines():
        if line.strip():
            folder, _, dependencies = line.partition(":")
            graph[folder.strip()] = set(dependencies.split())
    tests = {folder.removeprefix(TESTS_OF): graph.pop(folder) for folder in list(graph) if folder.startswith(TESTS_OF)}
    return graph, tests


def reachable(graph, folder):
    """What a folder may include: what it declares and what that declares."""
    seen, todo = set(), [folder]
    while todo:
        for next_folder in graph.get(todo.pop(), ()):
            if next_folder not in seen:
                seen.add(next_folder)
                todo.append(next_folder)
    return seen | {"base"}


def floor(folder):
    return folder.split("/")[0]


ALLOWED = {"base": {"base"}, "codec": {"base", "codec"}, "platform": {"base", "platform"},
           "service": {"base", "codec", "platform", "service"},
           "daemon": {"base", "codec", "platform", "service", "daemon"}}


def check_graph(graph):
    for folder, dependencies in graph.items():
        for dependency in dependencies:
            if floor(dependency) not in ALLOWED[floor(folder)]:
                findings.append(f"src/CMakeLists.txt:1: {folder} may not depend on {dependency} (design §1)")
            if dependency not in graph:
                findings.append(f"src/CMakeLists.txt:1: {folder} depends on {dependency}, which is not declared")
        if folder in reachable(graph, folder) - {"base"}:
            findings.append(f"src/CMakeLists.txt:1: {folder} depends on itself (a cycle)")


def check_includes(path, folder, text, may_include, graph, tests):
    is_test = bool(re.search(r"_test\.cc$|_test_|^test_|_suite\.h$|conformance", path.name))
    if is_test:
        may_include = may_include | tests.get(folder, set())
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not match:
            continue
        quote, header = match.groups()
        if quote == '"':
            target = header.rpartition("/")[0]
            if not (ROOT / "src" / header).exists():
                found(path, number, f'"{header}" is not a path from src/')
            elif target != folder and target in graph and target not in may_include:
                if floor(target) not in ALLOWED[floor(folder)]:
                    found(path, number, f"{floor(folder)} may not include {target} (design §1)")
                elif not is_test:
                    found(path, number, f"{folder} does not declare {target}: add it to DEPENDS in "
                                        "src/CMakeLists.txt, or do without")
            continue
        if re.match(r"(gtest|gmock)/", header):
            if not is_test:
                found(path, number, "GoogleTest is for *_test.cc and conformance headers")
            continue
        for pattern, homes in THIRD_PARTY:
            if re.match(pattern, header) and folder not in homes:
                found(path, number, f"<{header}> belongs to {' or '.join(sorted(homes))}; use its interface")
        if floor(folder) in ("base", "codec") and SYSTEM.match(header) and not is_test:
            found(path, number, f"<{header}>: {floor(folder)} sees no operating system (design §1)")
        if floor(folder) == "codec" and header in IMPURE_STD and not is_test:
            found(path, number, f"<{header}>: codec is pure, take it as an argument (design §1)")


def check_style(path, text):
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        found(path, MAX_LINES + 1, f"{len(lines)} lines: over {MAX_LINES} a noun is hiding; name it")
    if path.suffix in (".cc", ".h"):
        if path.suffix == ".h" and not text.startswith("//"):
            found(path, 1, "a header begins with a comment: what, ownership, threads, errors")
        if path.suffix == ".h" and "#pragma once" not in text:
            found(path, 1, "header without #pragma once")
        for number, line in enumerate(lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                found(path, number, "unfinished: finish it or write it down elsewhere")


def text_files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, listed):
        path = ROOT / name
        if path.is_file() and path.suffix in TEXT and "corpus" not in path.parts:
            yield path


def main():
    graph, tests = read_graph()
    check_graph(graph)
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".cc", ".h"):
            continue
        folder = str(path.parent.relative_to(ROOT / "src"))
        text = path.read_text()
        check_style(path, text)
        if folder in graph:
            check_includes(path, folder, text, reachable(graph, folder), graph, tests)
        elif folder != "daemon/main":
            found(path, 1, f"{folder} is not declared in src/CMakeLists.txt")
    for path in text_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if path.suffix == ".py" or (path.suffix in (".cc", ".h") and "src" not in path.parts):
            check_style(path, text)
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATHS.search(line) and path.name != Path(__file__).name:
                found(path, number, "a path of one machine: make it relative or a setting")
    print("\n".join(findings), end="\n" if findings else "")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
