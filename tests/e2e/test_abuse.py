"""Clients that mean harm: smuggling, injection, TLS torn off, connections cut, crowds. The daemon goes
on serving the rest and keeps what it acknowledged and nothing else (security.md §3, 45)."""
import contextlib
import signal
import socket
import ssl
import time

from abuse import (ALLOWANCE, cpu_seconds, JERRY, queues, reset, resident, Served, stopped, TOM,
                   until)
import sums
from lib.daemon import SLOW
from lib.smtp import Smtp, message


class Smuggling(Served):
    def test_talk_before_the_greeting(self):
        for role, first in (("mx", 554), ("submission", 554), ("relay", 220)):
            with self.subTest(role=role):
                self.daemon.signal(signal.SIGSTOP)  # so that it is there before anyone looks
                try:
                    until(lambda: stopped(self.daemon.process.pid), "every thread stands still")
                    client = Smtp(self.daemon.port(role), greet=False)
                    self.addCleanup(client.close)
                    client.send("EHLO early.test\r\nMAIL FROM:<a@elsewhere.test>\r\n")
                finally:
                    self.daemon.signal(signal.SIGCONT)
                client.reply(first)
                if first == 220:
                    client.reply(250)
                    client.reply(250)
                else:
                    self.assertTrue(client.at_end())
                    self.assertEqual(b"", client.buffer)

    # What some servers have taken for the end of data. Only CRLF "." CRLF is (RFC 5321 §2.3.8).
    ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\r",
            b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\r\r.\r\r", b"\n\n.\n\n", b"\r\n\r.\r\n"]
    # These hold no bare line end: plain content that goes on.
    CONTENT = [b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n .\r\n", b"\r\n.\0\r\n", b"\0.\0", b"\r\n\0.\r\n",
               b"\r\n..\r\n", b"\r\n.\x0b\r\n", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\xc2\x85.\xc2\x85",
               b"%0D%0A.%0D%0A", b"\r\n.\x1a\r\n"]

    SMUGGLED = (b"MAIL FROM:<ceo@bank.test>\r\nRCPT TO:<" + JERRY.encode() + b">\r\nDATA\r\n"
                b"Subject: smuggled\r\n\r\nPay.\r\n")

    def send_smuggled(self, role, end, cuts):
        client = self.in_data(role)
        content = (b"Subject: outer\r\n\r\ntext" if cuts != "start" else b"") + end + self.SMUGGLED
        whole = content + b"\r\n.\r\n"
        if cuts == "bytes":
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            at = content.index(end)
            pieces = [whole[:at], *(whole[i:i + 1] for i in range(at, at + len(end) + 8)),
                      whole[at + len(end) + 8:]]
        else:
            pieces = [whole]
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                client.send(piece)
        return client

    def test_no_bare_line_end_ends_a_message(self):
        for role in ("mx", "submission"):
            for end in self.ENDS:
                for cuts in ("whole", "bytes", "start"):
                    with self.subTest(role=role, end=end, cuts=cuts):
                        if role == "submission":
                            client = self.daemon.login(TOM)
                            self.addCleanup(client.close)
                            client.envelope(TOM, [JERRY])
                            client.cmd("DATA", 354)
                            client.send(b"From: <tom@gmail.test>\r\n\r\na" + end + self.SMUGGLED
                                        + b"\r\n.\r\n")
                        else:
                            client = self.send_smuggled(role, end, cuts)
                        self.assertEqual("5.5.2", client.reply(550).enhanced())
                        self.assertTrue(client.at_end())
                        self.assertEqual(b"", client.buffer)
                    if role == "submission":
                        break
        self.assertEqual([], self.new())

    def test_what_only_looks_like_an_end_is_content(self):
        for end in self.CONTENT:
            with self.subTest(end=end):
                client = self.send_smuggled("mx", end, "whole")
                client.reply(250)
                client.cmd("NOOP", 250)
        self.assertEqual(["outer"] * len(self.CONTENT), self.new())

    def test_commands_pipelined_behind_the_real_end_are_a_second_message(self):
        client = self.in_data()
        client.send(b"Subject: first\r\n\r\n1\r\n.\r\nMAIL FROM:<b@elsewhere.test>\r\n"
                    b"RCPT TO:<jerry@yahoo.test>\r\nDATA\r\n")
        for code in (250, 250, 250, 354):
            client.reply(code)
        client.send(b"Subject: second\r\n\r\n2\r\n.\r\n")
        client.reply(250)
        self.assertEqual(["first", "second"], self.new())

    def test_a_body_behind_data_in_the_same_packet(self):
        client = self.talk()
        client.envelope("a@elsewhere.test", [JERRY])
        client.send(b"DATA\r\nSubject: hasty\r\n\r\n.\r\n")
        self.assertEqual("5.5.0", client.reply(554).enhanced())
        self.assertTrue(client.at_end())
        self.assertEqual([], self.new())

    def test_the_end_of_one_command_is_no_beginning_of_another(self):
        for line in (b"NOOP\nMAIL FROM:<ceo@bank.test>\r\n", b"NOOP\rMAIL FROM:<ceo@bank.test>\r\n",
                     b"NOOP \0\r\n", b"MAIL FROM:<a@elsewhere.test>\nRCPT TO:<jerry@yahoo.test>\r\n"):
            with self.subTest(line=line):
                client = self.talk()
                client.send(line)
                self.assertEqual("5.5.2", client.reply(500).enhanced())
                self.assertTrue(client.at_end())


class Tls(Served):
    def test_commands_behind_starttls_are_never_obeyed(self):
        for role in ("mx", "submission", "relay"):
            for behind in (b"EHLO injected.test\r\n", b"MAIL FROM:<ceo@bank.test>\r\n", b"\0", b"\r\n",
                           b"\x16\x03\x01"):
                with self.subTest(role=role, behind=behind):
                    client = self.talk(role)
                    client.send(b"STARTTLS\r\n" + behind)
                    self.assertEqual("5.5.0", client.reply(554).enhanced())
                    self.assertTrue(client.at_end())
                    self.assertEqual(b"", client.buffer)

    def test_plaintext_instead_of_a_handshake(self):
        client = self.talk()
        client.cmd("STARTTLS", 220)
        client.send(b"EHLO injected.test\r\nMAIL FROM:<ceo@bank.test>\r\n")
        self.assertTrue(client.at_end())
        self.assertNotIn(b"250", client.buffer)

    def test_what_was_said_before_tls_is_forgotten(self):
        client = self.talk()
        client.envelope("a@elsewhere.test", [JERRY])
        client.starttls()
        client.cmd("DATA", 503)
        client.cmd("MAIL FROM:<a@elsewhere.test>", 503)
        client.ehlo()

    def in_tls_data(self, size):
        client = self.talk()
        client.starttls()
        client.ehlo()
        client.envelope("a@elsewhere.test", [JERRY])
        client.cmd("DATA", 354)
        client.send(b"Subject: torn\r\n\r\n" + b"x" * 70 + (b"y" * 76 + b"\r\n") * (size // 78))
        return client

    def test_tls_that_ends_within_a_body(self):
        for size in (200, 1 << 20):  # in memory; staged on disk
            for how in ("close_notify", "fin", "rst"):
                with self.subTest(size=size, how=how):
                    client = self.in_tls_data(size)
                    if how == "close_notify":
                        plain = None
                        with contextlib.suppress(ssl.SSLError, OSError):
                            plain = client.socket.unwrap()
                        if plain is not None:  # plaintext behind TLS is never read
                            with contextlib.suppress(OSError):
                                plain.sendall(b"\r\n.\r\nQUIT\r\n")
                                self.assertNotIn(b"250", plain.recv(1000))
                            plain.close()
                    elif how == "fin":
                        socket.socket.shutdown(client.socket, socket.SHUT_WR)
                        self.assertTrue(client.at_end())
                    else:
                        reset(client.socket)
        self.serve_promptly()
        self.assertEqual([], self.new())

    def test_noise_and_silence_on_a_port_that_begins_with_tls(self):
        port = self.daemon.port("submission", "implicit")
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        with socket.create_connection(("127.0.0.1", port), 20) as noisy:
            noisy.sendall(b"EHLO plain.test\r\n" * 10)
            with contextlib.suppress(ConnectionError):
                while noisy.recv(1000):
                    pass
        client = self.daemon.login(TOM, tls="implicit")
        client.quit()
        for each in silent:
            each.close()


class Cut(Served):
    options = {**Served.options, "extra": '[log]\nlevel = "debug"'}

    STEPS = [b"", b"EHLO cli", b"EHLO client.test\r\n", b"MAIL FROM:<a@else", b"MAIL FROM:<a@elsewhere.test>\r\n",
             b"RCPT TO:<jer", b"RCPT TO:<jerry@yahoo.test>\r\n", b"DATA", b"DATA\r\n",
             b"Subject: cut\r\n", b"\r\nbody", b"\r\n", b".", b"\r"]
    BIG = (b"z" * 76 + b"\r\n") * 10_000

    def sessions_closed(self):
        return sum(1 for line in list(self.daemon.log) if line.get("event") == "smtpd.session_closed")

    def walk_to(self, step, big=False):
        """Says the first `step` pieces, waiting for the reply wherever one is due."""
        client = self.daemon.connect("mx")
        in_data = False
        for number, piece in enumerate(self.STEPS[:step]):
            if piece == b"\r\nbody" and big:
                piece = b"\r\n" + self.BIG + b"body"
            # "EHLO cli" was the beginning of this line
            if number and self.STEPS[number - 1] and piece.startswith(self.STEPS[number - 1]) and not in_data:
                piece = piece[len(self.STEPS[number - 1]):]
            client.send(piece)
            if piece.endswith(b"\r\n") and not in_data:
                in_data = client.reply().code == 354
        return client

    def test_a_connection_cut_after_every_step(self):
        closed, cuts = self.sessions_closed(), 0
        for big in (False, True):
            for step in range(len(self.STEPS) + 1):
                for how in ("fin", "rst"):
                    client = self.walk_to(step, big)
                    reset(client.socket) if how == "rst" else client.close()
                    cuts += 1
        until(lambda: self.sessions_closed() >= closed + cuts, "every session noticed")
        self.assertEqual([], self.new())

    def test_a_connection_cut_between_the_final_dot_and_the_reply(self):
        closed, rounds = self.sessions_closed(), 20
        for number in range(rounds):
            client = self.walk_to(len(self.STEPS), big=number % 3 == 0)
            client.send(b"\n")
            reset(client.socket) if number % 2 else client.close()
        until(lambda: self.sessions_closed() >= closed + rounds, "every session noticed")
        # Whether it was kept the client can not know; but if so, then once, whole and in the sums.
        self.assertLessEqual(len(self.new()), rounds)
        received = [e for e in self.daemon.events() if e["kind"] == "received"]
        self.assertEqual(len(self.kept()), len(received))
        for row in self.daemon.mailbox(JERRY):
            self.assertTrue(self.daemon.mail(JERRY, row["uid"]).endswith(b"body\r\n"))

    def test_half_a_close_still_gets_its_answer(self):
        client = self.walk_to(len(self.STEPS))
        client.send(b"\n")
        client.socket.shutdown(socket.SHUT_WR)
        client.reply(250)
        self.assertTrue(client.at_end())
        self.assertEqual(["cut"], self.new())


class Crowds(Served):
    options = {**Served.options, "extra": "[limits]\nmax_connections = 5000"}

    @property
    def pid(self):
        return self.daemon.process.pid

    def test_a_thousand_idle_connections(self):
        before = resident(self.pid)
        idle = [self.daemon.connect("mx") for _ in range(1000)]
        try:
            for client in idle[::2]:
                client.ehlo()
            for client in idle[::4]:
                client.cmd("MAIL FROM:<a@elsewhere.test>", 250)
            for _ in range(10):
                self.serve_promptly()
            if not SLOW:
                self.assertLess(resident(self.pid) - before, 1000 * (16 << 10))
            busy = cpu_seconds(self.pid)
            for client in idle[::100]:
                client.cmd("NOOP", 250)
            self.assertLess(cpu_seconds(self.pid) - busy, 0.5 * ALLOWANCE)
        finally:
            for client in idle:
                client.close()

    def test_a_client_that_never_reads_is_not_read_either(self):
        before = resident(self.pid)
        client = self.talk("relay", source="127.9.0.1")
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.setblocking(False)
        rcpt = f"RCPT TO:<{JERRY}>\r\n".encode() * 900
        flood = (b"MAIL FROM:<a@elsewhere.test>\r\n" + rcpt + b"RSET\r\n") * 90
        here, there = client.socket.getsockname()[1], self.daemon.port("relay")
        sent = 0

        def stuck():
            nonlocal sent
            try:
                sent += client.socket.send(flood[sent % len(flood):][:1 << 20])
            except BlockingIOError:
                pass
            unread_by_peer, unread_by_us = queues(there, here)
            return unread_by_us > 0 and unread_by_peer > 0 and sent > 1 << 20 and still(unread_by_us)

        last = [0, 0.0]

        def still(amount):  # the daemon has not read for a while
            if amount != last[0]:
                last[:] = [amount, time.monotonic()]
            return time.monotonic() - last[1] > 0.2

        until(stuck, "the daemon stops reading")
        self.assertLess(queues(there, here)[0], 160 << 10)
        self.serve_promptly()
        self.serve_promptly("relay")
        if not SLOW:
            self.assertLess(resident(self.pid) - before, 8 << 20)

    def test_an_endless_command_line(self):
        for role, before in (("mx", b""), ("relay", b""), ("submission", b"AUTH PLAIN ")):
            with self.subTest(role=role):
                client = self.talk(role)
                memory = resident(self.pid)
                with contextlib.suppress(ConnectionError):
                    client.send(before)
                    for _ in range(64):
                        client.send(b"A" * 65536)
                self.assertTrue(client.at_end())
                self.assertTrue(client.buffer == b"" or client.buffer.startswith(b"421 4.7.0 "),
                                client.buffer)
                if not SLOW:
                    self.assertLess(resident(self.pid) - memory, 4 << 20)
                self.serve_promptly()

    def test_an_endless_line_is_told_so(self):
        client = self.talk()
        client.send(b"A" * (70 << 10))
        self.assertEqual("4.7.0", client.reply(421).enhanced())
        self.assertTrue(client.at_end())

    def test_a_hundred_thousand_noops(self):
        busy = cpu_seconds(self.pid)
        client = self.talk("relay")
        with contextlib.suppress(ConnectionError):
            client.send(b"NOOP\r\n" * 100_000)
        self.assertTrue(client.at_end())
        replies = client.buffer.splitlines()
        self.assertLessEqual(len(replies), 101)
        client = self.talk("mx")
        answers = [client.cmd("NOOP", 250)]
        while answers[-1].code == 250 and len(answers) < 200:
            answers.append(client.cmd("NOOP", 250, 421))
        self.assertEqual("4.7.0", answers[-1].enhanced())
        self.assertLessEqual(len(answers), 101)
        self.assertTrue(client.at_end())
        self.assertLess(cpu_seconds(self.pid) - busy, 1.0 * ALLOWANCE)

    def test_a_flood_of_connections_that_say_nothing_and_go(self):
        for _ in range(500):
            reset(socket.create_connection(("127.0.0.1", self.daemon.port("mx"))))
        self.serve_promptly()

    def test_too_many_recipients(self):
        client = self.talk()
        client.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        client.send(f"RCPT TO:<{JERRY}>\r\n".encode() * 1001)
        for _ in range(1000):
            client.reply(250)
        self.assertEqual("4.5.3", client.reply(452).enhanced())
        client.data(message("for very many"))
        self.assertIn("for very many", self.new())
