"""A mail from Tom to Jerry on every way in, with clients that others wrote, down to the stored bytes."""
import email
import email.policy
import smtplib
import ssl
import subprocess
import unittest

import sums
from lib.case import DaemonCase
from lib.daemon import DEADLINE, password_of
from lib.smtp import message

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"


def trusting():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class FirstMail(DaemonCase):
    options = {"accounts": [TOM, JERRY]}

    def newest(self, subject):
        """The stored bytes of Jerry's mail with this subject; there must be exactly one."""
        rows = [row for row in self.daemon.mailbox(JERRY) if row["subject"] == subject]
        self.assertEqual(1, len(rows), f"mails with subject {subject!r}")
        self.assertLessEqual({"uid", "size", "received", "from", "subject", "flags"}, set(rows[0]))
        raw = self.daemon.mail(JERRY, rows[0]["uid"])
        self.assertEqual(rows[0]["size"], len(raw))
        return raw

    def swaks(self, port, *options):
        return subprocess.run(
            ["swaks", "-n", "-s", f"127.0.0.1:{port}", "-a", "PLAIN", "-au", TOM, "-ap",
             password_of(TOM), "-f", TOM, "-t", JERRY, "--timeout", str(DEADLINE), *options],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=DEADLINE * 2)

    def test_swaks_with_starttls(self):
        done = self.swaks(self.daemon.port("submission"), "-tls", "--h-Subject", "swaks starttls")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.newest("swaks starttls")

    def test_swaks_with_implicit_tls(self):
        done = self.swaks(self.daemon.port("submission", "implicit"), "-tlsc", "--h-Subject", "swaks tls")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.newest("swaks tls")

    def test_swaks_with_auth_login(self):
        done = self.swaks(self.daemon.port("submission"), "-tls", "-a", "LOGIN", "--h-Subject", "swaks login")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.newest("swaks login")

    def test_smtplib_with_starttls(self):
        with smtplib.SMTP("127.0.0.1", self.daemon.port("submission"), timeout=DEADLINE) as client:
            client.starttls(context=trusting())
            client.login(TOM, password_of(TOM))
            client.sendmail(TOM, [JERRY], message("smtplib starttls", body="one\r\n.two\r\n..three\r\n"))
        self.assertTrue(self.newest("smtplib starttls").endswith(b"\r\n\r\none\r\n.two\r\n..three\r\n"))

    def test_smtplib_with_implicit_tls(self):
        port = self.daemon.port("submission", "implicit")
        with smtplib.SMTP_SSL("127.0.0.1", port, timeout=DEADLINE, context=trusting()) as client:
            client.login(TOM, password_of(TOM))
            client.sendmail(TOM, [JERRY], message("smtplib tls"))
        self.newest("smtplib tls")

    def test_mail_from_the_world_without_login(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.send_mail("somebody@elsewhere.test", [JERRY], message("from the world", "somebody@elsewhere.test"))
        mail = email.message_from_bytes(self.newest("from the world"), policy=email.policy.default)
        self.assertEqual("<somebody@elsewhere.test>", mail["Return-Path"])
        self.assertEqual(JERRY, mail["Delivered-To"])
        self.assertRegex(mail["Received"], r"\sby mx\.yahoo\.test\s")

    def test_mail_from_the_world_over_tls(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.starttls()
            smtp.ehlo()
            smtp.send_mail("", [JERRY], message("a bounce over TLS"))
        raw = self.newest("a bounce over TLS")
        self.assertIn(b"Return-Path: <>", raw)
        self.assertRegex(raw, rb"\swith ESMTPS\s")  # RFC 3848

    def test_submission_says_so_and_hides_the_client(self):
        with self.daemon.login(TOM) as smtp:
            smtp.send_mail(TOM, [JERRY], message("who sent it"))
        received = email.message_from_bytes(self.newest("who sent it"))["Received"]
        self.assertRegex(received, r"\swith ESMTPSA\s")  # RFC 3848
        self.assertNotIn("127.0.0.1", received)  # security.md 60
        self.assertNotIn(TOM, received)

    def test_submission_adds_what_is_missing_and_removes_bcc(self):
        with self.daemon.login(TOM) as smtp:
            smtp.send_mail(TOM, [JERRY], f"From: {TOM}\r\nBcc: secret@yahoo.test\r\nSubject: bare\r\n\r\nx\r\n")
        mail = email.message_from_bytes(self.newest("bare"), policy=email.policy.default)
        self.assertTrue(mail["Date"])
        self.assertTrue(mail["Message-ID"])
        self.assertIsNone(mail["Bcc"])

    def test_the_body_is_kept_to_the_byte(self):
        body = bytes(b for b in range(1, 256) if b not in (10, 13)) + b"\r\n" + b"." * 70 + b"\r\n\r\n\t \r\n"
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.cmd("MAIL FROM:<a@elsewhere.test> BODY=8BITMIME", 250)
            smtp.cmd(f"RCPT TO:<{JERRY}>", 250)
            smtp.data(message("all bytes", body="").encode() + body)
        self.assertTrue(self.newest("all bytes").endswith(b"\r\n\r\n" + body))

    def test_a_body_beyond_what_a_session_keeps_in_memory(self):
        body = b"".join(b"%075d\r\n" % i for i in range(40_000))  # 3 MiB
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.send_mail("a@elsewhere.test", [JERRY], message("three MiB", body="").encode() + body)
        self.assertTrue(self.newest("three MiB").endswith(b"\r\n\r\n" + body))

    def test_two_recipients_one_message(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            reply = smtp.send_mail("a@elsewhere.test", [JERRY, TOM], message("for both"))
        ident = reply.text.split()[1]
        self.newest("for both")
        self.assertEqual(1, len([r for r in self.daemon.mailbox(TOM) if r["subject"] == "for both"]))
        events = [e for e in self.daemon.events() if e["message"] == ident]
        self.assertEqual({JERRY, TOM}, {e["recipient"] for e in events if e["kind"] == "delivered"})

    def test_the_id_of_the_reply_is_everywhere(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            reply = smtp.send_mail("a@elsewhere.test", [JERRY], message("one id"))
        self.assertEqual("2.0.0", reply.enhanced())
        ident = reply.text.split()[1]
        self.assertRegex(ident, r"^[0-9A-HJKMNP-TV-Z]{16}$")  # Crockford base32
        self.assertIn(ident.encode(), self.newest("one id").split(b"\r\n\r\n")[0])
        trace = self.daemon.ctl("message", "trace", ident)
        self.assertIn("received", trace)
        self.assertIn("delivered", trace)
        self.assertIn(JERRY, trace)
        self.assertIn(ident, self.daemon.ctl("message", "show", ident))
        # A line of JSON per message in the log, by default.
        self.daemon.wait_for("message.accepted", where=lambda line: line.get("id") == ident)

    def test_message_raw_is_the_message_as_it_was_committed(self):
        content = message("raw", body="raw body\r\n")
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            reply = smtp.send_mail("a@elsewhere.test", [JERRY], content)
        done = self.daemon.run("message", "raw", reply.text.split()[1], binary=True)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(done.stdout.endswith(content.encode()), done.stdout[-200:])

    def test_the_sums_add_up(self):
        self.assertEqual([], sums.differences(self.daemon))

    def test_mailbox_delete(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.send_mail("a@elsewhere.test", [TOM], message("to be deleted"))
        uid = next(r["uid"] for r in self.daemon.mailbox(TOM) if r["subject"] == "to be deleted")
        self.daemon.ctl("mailbox", "delete", TOM, str(uid))
        self.assertNotIn(uid, [r["uid"] for r in self.daemon.mailbox(TOM)])
        gone = self.daemon.run("mailbox", "show", TOM, str(uid))
        self.assertNotEqual(0, gone.returncode)
        self.assertIn(str(uid), gone.stderr)


class Sums(unittest.TestCase):
    """The script of the sums finds mistakes that were put there."""

    EVENTS = [
        {"kind": "received", "message": "A", "recipient": "", "recipients": ["team@x.test", "b@x.test"]},
        {"kind": "expanded", "message": "A", "recipient": "team@x.test", "recipients": ["b@x.test", "c@x.test"]},
        {"kind": "expanded", "message": "A", "recipient": "b@x.test", "recipients": []},
        {"kind": "delivered", "message": "A", "recipient": "b@x.test", "recipients": []},
        {"kind": "deferred", "message": "A", "recipient": "c@x.test", "recipients": []},
        {"kind": "received", "message": "B", "recipient": "", "recipients": ["b@x.test"]},
        {"kind": "held", "message": "B", "recipient": "b@x.test", "recipients": []},
    ]
    STATUS = {"accepted": 3, "delivered": 1, "bounced": 0, "expired": 0, "discarded": 0,
              "quarantined": 0, "held": 1, "queued": 1}

    def test_all_in_order(self):
        self.assertEqual([], sums.compare(self.EVENTS, self.STATUS))

    def test_a_delivery_without_event(self):
        events = [e for e in self.EVENTS if e["kind"] != "delivered"]
        self.assertEqual(["delivered: 0 by the events, 1 by status", "queued: 2 by the events, 1 by status"],
                         sums.compare(events, self.STATUS))

    def test_a_recipient_that_was_not_merged(self):
        events = self.EVENTS[:2] + self.EVENTS[3:]
        self.assertEqual(["accepted: 4 by the events, 3 by status", "delivered: 2 by the events, 1 by status"],
                         sums.compare(events, self.STATUS))

    def test_a_counter_that_counts_twice(self):
        found = sums.compare(self.EVENTS, {**self.STATUS, "held": 2})
        self.assertEqual(2, len(found))
        self.assertIn("not the sum of its parts", found[1])

    def test_an_outcome_for_somebody_who_is_no_recipient(self):
        events = self.EVENTS + [{"kind": "delivered", "message": "B", "recipient": "z@x.test"}]
        with self.assertRaises(ValueError):
            sums.compare(events, self.STATUS)
