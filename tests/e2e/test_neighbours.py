"""The programs beside us that judge mail, as Debian has them: rspamd, clamd, and opendkim, opendmarc and
clamav-milter as mail filters; and what becomes of mail when they are away or hang."""
import base64
import subprocess
import threading
import time
import unittest

from lib.daemon import SLOW, Daemon
from lib.dns_world import DnsWorld
from lib.neighbours import EICAR, GTUBE, clamav_milter, clamd, opendkim, opendmarc, rspamd
from lib.netns import Network
from lib.smtp import message
from sending import quoted

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"
LISTENERS = (("mx", "none"), ("submission", "starttls"))
VIRUS = (f"--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: application/octet-stream\r\n"
         "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=eicar.com\r\n\r\n"
         f"{base64.b64encode(EICAR.encode()).decode()}\r\n--b--\r\n")
MULTIPART = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"


class Neighbours(unittest.TestCase):
    """A host with a DNS; the programs are started by each class, a daemon by each test."""

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(Network("yahoo"))["yahoo"]
        key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
        public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=key,
                                capture_output=True, check=True).stdout
        text = base64.b64encode(public).decode()
        cls.key = key
        cls.dns = cls.enterClassContext(DnsWorld(
            {"gmail.test": ['@ TXT "v=spf1 ip4:127.0.0.1 -all"', '_dmarc TXT "v=DMARC1; p=reject"'],
             "forged.test": ['@ TXT "v=spf1 -all"', '_dmarc TXT "v=DMARC1; p=reject"'],
             "yahoo.test": ["@ MX 10 mx", "mx A 127.0.0.1", '_dmarc TXT "v=DMARC1; p=reject"',
                            f'one._domainkey TXT "v=DKIM1; p={text[:200]}" "{text[200:]}"']},
            host=cls.host, addresses=["127.0.0.1"]))

    def daemon(self, extra):
        # Nobody may relay, so that filters take no client for one of ours.
        extra = f"{extra}\n[dns]\nroot_hints = {quoted(self.dns.root_hints)}\n" \
                f"trust_anchor = {quoted(self.dns.trust_anchor)}\n"
        daemon = Daemon(accounts=[JERRY, TOM], listeners=LISTENERS, networks=("203.0.113.0/24",),
                        extra=extra, wrapper=self.host.wrapper)
        with self.host.inside():
            return self.enterContext(daemon)

    def connect(self, daemon):
        with self.host.inside():
            smtp = self.enterContext(daemon.connect("mx", "none"))
        smtp.ehlo("localhost")
        return smtp

    def send(self, daemon, content, *codes, sender=TOM):
        """The reply to the message, or to MAIL where that is refused."""
        smtp = self.connect(daemon)
        reply = smtp.cmd(f"MAIL FROM:<{sender}>")
        if reply.code != 250:
            self.assertIn(reply.code, codes, reply)
            return reply
        smtp.cmd(f"RCPT TO:<{JERRY}>", 250)
        return smtp.data(content, *codes)

    def newest(self, daemon, folder="INBOX", account=JERRY):
        row = daemon.json("mailbox", "list", account, "--folder", folder)[-1]
        return daemon.raw("mailbox", "show", account, str(row["uid"]), "--folder", folder)

    def tags(self, daemon):
        received = [event for event in daemon.events() if event["kind"] == "received"][-1]
        tags = received["facts"].get("tags")
        return tags.split(", ") if tags else []


class Rspamd(Neighbours):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rspamd = cls.enterClassContext(rspamd(cls.host))

    def settings(self, more=""):
        return f"[rspamd]\naddress = {quoted(self.rspamd.socket)}\n{more}"

    def test_gtube_is_refused_with_its_words(self):
        daemon = self.daemon(self.settings())
        reply = self.send(daemon, message(body=f"{GTUBE}\r\n"), 550)
        self.assertIn("Gtube pattern", reply.text)
        self.assertEqual(daemon.mailbox(JERRY), [])

    def test_its_actions_are_obeyed(self):
        daemon = self.daemon(self.settings())
        self.send(daemon, message(body=f"Y{GTUBE[1:]}\r\n"), 250)
        self.assertIn(b"\nX-Spam: Yes\r\n", self.newest(daemon, "Junk"))
        self.assertIn("rspamd add header", self.tags(daemon))
        self.send(daemon, message(subject="Cheese", body=f"Z{GTUBE[1:]}\r\n"), 250)
        self.assertIn(b"\nSubject: *** SPAM *** Cheese\r\n", self.newest(daemon, "Junk"))

    def test_what_is_large_is_streamed(self):
        daemon = self.daemon(self.settings())
        lines = "".join(f"line {number} of many\r\n" for number in range(60_000))
        parts = "--b\r\nContent-Type: application/x-log\r\n\r\n" + lines + \
            "\r\n--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n--b--\r\n"
        self.send(daemon, message(extra=MULTIPART, body=parts.format("Hello")), 250)
        self.send(daemon, message(extra=MULTIPART, body=parts.format(GTUBE)), 550)

    def test_hanging_it_delays_nobody_else(self):
        daemon = self.daemon(self.settings(f'timeout = "{25 if SLOW else 5}s"'))
        with self.rspamd.stopped():
            self.hangs(daemon)

    def hangs(self, daemon):
        waiting, replies = [], []
        for _ in range(4):
            smtp = self.connect(daemon)
            smtp.envelope(TOM, [JERRY])
            smtp.cmd("DATA", 354)
            waiting.append(threading.Thread(
                target=lambda smtp=smtp: replies.append(
                    (smtp.send(message().encode() + b".\r\n"), smtp.reply())[1])))
        for thread in waiting:
            thread.start()
        with self.host.inside():
            other = self.enterContext(daemon.login(TOM))
        other.send_mail(TOM, [JERRY], message())
        self.assertEqual(replies, [], "others had to wait")
        for thread in waiting:
            thread.join(60)
        self.assertEqual([reply.code for reply in replies], [451] * 4)


class Clamd(Neighbours):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clamd = cls.enterClassContext(clamd(cls.host))

    def test_a_virus_is_refused_by_name(self):
        daemon = self.daemon('[clamd]\naddress = "127.0.0.1:3310"')
        reply = self.send(daemon, message(extra=MULTIPART, body=VIRUS), 550)
        self.assertIn("Eicar-Test-Signature", reply.text)
        self.assertEqual(daemon.mailbox(JERRY), [])

    def test_a_large_clean_message_passes_and_a_larger_one_is_tagged(self):
        daemon = self.daemon(f'[clamd]\naddress = {quoted(self.clamd.socket)}\nmax_size = "6MiB"')
        body = "".join(f"line {number} of many\r\n" for number in range(250_000))
        self.send(daemon, message(body=body), 250)
        self.assertTrue(self.newest(daemon).endswith(f"\r\n\r\n{body}".encode()))
        self.assertEqual(self.tags(daemon), [])
        self.send(daemon, message(body=body * 2), 250)
        self.assertEqual(self.tags(daemon), ["clamd not scanned"])

    def test_what_is_over_its_own_limit_is_tagged(self):
        daemon = self.daemon(f'[clamd]\naddress = {quoted(self.clamd.socket)}\nmax_size = "40MiB"')
        self.send(daemon, message(body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 300_000), 250)
        self.assertEqual(self.tags(daemon), ["clamd not scanned"])

    def test_hanging_it_is_waited_for_no_longer_than_said(self):
        daemon = self.daemon(f'[clamd]\naddress = {quoted(self.clamd.socket)}\ntimeout = "1s"')
        with self.clamd.stopped():
            begin = time.monotonic()
            self.send(daemon, message(), 451)
            self.assertLess(time.monotonic() - begin, 15)  # not the usual 30
        self.send(daemon, message(), 250)

    def test_clamav_milter_holds_or_discards(self):
        for infected, kind in (("Quarantine", "held"), ("Blackhole", "discarded")):
            with clamav_milter(self.host, infected) as milter:
                daemon = self.daemon(f"[[milter]]\naddress = {quoted(milter.socket)}")
                self.send(daemon, message(extra=MULTIPART, body=VIRUS), 250)
                self.assertEqual(daemon.events()[-1]["kind"], kind)
                self.assertEqual(daemon.mailbox(JERRY), [])

    def test_clamav_milter_refuses_with_its_words(self):
        with clamav_milter(self.host) as milter:
            daemon = self.daemon(f"[[milter]]\naddress = {quoted(milter.socket)}")
            self.send(daemon, message(), 250)
            self.assertIn(b"\nX-Virus-Scanned: ", self.newest(daemon))
            reply = self.send(daemon, message(extra=MULTIPART, body=VIRUS), 550)
            self.assertIn("Infected by Eicar-Test-Signature", reply.text)


class Milters(Neighbours):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.opendkim = cls.enterClassContext(opendkim(cls.host, "yahoo.test", cls.key))
        cls.opendmarc = cls.enterClassContext(opendmarc(cls.host, "yahoo.test"))

    def settings(self, more=""):
        return f"[[milter]]\naddress = {quoted(self.opendkim.socket)}\n{more}"

    def both(self):
        return f'{self.settings()}\n[[milter]]\naddress = {quoted(self.opendmarc.socket)}\nroles = ["mx"]'

    def signed(self, daemon, **content):
        """A message that Jerry has submitted, as Tom has it."""
        with self.host.inside():
            smtp = self.enterContext(daemon.login(JERRY))
        smtp.send_mail(JERRY, [TOM], message(sender=JERRY, to=TOM, **content))
        mail = self.newest(daemon, account=TOM)
        self.assertIn(b"\nDKIM-Signature: ", mail)
        return mail

    def finds(self, daemon, who, result):
        header = self.newest(daemon).split(b"\r\n\r\n")[0].decode()
        self.assertRegex(header, rf"Authentication-Results: {who}\.yahoo\.test;\s+{result}")

    def test_opendkim_signs_what_is_submitted_and_verifies_what_comes(self):
        daemon = self.daemon(self.settings())
        mail = self.signed(daemon)
        self.send(daemon, mail, 250, sender=JERRY)
        self.finds(daemon, "opendkim", "dkim=pass")
        self.send(daemon, mail.replace(b"Hello Jerry", b"Hello Spike"), 250, sender=JERRY)
        self.finds(daemon, "opendkim", "dkim=fail")

    def test_several_messages_on_one_connection(self):
        daemon = self.daemon(self.settings())
        smtp = self.connect(daemon)
        for number in range(3):
            smtp.send_mail(TOM, [JERRY], message(subject=f"number {number}"))
            smtp.cmd("RSET", 250)
            smtp.cmd(f"MAIL FROM:<{TOM}>", 250)  # and is not gone on with
            smtp.cmd("RSET", 250)
        self.assertEqual(len(daemon.mailbox(JERRY)), 3)

    def test_opendmarc_reads_what_opendkim_has_found(self):
        daemon = self.daemon(self.both())
        mail = self.signed(daemon)
        self.send(daemon, mail, 250, sender="bounces@elsewhere.test")  # no SPF: by DKIM alone
        self.finds(daemon, "opendmarc", "dmarc=pass")

    def test_opendmarc_refuses_what_fails(self):
        daemon = self.daemon(self.both())
        reply = self.send(daemon, message(sender="boss@forged.test"), 550, sender="boss@forged.test")
        self.assertIn("forged.test", reply.text)
        self.assertEqual(daemon.mailbox(JERRY), [])

    def test_large_mail_is_told_while_it_comes(self):
        daemon = self.daemon(self.settings())
        body = "".join(f"line {number} of many\r\n" for number in range(60_000))
        self.send(daemon, self.signed(daemon, body=body), 250, sender=JERRY)
        self.finds(daemon, "opendkim", "dkim=pass")

    def test_hanging_mail_is_deferred_or_tagged_in_time(self):
        for failure, code in (("tempfail", 451), ("accept", 250)):
            daemon = self.daemon(self.settings(f'timeout = "1s"\non_failure = "{failure}"'))
            with self.opendkim.stopped():
                begin = time.monotonic()
                self.send(daemon, message(), code)
                self.assertLess(time.monotonic() - begin, 15)  # not the usual 30
            self.send(daemon, message(), 250)  # and it is asked again


class Away(Neighbours):
    def test_mail_is_deferred_or_accepted_and_tagged(self):
        nowhere = quoted("/nowhere/peer.sock")
        for section, name in (("[rspamd]", "rspamd"), ("[clamd]", "clamd"),
                              ("[[milter]]", "milter /nowhere/peer.sock")):
            daemon = self.daemon(f"{section}\naddress = {nowhere}")
            reply = self.send(daemon, message(), 451)
            self.assertEqual(reply.enhanced(), "4.3.0")
            daemon.wait_for("judge.away", where=lambda line, name=name: line["judge"] == name)
            daemon = self.daemon(f'{section}\naddress = {nowhere}\non_failure = "accept"')
            self.send(daemon, message(), 250)
            self.assertIn(f"{name} away", self.tags(daemon))


if __name__ == "__main__":
    unittest.main()
