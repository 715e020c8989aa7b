"""Kills the daemon at random moments of heavy traffic, and counts what was promised.

Every client keeps a ledger: what the server has answered 250 to, noted before anything else is done.
After the last kill every message of every ledger must lie in its mailbox, byte for byte: lost 0,
altered 0. MAILWRIGHT_KILLS and MAILWRIGHT_MESSAGES (acknowledged, at least) size the run,
MAILWRIGHT_SEED repeats the moments of the kills.
"""
import concurrent.futures
import hashlib
import os
import random
import threading
import time
import unittest

import sums
from lib.daemon import SLOW, Daemon
from lib.smtp import Smtp, message

KILLS = int(os.environ.get("MAILWRIGHT_KILLS", "20"))
MESSAGES = int(os.environ.get("MAILWRIGHT_MESSAGES", "5000"))
CLIENTS = 12
ACCOUNTS = [f"u{i}@yahoo.test" for i in range(4)]


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
                with Smtp(self.server.port, timeout=10) as smtp:
                    smtp.ehlo()
                    while not self.server.stop.is_set():
                        self.send_one(smtp)
            except (OSError, AssertionError) as trouble:
                # A killed server closes connections and that is all: a reply such as 550 or 451
                # would be a fault of its own.
                if not self.server.down.is_set() and self.server.up.is_set():
                    self.trouble = self.trouble or repr(trouble)
                time.sleep(0.01)  # the port is closed for a moment

    def send_one(self, smtp):
        token = f"c{self.number}-{self.count}"
        self.count += 1
        address = self.random.choice(ACCOUNTS)
        size = self.random.choice((10, 900, 4000, 4000, 30000))
        body = "".join(f"{self.random.getrandbits(300):075x}\r\n" for _ in range(size // 77 + 1))
        self.ledger.begin(token, address, digest_of(body.encode()))
        smtp.envelope("tom@elsewhere.test", [address])
        reply = smtp.data(message(token, "tom@elsewhere.test", address, body))
        if reply.code == 250:
            self.ledger.acknowledge(token)


class Server:
    """What clients need to know of a daemon that comes and goes."""

    def __init__(self, port):
        self.port = port
        self.up, self.down, self.stop = threading.Event(), threading.Event(), threading.Event()
        self.up.set()


def contents(daemon):
    """(mailbox, token, digest) of everything in all mailboxes, read by the program's own commands."""

    def one(row):
        address, entry = row
        header, _, body = daemon.mail(address, entry["uid"]).partition(b"\r\n\r\n")
        subject = [line for line in header.split(b"\r\n") if line.lower().startswith(b"subject: ")]
        return address, subject[0][9:].decode(), digest_of(body)

    rows = [(address, entry) for address in ACCOUNTS for entry in daemon.mailbox(address)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, rows))


class KillTest(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_or_altered_by_kill_9(self):
        seed = int(os.environ.get("MAILWRIGHT_SEED", "0")) or random.SystemRandom().getrandbits(32)
        print(f"seed {seed} (MAILWRIGHT_SEED repeats it)")
        dice = random.Random(seed)
        ledger = Ledger()
        daemon = Daemon(accounts=ACCOUNTS, domains=["yahoo.test"], listeners=[("mx", "none")])
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.setup()
        server = Server(daemon.port("mx", "none"))
        clients = [Client(i, ledger, server, dice.getrandbits(32)) for i in range(CLIENTS)]
        for client in clients:
            client.start()

        restarts, kills = [], 0
        deadline = time.monotonic() + (600 if SLOW else 300)
        while kills < KILLS or len(ledger.rows) < MESSAGES:
            self.assertLess(time.monotonic(), deadline, f"{kills} kills, {len(ledger.rows)} messages")
            before = len(ledger.rows)
            share = MESSAGES * (kills + 1) // KILLS if kills < KILLS else MESSAGES
            while len(ledger.rows) < min(share, before + MESSAGES // KILLS + 1) or \
                    len(ledger.rows) == before:
                self.assertLess(time.monotonic(), deadline, f"{kills} kills, {len(ledger.rows)} messages")
                time.sleep(0.005)
            if kills == KILLS:
                continue
            time.sleep(dice.random() * 0.05)  # any moment of any transaction
            server.up.clear()
            server.down.set()
            daemon.kill()
            kills += 1
            begin = time.monotonic()
            daemon.start()
            restarts.append(time.monotonic() - begin)
            server.port = daemon.port("mx", "none")
            server.up.set()
            # Clients that were in the middle of something see their connection end only now.
            time.sleep(0.02)
            server.down.clear()
        server.stop.set()
        for client in clients:
            client.join(30)
            self.assertFalse(client.is_alive(), "a client hangs: a reply never came")

        found = contents(daemon)
        lost, altered = verify(ledger, found)
        print(f"{kills} kills, {len(ledger.rows)} acknowledged, {len(found)} in mailboxes, "
              f"lost {len(lost)}, altered {len(altered)}; restart to greeting: "
              f"median {sorted(restarts)[len(restarts) // 2]:.2f} s, longest {max(restarts):.2f} s")
        self.assertEqual([], lost, "acknowledged, and not in its mailbox")
        self.assertEqual([], altered)
        self.assertGreaterEqual(len(ledger.rows), MESSAGES)
        self.assertEqual([], sums.differences(daemon), "the sums do not add up after the kills")
        if not SLOW:
            self.assertLess(sorted(restarts)[len(restarts) // 2], 2.0, "security.md 61")
        troubles = [client.trouble for client in clients if client.trouble]
        self.assertEqual([], troubles, "a client was refused while the daemon was up")
        self.assertEqual(0, daemon.stop())


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
