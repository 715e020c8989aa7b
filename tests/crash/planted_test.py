"""Bugs planted on purpose (src/base/planted.h): the harness has to find each of them, and is not told
which one is in. A harness that finds nothing proves nothing (security.md 63).

Needs a tree with MAIL_PLANTED_BUGS, which the asan preset makes; the shipped binary has none of them.
"""
import concurrent.futures
import os
import random
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("MAILWRIGHT_TREE", "asan")
PROGRAM = ROOT / "build" / TREE / "bin" / "mail_crash"
RUN = [sys.executable, str(ROOT / "tests" / "run.py")]

BUGS = ["acknowledge_before_sync", "no_sync", "no_directory_sync", "delete_before_remote_250",
        "retry_after_failed_sync", "deferral_lost", "half_failed_group", "id_used_twice", "segment_not_synced"]
# What is tried, in order, whatever the bug: name, command.
HARNESS = [("power cuts", [str(PROGRAM), "cuts", "200"]),
           ("failing operations", [str(PROGRAM), "faults", "60"]),
           ("kill and count", [*RUN, "crash", "--tree", TREE, "kill_test.Kill"])]


def caught_by(bug):
    """The part of the harness that fails, and the first it says; None: nobody noticed."""
    env = dict(os.environ, MAILWRIGHT_KILLS="4", MAILWRIGHT_MESSAGES="200")
    if bug:
        env["MAIL_PLANTED_BUG"] = bug
    for name, command in HARNESS:
        done = subprocess.run(command, env=env, text=True, errors="replace", capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=600)
        if done.returncode not in (0, 1):
            raise AssertionError(f"{name} broke: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        if done.returncode == 1:
            said = [line for line in done.stdout.splitlines() if is_finding(line)]
            return name, said[0].strip() if said else done.stdout[-2000:]
    return None


def is_finding(line):
    return any(word in line for word in ("LOST", "FORGOTTEN", "ALTERED", "twice", "not agree", "stage",
                                         "AssertionError", "missing", "journal has", "do not open"))


class PlantedBugs(unittest.TestCase):
    def test_each_is_caught_and_without_a_bug_nothing_is_found(self):
        order = [None, *random.SystemRandom().sample(BUGS, len(BUGS))]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as several:
            found_of = {}
            for bug, found in zip(order, several.map(caught_by, order)):
                found_of[bug] = found
                print(f"{bug or 'no bug'}: " + (f"caught by {found[0]}: {found[1]}" if found else "nothing found"),
                      flush=True)
        self.assertIsNone(found_of.pop(None))
        missed = [bug for bug, found in found_of.items() if not found]
        print(f"{len(BUGS) - len(missed)} of {len(BUGS)} caught")
        self.assertEqual([], missed)
