"""Little memory, and more clients than it has room for: told to come again, and nobody is killed
(security.md §3, 61). Takes the right to make a control group."""
import resource
import threading
import time
import unittest

import sums
from abuse import JERRY, queues, resident, Served, until
from lib.cgroup import MemoryGroup
from lib.daemon import SLOW, Daemon
from lib.smtp import Closed, Smtp, message

LIMIT = (1024 if SLOW else 256) << 20  # a sanitizer takes several times as much
SESSIONS = 1500 if SLOW else 5000
MEMTABLES = 4 * (128 << 20)  # what the store may keep of bodies before it is on disk
PART = b"Subject: unfinished\r\n\r\n" + (b"y" * 76 + b"\r\n") * 2500  # 195 kB that stay in memory


class LittleMemory(unittest.TestCase):
    """A daemon that the kernel would kill if it took more."""

    def setUp(self):
        self.group = self.enterContext(MemoryGroup(LIMIT))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * SESSIONS)), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.daemon = Daemon(accounts=[JERRY], wrapper=self.group.wrapper)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.setup()
        self.clients, self.refused = [], {}

    def is_well(self):
        self.assertEqual(0, self.group.kills())
        self.assertIsNone(self.daemon.process.poll())
        self.assertEqual([], sums.differences(self.daemon))
        self.assertEqual(0, self.daemon.stop())


class Memory(LittleMemory):
    def refuse(self, reply):
        said = f"{reply.code} {reply.enhanced()}" if reply.code != 421 else f"421 {reply.text.split()[-1]}"
        self.refused[said] = self.refused.get(said, 0) + 1

    def more(self, count):
        """Sessions that are amid their messages, or were told that they can not be."""
        begun = [Smtp(self.daemon.port("relay"), greet=False) for _ in range(count)]
        self.clients += begun
        try:
            for number, client in enumerate(list(begun)):
                greeting = client.reply(220, 421)
                if greeting.code != 220:
                    begun.remove(client)
                    self.refuse(greeting)
                    continue
                if number % 20 == 0:
                    client.ehlo()
                    client.starttls()
                # In one go: this listener takes commands in order, however they come.
                client.send(f"EHLO me\r\nMAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<{JERRY}>\r\nDATA\r\n")
            for client in begun:
                replies = [client.reply(250) for _ in range(3)] + [client.reply(354, 452)]
                if replies[-1].code == 354:
                    client.send(PART)
                else:
                    self.refuse(replies[-1])
        except (Closed, ConnectionResetError) as end:
            raise AssertionError(f"session {len(self.clients)}: {end}; {self.group.kills()} killed, "
                                 f"refused {self.refused}") from end

    def test_thousands_of_sessions_in_little_memory(self):
        for _ in range(0, SESSIONS, 100):
            self.more(100)
        self.assertEqual(0, self.group.kills())
        self.assertIsNone(self.daemon.process.poll())
        self.assertEqual(SESSIONS, len(self.clients))
        self.assertGreater(self.refused.get("452 4.3.1", 0), SESSIONS // 2, self.refused)
        for client in self.clients:  # those who were amid a message, and gave up
            client.close()

        def well():
            with Smtp(self.daemon.port("relay"), greet=False) as client:
                if client.reply(220, 421).code != 220:
                    return False
                client.ehlo()
                client.envelope("a@elsewhere.test", [JERRY])
                if client.cmd("DATA", 354, 452).code != 354:
                    return False
                client.send(message("afterwards") + "\r\n.\r\n")
                return client.reply(250).code == 250
        until(well, "room again")
        self.assertEqual(["afterwards"], [row["subject"] for row in self.daemon.mailbox(JERRY)])
        self.is_well()


class MailAtFullRate(LittleMemory):
    """What the store keeps in memory of bodies, before they are in files, follows what there is."""

    BODY = message("at full rate", body=("w" * 76 + "\r\n") * 840).encode() + b"\r\n.\r\n"  # 64 KiB
    MESSAGES = 1000 if SLOW else 8000  # 512 MiB: twice what there is

    def send(self):
        try:
            with Smtp(self.daemon.port("relay")) as client:
                client.ehlo()
                while self.taken < self.MESSAGES:
                    # Half to a mailbox, half to wait: their bodies lie apart.
                    to = JERRY if self.taken % 2 else "bob@away.test"
                    client.send(f"MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n")
                    replies = [client.reply(250, 452), client.reply(250, 503), client.reply(354, 452, 503)]
                    if replies[-1].code == 354:
                        client.send(self.BODY)
                        replies.append(client.reply(250, 452))
                    with self.lock:
                        self.taken += replies[-1].code == 250
                        self.put_off += replies[-1].code != 250
        except (AssertionError, OSError) as error:
            self.wrong.append(repr(error))

    def test_bodies_of_64_kib(self):
        self.lock, self.taken, self.put_off, self.wrong = threading.Lock(), 0, 0, []
        threads = [threading.Thread(target=self.send) for _ in range(8)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, anonymous(self.daemon.process.pid))
            time.sleep(0.02)
        print(f"{self.taken} messages of 64 KiB in {time.monotonic() - begin:.1f} s, {self.put_off} put off, "
              f"at most {most >> 20} MiB of {LIMIT >> 20}")
        self.assertEqual([], self.wrong)
        self.assertLess(most, LIMIT * 3 // 4)
        self.assertEqual(self.taken, self.daemon.json("status")["sums"]["accepted"])
        self.is_well()


def anonymous(pid):
    """Octets of a process that are in no file."""
    with open(f"/proc/{pid}/statm") as statm:
        fields = statm.read().split()
    return (int(fields[1]) - int(fields[2])) * resource.getpagesize()


class LargeMessages(Served):
    """A session keeps some chunks of a message; the rest streams to where it is staged."""

    PIECE = (b"z" * 76 + b"\r\n") * 13_400  # 1 MiB

    def amid_a_message(self, count, pieces):
        clients = [self.in_data("relay", source="127.9.3.1") for _ in range(count)]
        for client in clients:
            client.send(b"Subject: large\r\n\r\n")
        for _ in range(pieces):
            for client in clients:
                client.send(self.PIECE)
        ports = [client.socket.getsockname()[1] for client in clients]
        until(lambda: all(queues(self.daemon.port("relay"), port)[1] == 0 for port in ports),
              "everything sent is read", 60)
        return clients

    def test_a_session_holds_two_mib_at_most(self):
        pid = self.daemon.process.pid
        before = resident(pid)
        clients = self.amid_a_message(60, 14)  # 840 MiB
        if not SLOW:
            self.assertLess(resident(pid) - before, len(clients) * (2 << 20) + MEMTABLES)
        for client in clients:
            client.send(b".\r\n")
            client.reply(250)
        self.assertEqual(["large"] * len(clients), self.new())

    def test_fifty_mib_and_no_octet_more(self):
        client = self.talk("relay", source="127.9.3.2")
        client.cmd(f"MAIL FROM:<a@elsewhere.test> SIZE={(50 << 20) + 1}", 552)
        header = b"Subject: as large as may be\r\n\r\n"
        body = self.PIECE * 51
        content = header + body[:(50 << 20) - len(header) - 2] + b"\r\n"
        client.envelope("a@elsewhere.test", [JERRY])
        client.bdat(content, last=True)
        client.envelope("a@elsewhere.test", [JERRY])
        client.bdat(content + b"x", 552, last=True)
        row, = self.daemon.mailbox(JERRY)[len(self.kept_before):]
        self.assertTrue(self.daemon.mail(JERRY, row["uid"]).endswith(content))
