"""Extensions of ESMTP as clients see them over real sockets, and what becomes of what they asked."""
import time
import unittest
from datetime import datetime, timedelta, timezone

from lib.case import DaemonCase
from lib.daemon import DEADLINE, Daemon, password_of
from lib.smtp import Smtp, message

JERRY, TOM = "jerry@yahoo.test", "tom@gmail.test"
JUERGEN = "jürgen@bücher.test"
ASCII_DOMAIN = "xn--bcher-kva.test"


class Extensions(DaemonCase):
    options = {"accounts": [JERRY, TOM], "routes": {"hold.test": "hold"}}

    @classmethod
    def prepare(cls):
        cls.daemon.ctl("domain", "add", "bücher.test")
        cls.daemon.add_account(JUERGEN)

    def send(self, smtp, mail, recipients, content):
        smtp.cmd(f"MAIL FROM:{mail}", 250)
        for recipient in recipients:
            smtp.cmd(f"RCPT TO:{recipient}", 250)
        return smtp.data(content).text.split()[1]

    def mails(self, address, subject):
        return [self.daemon.mail(address, row["uid"]).decode() for row in self.daemon.mailbox(address)
                if row["subject"] == subject]

    def test_mail_reaches_an_address_in_every_spelling(self):
        spellings = [JUERGEN, f"jürgen@{ASCII_DOMAIN}", "JÜRGEN@BÜCHER.test", "ju\u0308rgen@bu\u0308cher.test",
                     "jürgen+tag@bücher.test"]
        with self.daemon.connect("mx") as smtp:
            self.assertIn("SMTPUTF8", smtp.ehlo().text.split("\n"))
            for spelling in spellings:
                self.send(smtp, "<töm@example.org> SMTPUTF8", [f"<{spelling}>"],
                          message(f"an {spelling}", "töm@example.org"))
        rows = self.daemon.mailbox(JUERGEN)
        self.assertEqual(len(spellings), len(rows))
        self.assertEqual(rows, self.daemon.mailbox(f"jürgen@{ASCII_DOMAIN}"))
        raw = self.daemon.mail(JUERGEN, rows[0]["uid"]).decode()
        self.assertTrue(raw.startswith("Return-Path: <töm@example.org>\r\n"
                                       f"Delivered-To: jürgen@{ASCII_DOMAIN}\r\n"), raw[:200])
        self.assertIn(" with UTF8SMTP\r\n", raw)
        self.assertIn(f"for <jürgen@{ASCII_DOMAIN}>;", raw)

    def test_addresses_beyond_ascii_need_the_parameter(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            self.assertEqual("5.6.7", smtp.cmd("MAIL FROM:<töm@example.org>", 550).enhanced())
            smtp.cmd("MAIL FROM:<tom@example.org>", 250)
            self.assertEqual("5.6.7", smtp.cmd(f"RCPT TO:<{JUERGEN}>", 553).enhanced())

    def test_an_alias_may_be_beyond_ascii(self):
        self.daemon.ctl("alias", "add", "größe@bücher.test", JERRY)
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            self.send(smtp, "<a@example.org> SMTPUTF8", ["<GRÖßE@bücher.test>", "<größe@BÜCHER.test>"],
                      message("to an alias"))
        self.assertEqual(1, len(self.mails(JERRY, "to an alias")))

    def test_a_login_beyond_ascii_may_send(self):
        with self.daemon.connect("submission", "implicit") as smtp:
            smtp.ehlo()
            smtp.auth_plain("JÜRGEN@bücher.test", password_of(JUERGEN))
            self.assertEqual("5.7.1", smtp.cmd(f"MAIL FROM:<{JERRY}>", 550).enhanced())
            self.send(smtp, f"<{JUERGEN}> SMTPUTF8", [f"<{JERRY}>"], message("from a login", JUERGEN))
        self.assertIn(" with UTF8SMTPSA\r\n", self.mails(JERRY, "from a login")[0])

    def test_parameters_are_taken_and_the_mail_arrives(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            self.assertEqual("5.5.4", smtp.cmd("MAIL FROM:<a@example.org> REQUIRETLS", 555).enhanced())
            smtp.starttls()
            smtp.ehlo()
            self.send(smtp, "<a@example.org> RET=HDRS ENVID=QQ+2B1 REQUIRETLS SIZE=300 BODY=8BITMIME",
                      [f"<{JERRY}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;j+2Bx@yahoo.test", f"<{TOM}> NOTIFY=NEVER"],
                      message("with parameters", extra="TLS-Required: No\r\n"))
        self.assertEqual(1, len(self.mails(JERRY, "with parameters")))
        self.assertEqual(1, len(self.mails(TOM, "with parameters")))

    def test_priorities_stand_in_received(self):
        with self.daemon.login(JERRY) as smtp:
            self.assertIn("MT-PRIORITY", smtp.ehlo().text)
            self.send(smtp, f"<{JERRY}> MT-PRIORITY=-3", [f"<{TOM}>"], message("not urgent", JERRY))
        self.assertIn(" priority -3\r\n", self.mails(TOM, "not urgent")[0])

    def test_held_mail_is_nowhere_before_its_time(self):
        with self.daemon.login(JERRY) as smtp:
            smtp.ehlo()
            for times in ("HOLDFOR=2592001", "HOLDUNTIL=2999-01-01T00:00:00Z", "HOLDFOR=9 BY=8;R"):
                self.assertEqual("5.5.4", smtp.cmd(f"MAIL FROM:<{JERRY}> {times}", 501).enhanced())
            self.send(smtp, f"<{JERRY}> HOLDFOR=86400", [f"<{TOM}>"], message("tomorrow", JERRY))
            self.send(smtp, f"<{JERRY}> HOLDUNTIL=2001-01-01T00:00:00Z", [f"<{TOM}>"],
                      message("long ago", JERRY))
        self.assertEqual(1, len(self.mails(TOM, "long ago")))
        self.assertEqual([], self.mails(TOM, "tomorrow"))

    def test_held_mail_is_delivered_when_its_time_has_come(self):
        with self.daemon.login(JERRY) as smtp:
            smtp.ehlo()
            begin = datetime.now(timezone.utc)
            identity = self.send(smtp, f"<{JERRY}> HOLDFOR=1", [f"<{TOM}> NOTIFY=SUCCESS"],
                                 message("in a second", JERRY))
        until = time.monotonic() + DEADLINE
        while not (delivered := [event for event in self.daemon.events()
                                 if event["message"] == identity and event["kind"] == "delivered"]):
            self.assertLess(time.monotonic(), until, "never delivered")
        held = datetime.fromisoformat(delivered[0]["at"]) - begin
        self.assertGreaterEqual(held, timedelta(milliseconds=999))  # events count whole milliseconds
        self.assertEqual(1, len(self.mails(TOM, "in a second")))
        while not (notices := [row for row in self.daemon.mailbox(JERRY)
                               if row["subject"].endswith(": in a second")]):
            self.assertLess(time.monotonic(), until, "its sender was never told")
        notice = self.daemon.mail(JERRY, notices[0]["uid"]).decode()
        self.assertIn("Action: delivered\r\n", notice)
        self.assertIn("Future-Release-Request: for;1\r\n", notice)


class ProxyAndTrace(unittest.TestCase):
    BALANCER = "127.0.5.7"

    def daemon_with(self, extra, listeners=(("mx", "none"),), **options):
        return Daemon(accounts=[JERRY], listeners=listeners, listener_extra=extra, networks=(), **options)

    def received(self, daemon):
        raw = daemon.mail(JERRY, daemon.mailbox(JERRY)[-1]["uid"]).decode()
        return raw.split("Received: ", 1)[1].split("\r\n", 1)[0]

    def test_a_balancer_names_the_client_and_others_are_served_as_themselves(self):
        with self.daemon_with(f'proxy_from = ["{self.BALANCER}"]') as daemon:
            def talk(header, source):
                smtp = daemon.connect("mx", "none", source=source, greet=False)
                with smtp:
                    smtp.send(header)
                    smtp.reply(220)
                    smtp.ehlo("client.test")
                    smtp.send_mail("a@example.org", [JERRY], message("x"))
                return self.received(daemon)

            version2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\1\x12\x67\0\x19"
            local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
            for header, address in ((b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 25\r\n", "203.0.113.9"),
                                    (b"PROXY TCP6 2001:db8::9 ::1 4711 25\r\n", "IPv6:2001:db8::9"),
                                    (version2, "203.0.113.9"), (local, self.BALANCER),
                                    (b"PROXY UNKNOWN\r\n", self.BALANCER)):
                with self.subTest(header=header):
                    self.assertEqual(f"from client.test ([{address}])", talk(header, self.BALANCER))
            with daemon.connect("mx", "none") as smtp:
                smtp.ehlo("client.test")
                smtp.send_mail("a@example.org", [JERRY], message("x"))
                self.assertEqual("from client.test ([127.0.0.1])", self.received(daemon))
                smtp.cmd("PROXY TCP4 203.0.113.9 127.0.0.1 4711 25", 500)
            for bad in (b"EHLO client.test\r\n", b"PROXY TCP4 203.0.113.999 127.0.0.1 4711 25\r\n"):
                with daemon.connect("mx", "none", source=self.BALANCER, greet=False) as smtp:
                    smtp.send(bad)
                    self.assertTrue(smtp.at_end())
                    self.assertEqual(b"", smtp.buffer)
            daemon.wait_for("smtpd.bad_proxy_header")

    def test_the_header_comes_before_the_handshake(self):
        with self.daemon_with(f'proxy_from = ["{self.BALANCER}"]', (("submission", "implicit"),)) as daemon:
            port = daemon.port("submission", "implicit")
            with Smtp(port, source=self.BALANCER, greet=False) as smtp:
                smtp.send(b"PROXY TCP4 203.0.113.9 127.0.0.1 4711 465\r\n")
                smtp._wrap()
                smtp.reply(220)
                smtp.ehlo()
                smtp.auth_plain(JERRY, password_of(JERRY))

    def test_received_of_submission_is_masked_or_full(self):
        for value, expected in (("masked", "from unknown (client masked)"), ("full", "from client.test ([127.0.0.1])")):
            with self.daemon_with(f'trace_client = "{value}"', (("submission", "implicit"),)) as daemon:
                with daemon.login(JERRY, tls="implicit") as smtp:
                    smtp.ehlo("client.test")
                    smtp.send_mail(JERRY, [JERRY], message("x", JERRY))
                self.assertEqual(expected, self.received(daemon))


if __name__ == "__main__":
    unittest.main()
