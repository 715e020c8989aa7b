#!/usr/bin/env python3
"""Runs tests and prints a line per test with its seconds, then a line with the sums.

    tests/run.py units   --tree asan    [NAME...] every *_test program of build/asan, by its own tests
    tests/run.py fuzz    --tree asan    [NAME...] every fuzz target on its seeds (nothing is explored)
    tests/run.py e2e     --tree release [NAME...] tests/e2e/test_*.py
    tests/run.py crash   --tree release [NAME...] tests/crash/*_test.py
    tests/run.py interop --tree release [NAME...] tests/interop/test_*.py: programs of others, fetched once

With NAMEs, those that have one of them in their name. --totals FILE adds "passed failed" to a file, for
who runs several of these. Exit status 1 when a test failed or when there was none.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPRESSIONS = ROOT / "tests" / "tsan.supp"


class Tally:
    def __init__(self, quiet):
        self.passed, self.failed, self.quiet = 0, 0, quiet

    def add(self, name, seconds, failure=""):
        if failure:
            self.failed += 1
        else:
            self.passed += 1
        if failure or not self.quiet:
            print(f"{'FAILED' if failure else 'ok':6} {seconds:7.2f} s  {name}", flush=True)
        if failure:
            print("    " + failure.strip().replace("\n", "\n    "), flush=True)


def environment(tree):
    env = dict(os.environ, MAILWRIGHT_TREE=tree, PYTHONDONTWRITEBYTECODE="1")
    env["PYTHONPATH"] = os.pathsep.join(str(ROOT / "tests" / part) for part in ("", "e2e"))
    env.setdefault("MAILWRIGHT_SUITES", str(ROOT.parent / "shared" / "conformance"))
    # RocksDB and the other libraries of the system are not instrumented: what they allocate and hand
    # over would look like overflowing containers.
    env["ASAN_OPTIONS"] = "detect_container_overflow=0:detect_stack_use_after_return=1:abort_on_error=0:exitcode=66"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1:exitcode=66"
    env["TSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}:second_deadlock_stack=1:exitcode=66"
    if symbolizer := shutil.which("llvm-symbolizer-19"):  # names in reports; its own name is not looked for
        for tool in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            env[tool] += f":external_symbolizer_path={symbolizer}"
    return env


def programs(tree, pattern):
    return sorted(p for p in (ROOT / "build" / tree / "bin").glob(pattern)
                  if p.is_file() and os.access(p, os.X_OK))


def run_gtest(program, tree, limit):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        begin = time.monotonic()
        try:
            done = subprocess.run(
                [str(program), f"--gtest_output=json:{report.name}", "--gtest_brief=1",
                 f"--gtest_filter=-{os.environ.get('MAILWRIGHT_LEAVE_OUT', '')}"],
                env=environment(tree), cwd=ROOT / "build" / tree, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", timeout=limit)
            output, status = done.stdout + done.stderr, done.returncode
        except subprocess.TimeoutExpired as late:
            output, status = f"over {limit} s\n{(late.stdout or b'')[-3000:]!r}", -1
        seconds = time.monotonic() - begin
        rows = []
        try:
            suites = json.load(open(report.name))["testsuites"]
        except (ValueError, KeyError):
            suites = []
        for suite in suites:
            for test in suite["testsuite"]:
                name = f"{program.name}: {suite['name']}.{test['name']}"
                failure = "\n".join(f["failure"] for f in test.get("failures", []))
                if test.get("result") == "SKIPPED" or test.get("status") == "NOTRUN":
                    failure = "skipped: a test that lacks something fails, it never skips"
                rows.append((name, float(test["time"].rstrip("s")), failure))
        broken = status != 0 and not any(row[2] for row in rows)
        if broken or not rows:
            why = output[-6000:] if broken else "the program has no tests"
            rows.append((f"{program.name}: whole program (status {status})", seconds, why))
        return rows


def run_fuzz(program, tree, limit):
    name = program.name.removeprefix("fuzz_")
    seeds = ROOT / "tests" / "corpus" / name
    begin = time.monotonic()
    if not seeds.is_dir() or not any(seeds.iterdir()):
        return [(program.name, 0.0, f"no seeds in {seeds.relative_to(ROOT)}")]
    try:
        done = subprocess.run([str(program), "-runs=0", "-timeout=20", "-rss_limit_mb=2048", str(seeds)],
                              env=environment(tree), cwd=tempfile.gettempdir(), timeout=limit,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace")
        failure = done.stderr[-6000:] if done.returncode else ""
    except subprocess.TimeoutExpired:
        failure = f"over {limit} s"
    count = sum(1 for _ in seeds.iterdir())
    return [(f"{program.name}: {count} seeds", time.monotonic() - begin, failure)]


class Recorder(unittest.TestResult):
    """One JSON line per test on standard output."""

    def startTest(self, test):
        super().startTest(test)
        self.begin, self.reported = time.monotonic(), False

    def report(self, test, failure=""):
        self.reported = True
        seconds = time.monotonic() - getattr(self, "begin", time.monotonic())
        print("@@" + json.dumps([test.id(), seconds, failure]), flush=True)

    def addSuccess(self, test):
        if not self.reported:
            self.report(test)

    def addFailure(self, test, err):
        self.report(test, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.report(subtest, self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        self.report(test, f"skipped: {reason}: a test that lacks something fails, it never skips")


def run_case(folder, module, case, tree, limit):
    """All tests of one class in a process of their own."""
    command = [sys.executable, __file__, "case", str(folder), module, case, "--tree", tree]
    begin = time.monotonic()
    process = subprocess.Popen(command, env=environment(tree), text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        output, rest = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # its daemons too
        output, rest = process.communicate()
        rest = f"over {limit} s\n{rest}"
    status = process.returncode
    rows = [tuple(json.loads(line[2:])) for line in output.splitlines() if line.startswith("@@")]
    notes = "\n".join(line for line in output.splitlines() if not line.startswith("@@"))
    if notes:
        print("       " + notes.replace("\n", "\n       "), flush=True)
    if not rows or (status != 0 and not any(row[2] for row in rows)):
        rows.append((f"{module}.{case}", time.monotonic() - begin, (rest or output)[-6000:]
                     or "no test in it"))
    return rows


def cases(folder, pattern, wanted):
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e"), str(folder)]
    loader = unittest.TestLoader()
    for file in sorted(folder.glob(pattern)):
        suite = loader.loadTestsFromName(file.stem)
        names = {}
        for test in flatten(suite):
            names.setdefault(type(test).__name__, []).append(test.id())
        for name, ids in names.items():
            if is_wanted(f"{file.stem}.{name}", wanted):
                yield file.stem, name
    if loader.errors:
        raise SystemExit("\n".join(loader.errors))


def is_wanted(name, wanted):
    return not wanted or any(part in name for part in wanted)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def one_case(arguments):
    folder, module, case = arguments
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "e2e"), folder]
    suite = unittest.TestLoader().loadTestsFromName(f"{module}.{case}")
    result = Recorder()
    suite.run(result)
    return 1 if result.failures or result.errors else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["units", "fuzz", "e2e", "crash", "interop", "case"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--tree", default="release")
    parser.add_argument("--totals")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--verbose", action="store_true", help="a line for each passed unit test too")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one program or class")
    options = parser.parse_intermixed_args()
    if options.what == "case":
        raise SystemExit(one_case(options.names))

    wanted = options.names
    tree, limit = options.tree, options.limit
    if options.what in ("units", "fuzz"):
        runner = run_gtest if options.what == "units" else run_fuzz
        pattern = "mail_*_test" if options.what == "units" else "fuzz_*"
        work = [(runner, (p, tree, limit)) for p in programs(tree, pattern)
                if is_wanted(p.name, wanted)]
    else:
        folder = ROOT / "tests" / options.what
        pattern = "*_test.py" if options.what == "crash" else "test_*.py"
        work = [(run_case, (folder, module, case, tree, limit))
                for module, case in cases(folder, pattern, wanted)]

    # Crash tests measure time and load the machine themselves: one at a time.
    jobs = 1 if options.what == "crash" else options.jobs
    tally = Tally(quiet=options.what == "units" and not options.verbose)
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(f, *a) for f, a in work]):
            rows = future.result()
            for row in rows:
                tally.add(*row)
            if tally.quiet:
                bad = sum(1 for row in rows if row[2])
                print(f"{'FAILED' if bad else 'ok':6} {sum(r[1] for r in rows):7.2f} s  "
                      f"{rows[0][0].split(':')[0]}: {len(rows)} tests", flush=True)
    if not work:
        tally.add(f"{options.what} of {tree}", 0.0, "there is nothing to run: is it built?")
    print(f"{options.what} ({tree}): {tally.passed} passed, {tally.failed} failed, "
          f"{time.monotonic() - begin:.0f} s", flush=True)
    if options.totals:
        with open(options.totals, "a") as totals:
            totals.write(f"{tally.passed} {tally.failed}\n")
    raise SystemExit(1 if tally.failed else 0)


if __name__ == "__main__":
    main()
