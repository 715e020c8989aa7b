"""Out of connections, descriptors, disk or time: answered 4xx, nothing lost, well again afterwards
(security.md §1, §3, 61)."""
import contextlib
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from abuse import (ALLOWANCE, cpu_seconds, JERRY, Served, until)
import sums
from lib.daemon import Daemon
from lib.smtp import Closed, Smtp, message, stuffed


class Limits(Served):
    """The limits per client, as they are by default."""

    def greeting(self, source):
        client = Smtp(self.daemon.port("mx"), source=source, greet=False)
        self.addCleanup(client.close)
        return client, client.reply()

    def test_fifty_connections_at_once(self):
        first = [self.greeting("127.7.1.1") for _ in range(50)]
        self.assertEqual({220}, {reply.code for _, reply in first})
        refused, reply = self.greeting("127.7.1.1")
        self.assertEqual(421, reply.code)
        self.assertTrue(refused.at_end())
        self.assertEqual(220, self.greeting("127.7.1.2")[1].code)  # others are served
        first[0][0].quit()
        self.daemon.wait_for("smtpd.refused", where=lambda line: line["limit"] == "connections_per_client")
        # One left: there is room again, up to the rate.
        until(lambda: self.greeting("127.7.1.1")[1].code == 220, "room for one more", 5)

    def test_sixty_connections_a_minute(self):
        begin, taken = time.monotonic(), 0
        while taken < 100:
            client, reply = self.greeting("127.7.2.1")
            if reply.code != 220:
                break
            taken += 1
            client.quit()
        self.assertEqual(421, reply.code)
        refill = (time.monotonic() - begin) * 1.0 + 1
        self.assertTrue(60 <= taken <= 60 + refill, taken)
        self.assertEqual(220, self.greeting("127.7.2.2")[1].code)
        for _ in range(70):  # [relay] networks are spared
            self.greeting("127.9.2.1")[0].quit()

    def test_three_hundred_messages_a_minute(self):
        client = self.talk(source="127.7.3.1")
        begin, taken = time.monotonic(), 0
        while taken < 600:
            reply = client.cmd("MAIL FROM:<a@elsewhere.test>")
            if reply.code != 250:
                break
            client.cmd(f"RCPT TO:<{JERRY}>", 250)
            client.data("Subject: many\r\n\r\n")
            taken += 1
        self.assertEqual((421, "4.7.0"), (reply.code, reply.enhanced()))
        self.assertTrue(client.at_end())
        refill = (time.monotonic() - begin) * 5 + 1
        self.assertTrue(300 <= taken <= 300 + refill, taken)
        self.assertEqual(taken, len(self.new()))
        other = self.talk(source="127.7.3.2")
        other.cmd("MAIL FROM:<a@elsewhere.test>", 250)


class Descriptors(Served):
    """The daemon has no descriptor left. That it does not spin is seen from what the same mail costs with
    and without clients who wait in vain."""

    WORK = 60  # messages

    def cost_of_mail(self, client, name):
        pid = self.daemon.process.pid
        before = cpu_seconds(pid)
        for number in range(self.WORK):
            client.send_mail("a@elsewhere.test", [JERRY], message(f"{name} {number}"))
        return cpu_seconds(pid) - before

    def cheap(self, cost, usual):
        # Two threads that spin would cost as much as the whole of the time it took, and each tick is 10 ms.
        self.assertLess(cost, 2 * usual + 0.1 * ALLOWANCE)

    def test_the_limit_falls_below_what_is_open_already(self):
        pid = self.daemon.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        talking = self.talk()
        usual = self.cost_of_mail(talking, "usual")
        waiting = []
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (8, before[1]))
            for _ in range(20):  # nobody can be told anything; the kernel keeps them waiting
                waiting.append(Smtp(self.daemon.port("mx"), greet=False))
                self.addCleanup(waiting[-1].close)
            self.daemon.wait_for("net.no_descriptors")
            begin = time.monotonic()
            cost = 0
            while time.monotonic() - begin < 0.5 and not cost > 2:
                cost = max(cost, self.cost_of_mail(talking, "meanwhile"))
            self.cheap(cost, usual)
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for client in waiting:
            self.assertEqual(220, client.reply(220, 421).code)

    def test_it_says_so_does_not_spin_and_recovers(self):
        pid = self.daemon.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        clients = []
        talking = self.talk()
        usual = self.cost_of_mail(talking, "usual")
        try:
            few = len(os.listdir(f"/proc/{pid}/fd")) + 5
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))
            refused = 0
            while len(clients) < 80:
                client = Smtp(self.daemon.port("mx"), greet=False)
                clients.append(client)
                refused += client.reply(220, 421).code == 421
            self.assertGreater(refused, 5)
            waiting = [socket.create_connection(("127.0.0.1", self.daemon.port("mx")), 20) for _ in range(20)]
            self.cheap(self.cost_of_mail(talking, "meanwhile"), usual)
            for each in waiting:  # each is told, one after the other
                self.assertTrue(each.recv(1000).startswith(b"421 "))
                each.close()
        finally:
            for client in clients:
                client.close()
            self.descriptors_return(pid, before)
        client = self.talk()
        client.send_mail("a@elsewhere.test", [JERRY], message("recovered"))
        self.assertEqual([f"{name} {number}" for name in ("usual", "meanwhile") for number in range(self.WORK)]
                         + ["recovered"], self.new())

    def descriptors_return(self, pid, before):
        # First under the same limit: those who left made room.
        def room():
            try:
                with Smtp(self.daemon.port("mx"), greet=False) as client:
                    return client.reply().code == 220
            except (Closed, OSError):
                return False
        until(room, "room once the others have gone")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


class FullDisk(unittest.TestCase):
    """The state is on a file system of its own, which fills up. Mounting it takes root."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.state = self.folder / "state"
        self.state.mkdir(mode=0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "tmpfs", str(self.state)],
                                 capture_output=True, text=True)
        self.assertEqual(0, mounted.returncode, f"this test needs the right to mount: {mounted.stderr}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.state)], check=True)
        self.daemon = Daemon(folder=self.folder, accounts=[JERRY], listeners=[("mx", "none")])
        self.addCleanup(self.daemon.kill)
        self.daemon.start()
        self.daemon.setup()

    def fill(self, leave):
        with open(self.state / "ballast", "ab") as ballast:
            # Again where the store has taken some of it in between: then there was none to be had.
            while (size := self.room() - leave) > 0:
                with contextlib.suppress(OSError):
                    os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, size)

    def room(self):
        room = os.statvfs(self.state)
        return room.f_bavail * room.f_frsize

    def try_mail(self, subject, body="small\r\n", steps=None):
        """The reply that decided: the greeting, to MAIL, or to the end of data."""
        with self.daemon.connect("mx", "none", greet=False) as client:
            reply = client.reply(220, 421)
            if reply.code != 220:
                return reply
            client.ehlo()
            reply = client.cmd("MAIL FROM:<a@elsewhere.test>", 250, 451, 452)
            if reply.code != 250:
                return reply
            client.cmd(f"RCPT TO:<{JERRY}>", 250)
            reply = client.cmd("DATA", 354, 451, 452)
            if reply.code != 354:
                return reply
            if steps:
                steps()
            client.send(stuffed(message(subject, body=body)) + b".\r\n")
            return client.reply(250, 451, 452)

    def recovered(self, acknowledged):
        os.unlink(self.state / "ballast")
        until(lambda: self.try_mail("again").code == 250, "space again")
        kept = [row["subject"] for row in self.daemon.mailbox(JERRY)]
        for subject in acknowledged:
            self.assertEqual(1, kept.count(subject), subject)
        self.assertEqual([], sums.differences(self.daemon))
        self.assertEqual([], self.daemon.json("store", "check")["damage"])

    def test_below_the_reserve_mail_waits_outside(self):
        self.assertEqual(250, self.try_mail("before").code)
        self.fill(leave=1 << 20)  # the reserve is 5 %: 2.4 MB
        self.daemon.wait_for("store.space_low")
        reply = self.try_mail("during")
        self.assertEqual((452, "4.3.1"), (reply.code, reply.enhanced()))
        self.assertTrue(self.daemon.json("status")["store"]["storage_low"])
        self.recovered(["before"])
        self.assertNotIn("during", [row["subject"] for row in self.daemon.mailbox(JERRY)])

    def test_space_that_runs_out_within_a_message(self):
        body = ("x" * 76 + "\r\n") * 20_000  # staged

        def run_out():
            self.fill(leave=1 << 20)
            self.daemon.wait_for("store.space_low")
        reply = self.try_mail("torn", body, run_out)
        self.assertEqual((452, "4.3.1"), (reply.code, reply.enhanced()))
        self.recovered([])
        self.assertNotIn("torn", [row["subject"] for row in self.daemon.mailbox(JERRY)])

    def test_a_disk_filled_to_the_last_byte_at_once(self):
        acknowledged, refused = [], []
        body = ("y" * 76 + "\r\n") * 3000
        for number in range(400):
            if number == 20:
                self.fill(leave=0)  # before anyone has looked
            subject = f"mail {number}"
            reply = self.try_mail(subject, body)
            if reply.code == 250:
                acknowledged.append(subject)
            else:
                refused.append(reply.text)
                if len(refused) > 30:
                    break
        self.assertGreaterEqual(len(acknowledged), 20)
        self.assertTrue(refused)
        self.recovered(acknowledged)


class Stop(unittest.TestCase):
    def test_sigterm_amid_transactions(self):
        daemon = Daemon(accounts=[JERRY], listeners=[("mx", "none")])
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.setup()
        acknowledged, goodbyes = [], []
        running = threading.Semaphore(0)

        def deliver(who):
            number = 0
            try:
                with daemon.connect("mx", "none") as client:
                    client.ehlo()
                    while True:
                        subject = f"mail {who}.{number}"
                        size = 300_000 if who % 3 == 0 else 500
                        client.envelope("a@elsewhere.test", [JERRY])
                        client.data(message(subject, body="b" * 70 + "\r\n" + ("c" * 76 + "\r\n") * (size // 78)))
                        acknowledged.append(subject)
                        number += 1
                        if number == 5:
                            running.release()
            except (AssertionError, OSError) as end:
                goodbyes.append(str(end))

        idle = daemon.connect("mx", "none")
        idle.ehlo()
        half = daemon.connect("mx", "none")
        half.ehlo()
        half.envelope("a@elsewhere.test", [JERRY])
        half.cmd("DATA", 354)
        half.send("Subject: half\r\n\r\nnever ended")
        threads = [threading.Thread(target=deliver, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for _ in threads:
            self.assertTrue(running.acquire(timeout=20))
        begin = time.monotonic()
        self.assertEqual(0, daemon.stop())
        self.assertLess(time.monotonic() - begin, 10)
        for thread in threads:
            thread.join(20)
        self.assertEqual("4.3.2", idle.reply(421).enhanced())
        self.assertEqual("4.3.2", half.reply(421).enhanced())
        daemon.start()
        kept = [row["subject"] for row in daemon.mailbox(JERRY)]
        self.assertEqual(len(kept), len(set(kept)))
        self.assertEqual(set(), set(acknowledged) - set(kept))
        self.assertNotIn("half", kept)
        self.assertEqual([], sums.differences(daemon))
        self.assertEqual(0, daemon.stop())
