"""The disk is full: of others or of mail, of octets or of inodes, in memory or on ext4. New mail is answered 452
and nothing else, what waits is delivered out of the reserve, a restart comes up, it is over by itself once there
is room, and every message that was answered 250 is there byte for byte (issue 5 §1, security.md §3).
Takes root, and loop devices."""
import collections
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import sums
from abuse import ALLOWANCE, JERRY, cpu_seconds, until
from lib.daemon import SLOW, Daemon
from lib.disks import MIB, Disk, own_mounts, run
from lib.hop import Hop
from lib.smtp import Closed, message, stuffed

SOON = 10 * ALLOWANCE  # seconds from when there is room until mail is taken
CLIENTS = 2 if SLOW else 6
# The middle one is worth a segment of its own, the large one is staged in chunks.
SMALL, MIDDLE, LARGE = ("some words\r\n" * lines for lines in (40, 17_000, 30_000))
BODIES = {0: (SMALL, MIDDLE), 1: (LARGE, MIDDLE)}  # by client, in turn; the others send small ones


class Ledger:
    """Who was promised what."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent, self.acknowledged = {}, set()
        self.codes, self.wrong, self.number = collections.Counter(), [], 0

    def make(self, local, body=SMALL):
        with self.lock:
            self.number += 1
            token = f"{'local' if local else 'away'}-{self.number}"
        content = message(token, body=f"{token}\r\n{body}").encode()
        self.sent[token] = hashlib.sha256(content).hexdigest()
        return token, content

    def is_as_sent(self, content):
        """The token of a message that came, its trace fields taken off; fails if it was altered."""
        content = content[content.index(b"From: <tom@"):]
        token = re.search(rb"Subject: (\S+)", content)[1].decode()
        if hashlib.sha256(content).hexdigest() != self.sent[token]:
            raise AssertionError(f"{token} was altered: {len(content)} octets")
        return token


class Client(threading.Thread):
    """Sends until told to stop, and writes down each reply that is neither success nor 452."""

    def __init__(self, daemon, ledger, who):
        super().__init__(daemon=True)
        self.daemon_, self.ledger, self.who = daemon, ledger, who
        self.bodies = itertools.cycle(BODIES.get(who, (SMALL,)))
        self.enough = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                with self.daemon_.connect("relay", "none") as smtp:
                    smtp.ehlo()
                    refused = 0
                    while not self.enough.is_set() and refused < 50:  # more in vain, and it closes
                        refused += self.one(smtp) != 250
        except (OSError, AssertionError) as error:  # 421, 451, 5xx, or hung up on
            self.ledger.wrong.append(f"client {self.who}: {error!r}")

    def one(self, smtp):
        token, content = self.ledger.make(self.who == 0, next(self.bodies))
        code = smtp.cmd("MAIL FROM:<tom@elsewhere.test>", 250, 452).code
        if code == 250:
            smtp.cmd(f"RCPT TO:<{JERRY if self.who == 0 else 'bob@away.test'}>", 250)
            smtp.cmd("DATA", 354)
            smtp.send(stuffed(content) + b".\r\n")
            code = smtp.reply(250, 452).code
            if code == 250:
                self.ledger.acknowledged.add(token)
            self.ledger.codes["dot", code] += 1
        else:
            self.ledger.codes["mail", code] += 1
            self.enough.wait(0.02)  # a client that has been refused does not come back at once
        return code


class SmallDisk(unittest.TestCase):
    KIND, SIZE, INODES = "tmpfs", 64 * MIB, None

    @classmethod
    def setUpClass(cls):
        own_mounts()

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.disk = Disk(self.folder / "state", self.SIZE, self.KIND, self.INODES)
        self.addCleanup(self.disk.close)
        self.hop = self.enterContext(Hop())
        self.hop.on["DOT"] = lambda line, session: "451 4.3.2 not now" if self.hop_waits else None
        self.hop_waits = True
        self.daemon = Daemon(folder=self.folder, accounts=[JERRY], listeners=[("relay", "none")],
                             routes={"away.test": f"smtp://127.0.0.1:{self.hop.port}"},
                             extra='[outbound]\nretry_min = "1s"\nretry_max = "1s"\n')
        self.addCleanup(self.daemon.kill)
        self.daemon.start()
        self.daemon.setup()
        self.ledger, self.clients = Ledger(), []

    # --- steps ---------------------------------------------------------------------------------------
    def send_until(self, condition, what, seconds=20):
        """All clients at once; they go on."""
        self.clients = [Client(self.daemon, self.ledger, who) for who in range(CLIENTS)]
        self.addCleanup(self.stop_clients)
        self.wait(condition, what, seconds)

    def wait(self, condition, what, seconds=20):
        def now():
            self.assertEqual([], self.ledger.wrong, f"{self.ledger.codes}\n" + self.tail())
            return condition()
        until(now, lambda: f"{what}: {self.ledger.codes}\n{self.tail()}", seconds * ALLOWANCE)

    def stop_clients(self):
        for client in self.clients:
            client.enough.set()
        for client in self.clients:
            client.join(30)
        self.clients = []
        self.assertEqual([], self.ledger.wrong, self.tail())

    def tail(self):
        """What the store said, and the end of all that was said."""
        lines = self.daemon.raw_log
        return "\n".join([line for line in lines[:-15] if '"event":"store.' in line][-60:] + lines[-15:])

    def some_lie_in_segments(self):
        self.assertTrue(any((self.folder / "state" / "segments").glob("*.seg")))

    def refused(self):
        return self.ledger.codes["mail", 452]

    def one(self):
        """The code that decided about one more message; 0: nobody is there."""
        token, content = self.ledger.make(local=True)
        try:
            with self.daemon.connect("relay", "none") as smtp:
                smtp.ehlo()
                code = smtp.cmd("MAIL FROM:<tom@elsewhere.test>", 250, 452).code
                if code != 250:
                    return code
                smtp.cmd(f"RCPT TO:<{JERRY}>", 250)
                code = smtp.data(content, 250, 452).code
        except (Closed, ConnectionError):
            return 0
        if code == 250:
            self.ledger.acknowledged.add(token)
        return code

    def queued(self):
        return self.daemon.json("status")["sums"]["queued"]

    def what_waits_is_delivered(self):
        self.hop_waits = False
        self.wait(lambda: self.queued() == 0, "the queue runs empty on a full disk", 30)
        self.assertEqual(set(), {token for token in self.ledger.acknowledged if token.startswith("away")}
                         - {self.ledger.is_as_sent(mail.content) for mail in self.hop.mails})

    def restart_on_the_full_disk(self, *codes):
        self.daemon.kill()
        begin = time.monotonic()
        self.daemon.start()
        self.assertLess(time.monotonic() - begin, 2 * ALLOWANCE)
        self.assertIn(self.one(), codes)

    def room_again(self):
        self.disk.empty()
        self.is_taken_again()

    def is_taken_again(self):
        until(lambda: self.one() == 250, "mail is taken again", SOON)

    def nothing_is_lost(self):
        self.hop_waits = False
        self.wait(lambda: self.queued() == 0, "the queue runs empty", 30)
        self.assertEqual(0, self.daemon.stop(), self.tail())
        self.daemon.start()
        came = [self.ledger.is_as_sent(mail.content) for mail in self.hop.mails]
        kept = [self.ledger.is_as_sent(self.daemon.mail(JERRY, row["uid"])) for row in self.daemon.mailbox(JERRY)]
        self.assertEqual(len(kept), len(set(kept)), "twice in the mailbox")
        self.assertEqual(set(), self.ledger.acknowledged - set(came) - set(kept), "lost")
        self.assertEqual(set(), set(kept) - self.ledger.acknowledged, "kept, and the client was told otherwise")
        self.assertEqual([], sums.differences(self.daemon))
        self.assertEqual([], self.daemon.json("store", "check")["damage"])
        self.assertEqual(0, self.daemon.stop())

    # --- by others, at once, under load --------------------------------------------------------------
    def live_through(self, fill):
        self.send_until(lambda: len(self.ledger.acknowledged) > 100, "mail is taken")
        self.some_lie_in_segments()
        fill()
        self.wait(lambda: self.refused() > 40, "452 at MAIL")
        self.assertTrue(self.daemon.json("status")["store"]["storage_low"])
        self.what_waits_is_delivered()
        self.stop_clients()
        self.control_changes_are_whole()
        self.hop_waits = True
        if self.INODES:
            self.restart_on_the_full_disk(452)
        self.room_again()
        self.nothing_is_lost()

    def control_changes_are_whole(self):
        """A change of the other store is made, or not made and said so, and reads go on."""
        done = self.daemon.run("domain", "add", "full.test")
        self.assertIn(done.returncode, (0, 75), done.stderr)
        listed = [row["name"] for row in self.daemon.json("domain", "list")]
        self.assertEqual(done.returncode == 0, "full.test" in listed, done.stderr)
        if done.returncode == 0:
            self.assertEqual(2, len(self.daemon.json("domain", "dkim", "list", "full.test")))


class InMemory(SmallDisk):
    def test_filled_at_once_by_others(self):
        self.live_through(self.disk.fill)


class OfMail(SmallDisk):
    def test_filled_by_mail(self):
        # Clients 0 and 1 fill it: their mail stays. It is refused before it is full.
        self.send_until(lambda: self.refused() > 20, "452 at MAIL", 60)
        self.stop_clients()
        self.some_lie_in_segments()
        self.assertGreater(self.disk.room(), 2 * MIB)
        self.assertGreater(sum(len(LARGE) for token in self.ledger.acknowledged), self.SIZE // 4)
        self.what_waits_is_delivered()
        self.restart_on_the_full_disk(250, 452)  # logs made way for tables: there may be room
        run("mount", "-o", f"remount,size={2 * self.SIZE}", self.disk.folder)
        self.is_taken_again()
        self.nothing_is_lost()


class OnExt4(SmallDisk):
    KIND, SIZE = "ext4", 96 * MIB

    def test_filled_at_once_by_others(self):
        self.live_through(self.disk.fill)

    def test_others_take_the_reserve_too(self):
        """Somebody takes every block that comes free: nothing can be written for a while."""
        taking = threading.Event()
        taker = threading.Thread(target=lambda: [self.disk.fill() for _ in iter(taking.is_set, True)])
        self.send_until(lambda: len(self.ledger.acknowledged) > 50, "mail is taken")
        taker.start()
        self.addCleanup(taking.set)
        self.wait(lambda: self.refused() > 100, "452 at MAIL")
        self.stop_clients()
        shutil.rmtree(self.folder / "state" / "reserve", ignore_errors=True)
        self.daemon.kill()
        begin = len(self.daemon.log)
        starting = threading.Thread(target=self.daemon.start)
        starting.start()
        self.daemon_waits(begin)
        taking.set()
        taker.join(30)
        self.room_again_while(starting)
        self.nothing_is_lost()

    def daemon_waits(self, begin):
        until(lambda: any(line.get("event") in ("serve.waiting_for_space", "serve.ready")
                          for line in self.daemon.log[begin:]), "it comes up or says what it waits for", SOON)

    def room_again_while(self, starting):
        self.disk.empty()
        starting.join(SOON)
        self.assertFalse(starting.is_alive(), self.tail())
        self.is_taken_again()


class WithoutInodes(SmallDisk):
    KIND, SIZE, INODES = "ext4", 96 * MIB, 512

    def test_none_is_left_at_once(self):
        self.live_through(self.disk.fill_inodes)


class LogOnAFullDisk(unittest.TestCase):
    """The log can not be written: it serves, and does not spin."""

    def test_mail_goes_on(self):
        with Daemon(accounts=[JERRY], listeners=[("mx", "none")]) as daemon:
            port = daemon.port("mx", "none")
            daemon.stop()
            daemon.config.write_text(daemon.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
            with open("/dev/full", "wb") as full:
                process = subprocess.Popen([str(daemon.binary), "serve", "--config", str(daemon.config)],
                                           stdin=subprocess.DEVNULL, stderr=full)
            try:
                until(lambda: daemon.run("status").returncode == 0, "it is up")
                before = cpu_seconds(process.pid)
                for number in range(50):
                    with daemon.connect("mx", "none") as smtp:
                        smtp.ehlo()
                        smtp.send_mail("tom@elsewhere.test", [JERRY], message(f"{number}"))
                self.assertLess(cpu_seconds(process.pid) - before, 1 * ALLOWANCE)
                self.assertEqual(50, len(daemon.mailbox(JERRY)))
            finally:
                process.terminate()
                self.assertEqual(0, process.wait(20))
            daemon.start()
