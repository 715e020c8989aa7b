"""Kills the daemon at random moments and at named points of heavy traffic, and counts what was promised.

Clients keep ledgers: what the server has answered 250 to, noted before anything else is done. They send
to local mailboxes and to a next hop, a sink with a ledger of its own, which takes, puts off, refuses and
hangs up; by DATA, BDAT and pipelined, some of it 5 MiB. After the last kill every message of every
ledger must lie in its mailbox or have reached the sink, byte for byte, or its sender was told: lost 0,
altered 0; twice comes only what was in flight at a kill. MAILWRIGHT_KILLS and MAILWRIGHT_MESSAGES
(acknowledged, at least) size the run, MAILWRIGHT_SEED repeats the moments of the kills.
"""
import collections
import hashlib
import os
import random
import re
import subprocess
import threading
import time
import unittest
from pathlib import Path

import sums
from lib.daemon import DEADLINE, ROOT, SLOW, TREE, Daemon
from lib.hop import CLOSE, Hop
from lib.smtp import Smtp, message, stuffed

SIZES = {"short": (20, 5000), "full": (40, 20000), "long": (2000, 1000000)}
KILLS, MESSAGES = SIZES[os.environ.get("MAIL_CRASH", "short")]
KILLS = int(os.environ.get("MAILWRIGHT_KILLS", KILLS))
MESSAGES = int(os.environ.get("MAILWRIGHT_MESSAGES", MESSAGES))
CLIENTS = 8 if SLOW else 32
# One for each client, for an address is told of 1,000 bounces an hour, and the rest waits
# (service/report/reporter.h); the long form has some 15,000.
ACCOUNTS = [f"u{i}@yahoo.test" for i in range(CLIENTS)]
SINK = "sink@away.test"
NOBODY = "nobody@away.test"  # refused by the sink for ever: its sender is told
LARGE = 5 << 20
QUICK = '[outbound]\nretry_min = "1s"\nretry_max = "1s"\n'

# What the daemon is doing when it is killed: tests/crash/preload/kill_at.cc. How often each comes in a
# life differs; beyond that the kill comes at random.
POINTS = {"write.before": 300, "write.after": 300, "sync.before": 300, "sync.after": 300,
          "acknowledge.before": 200, "acknowledge.after": 200, "final_dot.before": 60, "final_dot.after": 60,
          "remote_250.after": 60, "settle.before": 40, "settle.after": 40, "retry_update.before": 10,
          "retry_update.after": 10, "dsn_spool.before": 4, "dsn_spool.after": 4, "blob_write.before": 2,
          "blob_write.after": 2, "segment_write.before": 10, "segment_write.after": 10,
          "segment_sync.before": 10, "segment_sync.after": 10, "staging.before": 3, "staging.after": 3,
          "directory_sync.before": 12, "directory_sync.after": 12, "journal.before": 200, "journal.after": 200}
KILLER = ROOT / "build" / TREE / "bin" / "libmail_kill_at.so"


class Ledger:
    """Acknowledged messages: token -> (mailbox, digest of the body as sent). Any thread."""

    def __init__(self):
        self.rows, self.lock = {}, threading.Lock()
        self.sent = {}  # everything that was begun, acknowledged or not

    def begin(self, token, address, digest):
        with self.lock:
            self.sent[token] = (address, digest)

    def acknowledge(self, token):
        with self.lock:
            self.rows[token] = self.sent[token]


def digest_of(body):
    return hashlib.sha256(body).hexdigest()


def verify(ledger, found):
    """`found`: (mailbox, token, digest) of what lies in the mailboxes. Lists of lost and altered."""
    stored = {}
    for address, token, digest in found:
        stored.setdefault((address, token), []).append(digest)
    lost, altered = [], []
    for token, (address, digest) in ledger.rows.items():
        digests = stored.get((address, token), [])
        if not digests:
            lost.append(token)
        elif digests != [digest]:
            altered.append(token)  # other bytes, or twice where it was sent once
    # What was never acknowledged may be there or not, but if it is, it is whole and was sent.
    for (address, token), digests in stored.items():
        if any(ledger.sent.get(token) != (address, digest) for digest in digests):
            altered.append(token)
    return lost, sorted(set(altered))


class Client(threading.Thread):
    """Sends until told to stop; connects again whenever the daemon is back."""

    def __init__(self, number, ledger, server, seed):
        super().__init__(daemon=True)
        self.number, self.ledger, self.server = number, ledger, server
        self.random = random.Random(seed)
        self.count = 0
        self.trouble = None

    def run(self):
        while not self.server.stop.is_set():
            self.server.up.wait(1)
            try:
                with Smtp(self.server.port, timeout=10 if not SLOW else 60) as smtp:
                    smtp.ehlo()
                    while not self.server.stop.is_set():
                        self.send_one(smtp)
            except (OSError, AssertionError) as trouble:
                # A killed server closes connections and that is all: a reply such as 550 or 451
                # would be a fault of its own.
                if not self.server.down.is_set() and self.server.up.is_set():
                    self.trouble = self.trouble or repr(trouble)
                time.sleep(0.01)  # the port is closed for a moment

    def body(self):
        size = LARGE if self.random.random() < 0.002 else self.random.choice((10, 900, 4000, 4000, 30000))
        mark = "staged-part" if size == LARGE else ""
        line = f"{self.random.getrandbits(300):075x}{mark}\r\n"
        return "".join(f"{number:08x}{line}" for number in range(size // len(line) + 1))

    def send_one(self, smtp):
        token = f"c{self.number}-{self.count}"
        self.count += 1
        away = self.random.random() < 0.3
        address = self.random.choice(ACCOUNTS) if not away else NOBODY if self.random.random() < 0.05 else SINK
        body = self.body()
        self.ledger.begin(token, address, digest_of(body.encode()))
        if self.way(smtp, address, message(token, "tom@elsewhere.test", address, body)).code == 250:
            self.ledger.acknowledge(token)

    def way(self, smtp, address, content):
        """By DATA, by BDAT in pieces, or pipelined; the reply that counts."""
        sender = ACCOUNTS[self.number] if address == NOBODY else "tom@elsewhere.test"
        if isinstance(content, str):
            content = content.encode()
        way = self.random.randrange(3)
        if way == 0:
            smtp.envelope(sender, [address])
            return smtp.data(content)
        if way == 1:
            smtp.envelope(sender, [address])
            cut = self.random.randrange(len(content))
            smtp.bdat(content[:cut])
            return smtp.bdat(content[cut:], last=True)
        smtp.send(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{address}>\r\nDATA\r\n")
        smtp.reply(250)
        smtp.reply(250)
        smtp.reply(354)
        smtp.send(stuffed(content) + b".\r\n")
        return smtp.reply(250)


class Server:
    """What clients need to know of a daemon that comes and goes."""

    def __init__(self, port):
        self.port = port
        self.up, self.down, self.stop = threading.Event(), threading.Event(), threading.Event()
        self.up.set()


class Sink:
    """The next hop and its ledger of what it took, written once its 250 is under way."""

    def __init__(self, seed):
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.moody = True
        self.taken = collections.Counter()  # (token, digest) -> how often
        self.hop = Hop()
        self.hop.add = self.add
        self.hop.on["RCPT"] = lambda line, _: "550 5.1.1 nobody" if NOBODY in line else None
        self.hop.on["DOT"] = self.dot

    def dot(self, *_):
        with self.lock:
            dice = self.random.random() if self.moody else 1
        return "451 4.3.0 sink-later" if dice < 0.05 else CLOSE if dice < 0.07 else "250 2.0.0 sink-took"

    def add(self, mail):
        row = row_of(mail.content)
        with self.lock:
            self.taken[row] += 1


def row_of(content):
    header, _, body = content.partition(b"\r\n\r\n")
    found = re.search(rb"(?mi)^subject: (.*?)\r?$", header)
    return (found[1].decode("utf-8", "replace") if found else "", digest_of(body))


def contents(daemon):
    """Everything in all mailboxes: (mailbox, token, digest), and what senders were told."""
    program = next(path for path in (ROOT / "build" / tree / "bin" / "mail_crash" for tree in (TREE, "release"))
                   if path.exists())
    rows, notices = [], []
    with subprocess.Popen([str(program), "dump", str(daemon.state), str(len(ACCOUNTS))],
                          stdout=subprocess.PIPE) as dump:
        while head := dump.stdout.readline():
            account, _, size = map(int, head.split())
            content = dump.stdout.read(size)
            if b"multipart/report" in content[:4000]:
                notices.append(content)
            else:
                rows.append((ACCOUNTS[account - 1], *row_of(content)))
    if dump.returncode != 0:
        raise AssertionError(f"the state cannot be read: status {dump.returncode}")
    return rows, notices


class Kill(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("MAILWRIGHT_SEED", "0")) or random.SystemRandom().getrandbits(32)
        print(f"seed {self.seed} (MAILWRIGHT_SEED repeats it)")
        self.dice = random.Random(self.seed)
        self.ledger, self.sink = Ledger(), Sink(self.dice.getrandbits(32))
        self.addCleanup(self.sink.hop.close)
        self.daemon = Daemon(accounts=ACCOUNTS, domains=["yahoo.test"], listeners=[("relay", "none")],
                             routes={"away.test": f"smtp://127.0.0.1:{self.sink.hop.port}"}, extra=QUICK)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.setup()
        self.server = Server(self.daemon.port("relay", "none"))
        self.restarts, self.kills, self.at_points = [], 0, collections.Counter()
        self.limit = time.monotonic() + max(600 if SLOW else 300, MESSAGES / 50)

    def in_time(self):
        self.assertLess(time.monotonic(), self.limit, f"{self.kills} kills, {len(self.ledger.rows)} messages")

    def traffic(self, share):
        """Until so much was acknowledged, and something in this life, or the daemon is dead."""
        before = len(self.ledger.rows)
        while len(self.ledger.rows) < min(share, before + MESSAGES // KILLS + 1) or len(self.ledger.rows) == before:
            self.in_time()
            if self.daemon.process.poll() is not None:
                return
            time.sleep(0.005)

    def start_again(self, point):
        begin = time.monotonic()
        self.daemon.environment.pop("LD_PRELOAD", None)
        if point:
            self.daemon.environment.update(
                LD_PRELOAD=str(KILLER), MAIL_KILL_AT=f"{point}:{1 + self.dice.randrange(POINTS[point])}")
        try:
            self.daemon.start()
        except AssertionError:
            if not point or self.daemon.process is None or self.daemon.process.poll() != -9:
                raise
            # Killed while it was starting, as it was told; what counts is the next start.
            self.at_points[point] += 1
            self.kills += 1
            self.daemon.kill()
            return self.start_again(None)
        self.restarts.append(time.monotonic() - begin)
        return point

    def kill(self, point):
        """At its point, or where that does not come, at any moment of any transaction."""
        if point:
            limit = time.monotonic() + 2
            while self.daemon.process.poll() is None and time.monotonic() < limit:
                time.sleep(0.002)
        else:
            time.sleep(self.dice.random() * 0.05)
        self.server.up.clear()
        self.server.down.set()
        if self.daemon.process.poll() is not None:
            self.assertEqual(-9, self.daemon.process.returncode, "\n".join(self.daemon.raw_log[-20:]))
            self.assertTrue(point, "it died by itself")
            self.at_points[point] += 1
        self.daemon.kill()
        self.kills += 1

    def test_nothing_acknowledged_is_lost_or_altered_by_kill_9(self):
        clients = [Client(i, self.ledger, self.server, self.dice.getrandbits(32)) for i in range(CLIENTS)]
        for client in clients:
            client.start()
        points, point = [], None
        while self.kills < KILLS or len(self.ledger.rows) < MESSAGES:
            self.in_time()
            self.traffic(MESSAGES * (self.kills + 1) // KILLS if self.kills < KILLS else MESSAGES)
            if self.kills >= KILLS:
                continue
            self.kill(point)
            if not points and not SLOW:  # each point in its turn, and as many kills at random
                points = [each for name in self.dice.sample(sorted(POINTS), len(POINTS)) for each in (name, None)]
            point = self.start_again(points.pop() if points else None)
            self.server.port = self.daemon.port("relay", "none")
            self.server.up.set()
            # Clients that were in the middle of something see their connection end only now.
            time.sleep(0.02)
            self.server.down.clear()
            if point:  # from here on a client may see it die at any moment
                self.server.down.set()
            if self.kills >= KILLS and point:
                self.kill(point)
                point = self.start_again(None)
                self.server.port = self.daemon.port("relay", "none")
                self.server.up.set()
                time.sleep(0.02)
                self.server.down.clear()
        self.server.stop.set()
        for client in clients:
            client.join(90)
            self.assertFalse(client.is_alive(), "a client hangs: a reply never came")
        self.count(clients)

    def wait_until_sent(self):
        self.sink.moody = False
        # Of the long form hundreds of thousands are left: it may take as long as it gets on.
        least, limit = None, 0
        while (waiting := sums.of_status(self.daemon.json("status"))["queued"]) > 0:
            if least is None or waiting < least:
                least, limit = waiting, time.monotonic() + DEADLINE * 6
            self.assertLess(time.monotonic(), limit, f"{waiting} deliveries still wait")
            time.sleep(0.1)
        limit = time.monotonic() + DEADLINE * 6
        # Senders are told behind the last outcome: until nothing has come for a while.
        before, since = None, time.monotonic()
        while time.monotonic() - since < 3:
            self.assertLess(time.monotonic(), limit, "it does not come to rest")
            now = sums.of_status(self.daemon.json("status"))
            if now != before:
                before, since = now, time.monotonic()
            time.sleep(0.1)

    def count(self, clients):
        self.wait_until_sent()
        self.assertEqual([], sums.differences(self.daemon), "the sums do not add up after the kills")
        self.assertEqual(0, self.daemon.stop())
        found, notices = contents(self.daemon)
        away = {token: row for token, row in self.ledger.rows.items() if row[0] in (SINK, NOBODY)}
        local = Ledger()
        local.sent = self.ledger.sent
        local.rows = {token: row for token, row in self.ledger.rows.items() if token not in away}
        lost, altered = verify(local, found)
        told = {token for notice in notices for token in re.findall(rb"(?m)^Subject: (\S+)\r$", notice)}
        for token, (address, digest) in away.items():
            if address == SINK and self.sink.taken[(token, digest)] == 0:
                lost.append(token)
            if address == NOBODY and token.encode() not in told:
                lost.append(token)
        altered += [token for token, digest in self.sink.taken if self.ledger.sent.get(token) != (SINK, digest)]
        doubles = {token for (token, _), count in self.sink.taken.items() if count > 1}
        named = sum(1 for line in self.daemon.log if line.get("event") == "queue.possible_duplicate")
        median = sorted(self.restarts)[len(self.restarts) // 2]
        print(f"{self.kills} kills ({sum(self.at_points.values())} at {len(self.at_points)} named points), "
              f"{len(self.ledger.rows)} acknowledged, {len(found)} in mailboxes, {sum(self.sink.taken.values())} "
              f"at the sink, {len(notices)} notices: lost {len(lost)}, altered {len(altered)}, twice "
              f"{len(doubles)} of {named} in flight; restart to greeting: median {median:.2f} s, longest "
              f"{max(self.restarts):.2f} s")
        self.assertEqual([], [(token, self.ledger.rows[token][0]) for token in lost[:20]], "acknowledged and LOST")
        self.assertEqual([], altered[:20], "ALTERED")
        self.assertGreaterEqual(len(self.ledger.rows), MESSAGES)
        self.assertLessEqual(len(doubles), named, "more came twice than was in flight")
        if not SLOW:
            self.assertLess(median, 2.0, "security.md 61")
        troubles = [client.trouble for client in clients if client.trouble]
        self.assertEqual([], troubles, "a client was refused while the daemon was up")


class TheHarnessNoticesMistakes(unittest.TestCase):
    """A count of zero means something only if the counting finds what is there."""

    def setUp(self):
        self.ledger = Ledger()
        for i in range(3):
            self.ledger.begin(f"t{i}", "u0@yahoo.test", digest_of(b"body %d" % i))
            self.ledger.acknowledge(f"t{i}")
        self.found = [("u0@yahoo.test", f"t{i}", digest_of(b"body %d" % i)) for i in range(3)]

    def test_all_in_order(self):
        self.assertEqual(([], []), verify(self.ledger, self.found))

    def test_a_lost_message(self):
        self.assertEqual((["t1"], []), verify(self.ledger, [self.found[0], self.found[2]]))

    def test_an_altered_message(self):
        self.found[2] = ("u0@yahoo.test", "t2", digest_of(b"body 2, cut"))
        self.assertEqual(([], ["t2"]), verify(self.ledger, self.found))

    def test_a_message_in_the_wrong_mailbox(self):
        self.found[0] = ("u1@yahoo.test", "t0", digest_of(b"body 0"))
        self.assertEqual((["t0"], ["t0"]), verify(self.ledger, self.found))

    def test_a_doubled_message(self):
        self.assertEqual(([], ["t0"]), verify(self.ledger, self.found + [self.found[0]]))

    def test_half_a_message_that_was_never_acknowledged(self):
        self.ledger.begin("t9", "u0@yahoo.test", digest_of(b"whole"))
        self.found.append(("u0@yahoo.test", "t9", digest_of(b"who")))
        self.assertEqual(([], ["t9"]), verify(self.ledger, self.found))
