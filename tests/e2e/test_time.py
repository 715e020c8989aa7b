"""The rows of security.md §3 and §6 that are about time, in the daemon, on a clock that the test puts forward."""
import contextlib
import socket

from abuse import JERRY, queues, Served, TOM, until
from lib.daemon import password_of
from lib.smtp import Smtp, message

MINUTE, HOUR, DAY = 60, 3600, 86400


class TimeCase(Served):
    options = {**Served.options, "test_clock": True, "routes": {"hold.test": "hold"}}

    def timed_out(self, client):
        """It is told why, and the connection is closed; the daemon looks at deadlines every second."""
        self.assertEqual("4.4.2", client.reply(421).enhanced())
        self.assertTrue(client.at_end())
        self.assertEqual(b"", client.buffer)


    def was_read(self, client, role="mx"):
        ends = self.daemon.port(role), client.socket.getsockname()[1]
        until(lambda: queues(*ends)[1] == 0, "the daemon reads what was sent")


class Patience(TimeCase):
    def test_idle(self):
        for role in ("mx", "submission", "relay"):
            with self.subTest(role=role):
                client = self.talk(role)
                self.daemon.advance(299)
                client.cmd("NOOP", 250)  # it counts from here
                self.daemon.advance(299)
                client.cmd("NOOP", 250)
                self.daemon.advance(301)
                self.timed_out(client)

    def test_idle_before_a_word_was_said(self):
        client = self.daemon.connect("mx")
        self.addCleanup(client.close)
        self.daemon.advance(301)
        self.timed_out(client)

    def test_a_command_an_octet_at_a_time(self):
        client = self.talk()
        for octet in "NOOP":  # never idle for 300 s
            client.send(octet)
            self.was_read(client)
            self.daemon.advance(140)
        self.timed_out(client)

    def test_a_body_at_less_than_500_octets_a_second(self):
        client = self.in_data()
        client.send(b"Subject: slow\r\n\r\n" + (b"x" * 78 + b"\r\n") * 1000)  # 80 kB: 160 s
        for _ in range(2):
            self.daemon.advance(200)
            client.send(b"a\r\n")
        self.daemon.advance(70)
        self.timed_out(client)
        self.assertEqual([], self.new())

    def test_a_body_that_comes_fast_enough(self):
        client = self.in_data()
        client.send(b"Subject: steady\r\n\r\n")
        for _ in range(8):
            client.send((b"x" * 78 + b"\r\n") * 1500)  # 120 kB
            self.daemon.advance(220)
        client.send(b".\r\n")
        client.reply(250)
        self.assertEqual(["steady"], self.new())

    def test_a_chunk(self):
        client = self.talk()
        client.envelope("a@elsewhere.test", [JERRY])
        client.send(b"BDAT 1000 LAST\r\nSubject: half\r\n\r\n")
        self.was_read(client)
        self.daemon.advance(301)
        self.timed_out(client)
        self.assertEqual([], self.new())

    def test_a_login(self):
        client = self.talk("submission")
        client.starttls()
        client.ehlo()
        client.cmd("AUTH LOGIN", 334)
        self.daemon.advance(301)
        self.timed_out(client)

    def test_a_handshake_has_ten_seconds(self):
        client = self.talk()
        client.cmd("STARTTLS", 220)
        with socket.create_connection(("127.0.0.1", self.daemon.port("submission", "implicit")), 20) as silent:
            self.daemon.advance(11)
            for end in (client.socket, silent):
                with contextlib.suppress(ConnectionError):
                    self.assertEqual(b"", end.recv(1000))


class Stressed(TimeCase):
    options = {**TimeCase.options, "extra": "[limits]\nmax_connections = 10\nconnections_per_client = 9\n"
               "connections_per_network = 10"}

    def test_who_is_idle_goes_after_ten_seconds(self):
        calm = [self.talk(source="127.9.1.1") for _ in range(9)]
        last = self.talk(source="127.9.1.2")  # no connection is left
        calm[0].cmd("MAIL FROM:<a@elsewhere.test>", 250)  # a session looks again at MAIL
        self.daemon.advance(11)
        self.timed_out(last)
        self.timed_out(calm[0])
        calm[1].cmd("NOOP", 250)


class Rates(TimeCase):
    def test_connections_are_taken_again_after_a_minute(self):
        source = "127.7.5.1"

        def greeted():
            with contextlib.closing(Smtp(self.daemon.port("mx"), source=source, greet=False)) as client:
                return client.reply(220, 421)
        until_refused = 0
        while greeted().code == 220:
            until_refused += 1
            self.assertLess(until_refused, 100)
        self.assertGreaterEqual(until_refused, 60)
        self.daemon.advance(MINUTE)
        for _ in range(60):
            self.assertEqual(220, greeted().code)

    def test_messages_are_taken_again_after_a_minute(self):
        client = self.talk(source="127.7.6.1")
        taken = 0
        while (reply := client.cmd("MAIL FROM:<a@elsewhere.test>")).code == 250:
            client.cmd(f"RCPT TO:<{JERRY}>", 250)
            client.data("Subject: many\r\n\r\n")
            taken += 1
            self.assertLess(taken, 600)
        self.assertGreaterEqual(taken, 300)
        self.assertEqual((421, "4.7.0"), (reply.code, reply.enhanced()))
        self.daemon.advance(MINUTE)
        client = self.talk(source="127.7.6.1")
        client.send_mail("a@elsewhere.test", [JERRY], message("a minute later"))

    def test_the_recipients_of_an_account_come_back_within_an_hour(self):
        tom = self.daemon.login(TOM)
        self.addCleanup(tom.close)
        tom.cmd(f"MAIL FROM:<{TOM}>", 250)
        taken = 0
        while (reply := tom.cmd(f"RCPT TO:<n{taken}@hold.test>")).code == 250:
            taken += 1
            self.assertLess(taken, 1100)
            if taken % 900 == 0:
                tom.data(message("to many", TOM))
                tom.cmd(f"MAIL FROM:<{TOM}>", 250)
        self.assertEqual((450, "4.7.0"), (reply.code, reply.enhanced()))
        self.assertGreaterEqual(taken, 1000)
        tom.cmd("RSET", 250)
        self.daemon.advance(HOUR)
        again = self.daemon.login(TOM)
        self.addCleanup(again.close)
        again.envelope(TOM, [f"m{n}@hold.test" for n in range(999)])
        again.cmd("RSET", 250)


class FailedLogins(TimeCase):
    def client(self, source):
        client = self.daemon.connect("submission", "implicit", source=source)
        self.addCleanup(client.close)
        client.ehlo()
        return client

    def fail(self, source, times, name, reply=535):
        client = self.client(source)
        for number in range(times):
            client.auth_plain(JERRY, f"{name} {number}", reply)

    def test_ten_a_minute_and_fifty_a_day(self):
        source = "127.50.1.1"
        for minute in range(5):
            self.fail(source, 10, f"guess {minute}")
            self.client(source).auth_plain(JERRY, password_of(JERRY), 421)
            self.daemon.advance(MINUTE + 1)
        self.client(source).auth_plain(JERRY, password_of(JERRY), 421)  # fifty
        self.daemon.advance(DAY)
        self.client(source).auth_plain(JERRY, password_of(JERRY), 235)

    def test_the_same_wrong_password_counts_once_a_day(self):
        source = "127.51.1.1"
        for _ in range(3):  # an old phone, three days long
            client = self.client(source)
            for _ in range(15):
                client.auth_plain(JERRY, "the old one", 535)
            self.daemon.advance(DAY + 1)
        self.client(source).auth_plain(JERRY, password_of(JERRY), 235)

    def test_who_has_logged_in_there_is_not_locked_out_for_thirty_days(self):
        source = "127.52.1.1"
        self.client(source).auth_plain(TOM, password_of(TOM), 235)
        self.daemon.advance(29 * DAY)
        for part in range(5):
            self.fail(source, 19, f"guess {part}")
        self.fail(source, 5, "guess 5")
        self.client(source).auth_plain(JERRY, password_of(JERRY), 421)
        self.client(source).auth_plain(TOM, password_of(TOM), 235)
        # Thirty days without a login: a stranger like any other.
        self.daemon.advance(31 * DAY)
        self.fail(source, 10, "later")
        self.client(source).auth_plain(TOM, password_of(TOM), 421)


class OnlyInTests(Served):
    def test_the_program_that_is_shipped_has_no_such_clock(self):
        self.assertNotIn(b"MAILWRIGHT_TEST_CLOCK", self.daemon.binary.read_bytes())
        self.assertIn(b"MAILWRIGHT_TEST_CLOCK",
                      self.daemon.binary.with_name("mailwright_test_clock").read_bytes())
