"""Little memory, and more clients than it has room for: told to come again, and nobody is killed
(security.md §3, 61). Takes the right to make a control group."""
import resource
import unittest

import sums
from abuse import JERRY, queues, resident, Served, until
from lib.cgroup import MemoryGroup
from lib.daemon import SLOW, Daemon
from lib.smtp import Closed, Smtp, message

LIMIT = (1024 if SLOW else 256) << 20  # a sanitizer takes several times as much
SESSIONS = 2000
MEMTABLES = 4 * (128 << 20)  # what the store may keep of bodies before it is on disk
PART = b"Subject: unfinished\r\n\r\n" + (b"y" * 76 + b"\r\n") * 2500  # 195 kB that stay in memory


class Memory(unittest.TestCase):
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

    def refuse(self, reply):
        said = f"{reply.code} {reply.enhanced()}" if reply.code != 421 else f"421 {reply.text.split()[-1]}"
        self.refused[said] = self.refused.get(said, 0) + 1

    def one_more(self, tls):
        """A session that is amid its message, or was told that it can not be."""
        client = Smtp(self.daemon.port("relay"), greet=False)
        self.clients.append(client)
        try:
            greeting = client.reply(220, 421)
            if greeting.code != 220:
                return self.refuse(greeting)
            client.ehlo()
            if tls:
                client.starttls()
                client.ehlo()
            client.envelope("a@elsewhere.test", [JERRY])
            reply = client.cmd("DATA", 354, 452)
        except (Closed, ConnectionResetError) as end:
            raise AssertionError(f"session {len(self.clients)}: {end}; {self.group.kills()} killed, "
                                 f"refused {self.refused}") from end
        if reply.code != 354:
            return self.refuse(reply)
        client.send(PART)

    def test_thousands_of_sessions_in_little_memory(self):
        for number in range(SESSIONS):
            self.one_more(tls=number % 20 == 0)
        self.assertEqual(0, self.group.kills())
        self.assertIsNone(self.daemon.process.poll())
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
        self.assertEqual([], sums.differences(self.daemon))
        self.assertEqual(0, self.daemon.stop())


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
