"""The disk under the stores: power cuts, failing operations, damage, in process (tests/crash/*.cc).

The sizes are those of a quick look; MAIL_CRASH=full or long makes them those of the continuous
integration and of tools/crash --long.
"""
import collections
import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = os.environ.get("MAILWRIGHT_TREE", "release")
PROGRAM = Path(os.environ.get("MAIL_CRASH_PROGRAM", ROOT / "build" / TREE / "bin" / "mail_crash"))
SIZE = os.environ.get("MAIL_CRASH", "short")
SLOW = TREE != "release"
PARTS = max(4, 2 * (os.cpu_count() or 1))  # RocksDB waits now and then; several share the cores


def size_of(short, full, long):
    size = {"short": short, "full": full, "long": long}[SIZE]
    return max(1, size // 20) if SLOW and SIZE == "short" else size


def run_parts(commands, limit=36000):
    """All at once; their last lines, and what those that failed had to say."""
    processes = [subprocess.Popen([str(PROGRAM), *map(str, command)], text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                 for command in commands]
    sums, troubles, deadline = [], [], time.monotonic() + limit
    for process in processes:
        output, _ = process.communicate(timeout=max(1, deadline - time.monotonic()))
        lines = output.strip().splitlines() or [""]
        sums.append(lines[-1])
        if process.returncode != 0:
            troubles.append(f"status {process.returncode}\n{output[-4000:]}")
    return sums, troubles


def number(pattern, lines):
    return [int(found) for line in lines for found in re.findall(pattern, line)]


class PowerCut(unittest.TestCase):
    def test_everything_acknowledged_is_there_after_each_cut(self):
        cuts = size_of(400, 1000, 50000)
        share = -(-cuts // PARTS)
        sums, troubles = run_parts([("cuts", share)] * PARTS)
        done, opening = sum(number(r"^(\d+) cuts", sums)), sum(number(r"(\d+) while opening", sums))
        acknowledged = sum(number(r"(\d+) acknowledged", sums))
        print(f"{done} power cuts, {opening} of them while opening, {acknowledged} acknowledged")
        self.assertEqual([], troubles)
        self.assertGreaterEqual(done, cuts)


class FailingOperation(unittest.TestCase):
    def test_the_nth_operation_fails_and_nothing_is_lost(self):
        faults = size_of(120, 300, 0)  # 0: every operation, of every kind
        sums, troubles = run_parts([("faults", faults, part, PARTS) for part in range(PARTS)])
        done, refused = sum(number(r"^(\d+) faults", sums)), sum(number(r"(\d+) refused", sums))
        operations = max(number(r"of (\d+) operations", sums), default=0)
        longest = max(number(r"at most (\d+) ms", sums), default=0)
        print(f"{done} faults in scenarios of some {operations} operations, {refused} refused with 4xx, "
              f"accepting again after at most {longest} ms")
        self.assertEqual([], troubles)
        self.assertGreaterEqual(done, max(faults, 1))
        self.assertGreater(refused, 0, "no fault was ever felt")


class Damage(unittest.TestCase):
    """Flips, truncations and deletions over every kind of file of a state, after an orderly stop and after
    a kill. Where a store refuses to open it names `store salvage`, which makes it open."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-damage-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.seed = int(os.environ.get("MAIL_SEED", "0")) or random.SystemRandom().getrandbits(32)
        print(f"seed {self.seed} (MAIL_SEED repeats it)")
        subprocess.run([str(PROGRAM), "state", str(self.folder)], check=True, capture_output=True,
                       env=dict(os.environ, MAIL_SEED=str(self.seed)))

    def damage(self, state, dice):
        files = sorted(path for path in state.rglob("*") if path.is_file() and path.stat().st_size > 0
                       and path.name not in ("LOCK", "control.db", "control.db-wal", "control.db-shm"))
        by_kind = {}
        for path in files:
            kind = path.suffix or re.sub(r"[-0-9].*", "", path.name)
            by_kind.setdefault(kind, []).append(path)
        kind = dice.choice(sorted(by_kind))
        path, way = dice.choice(by_kind[kind]), dice.choice(("flip", "flip", "truncate", "delete"))
        content = bytearray(path.read_bytes())
        if way == "delete":
            path.unlink()
        elif way == "truncate":
            path.write_bytes(content[:dice.randrange(len(content))])
        else:
            for _ in range(dice.choice((1, 1, 8))):
                content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
            path.write_bytes(content)
        return kind, f"{way} {path.relative_to(state)}"

    def one(self, number):
        dice = random.Random(self.seed * 1000003 + number)
        state = self.folder / f"damaged-{number}"
        shutil.copytree(self.folder / dice.choice(("state", "killed")), state)
        kind, what = self.damage(state, dice)
        done = subprocess.run([str(PROGRAM), "look", str(state), str(self.folder / "ledger")], text=True,
                              errors="replace", capture_output=True, timeout=120)
        shutil.rmtree(state)
        last = (done.stdout.strip().splitlines() or [""])[-1]
        return number, kind, what, done.returncode, last, done.stdout[-600:] + done.stderr[-600:]

    def test_no_crash_nothing_altered_every_loss_named(self):
        rounds = size_of(150, 500, 10000)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            results = list(pool.map(self.one, range(rounds)))
        refused = collections.Counter(row[1] for row in results if row[3] == 4)
        bad = [row for row in results if row[3] != 0]
        sums = [row[4] for row in results if row[3] == 0]
        named = sum(number(r"(\d+) lost and named", sums))
        salvaged = collections.Counter(row[1] for row in results if row[4].endswith(", salvaged"))
        print(f"{rounds} damages: {len(sums)} opened, {sum(salvaged.values())} of them by `store salvage` "
              f"{dict(salvaged)}; {named} messages lost and named, {sum(refused.values())} refused {dict(refused)}")
        self.assertEqual([], bad[:5])
