"""What the tests of sending to programs of others share: a network of its own with the peer on its usual
ports, a daemon with a route to each of them, and proofs that mail arrived whole."""
import contextlib
import re
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib import peers
from lib.daemon import DEADLINE, SLOW
from lib.netns import Host
from lib.recorder import Recorder
from peer_case import large_body, mail
from sending import QUICK, TOM, adds_up, becomes, events, quoted, sender, submit, until, waits

LOGIN, SECRET = "me", "open sesame"
BOXES = ("bob", "ann", "jörg")  # mailboxes of the peer, in every domain of its
BODY = "Hello Bob,\r\n.one dot\r\n..two dots\r\n\r\n" + "x" * 990 + "\r\n.\r\n\r\nTom\r\n"
LONG = 120 if SLOW else 40  # seconds for 20 MiB through two queues


def authority(folder):
    """A CA and a certificate by it for mx.away.test and 127.0.0.1: files ca.pem, cert.pem, key.pem."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *key, "-days", "30", "-subj", "/CN=Authority of the tests", "-keyout", "ca.key",
            "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=mx.away.test", "-keyout", "key.pem", "-out", "request.pem")
    (folder / "names").write_text("subjectAltName=DNS:mx.away.test,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "30", "-extfile", "names", "-out", "cert.pem")


class OutCase(unittest.TestCase):
    """One network, daemon and peer for the tests of a class.

    A class says what its peer is and how it starts: `peer_world()` makes a World above `tree` whose script
    reads the files of `files()`, keeps mail as maildirs /peer/mail/DOMAIN/LOCAL and its log in /peer/log, and
    does not end.
    """
    PACKAGES = ()
    PORT = 25
    LOGINS = ()  # mechanisms; the peer wants the n-th, and no other, on port 5870 + n
    MORE_ROUTES = {}

    @classmethod
    def setUpClass(cls):
        cls.tree = peers.debian(*cls.PACKAGES)  # now: from within there is no way out
        host = Host("peers")
        cls.addClassCleanup(host.close)
        cls.enterClassContext(host.inside())  # the daemon, the peer and this thread see no other network
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="mailwright-out-")))
        authority(cls.folder)
        password = cls.folder / "password"
        password.write_text(SECRET + "\n")
        password.chmod(0o600)
        cls.clear, cls.private = (cls.enterClassContext(Recorder(25)) for _ in range(2))
        cls.routes = cls.make_routes(password)
        cls.daemon = cls.enterClassContext(sender(
            cls.routes, f"{QUICK}ca_file = {quoted(cls.folder / 'ca.pem')}\n", accounts=[TOM],
            listeners=(("relay", "none"), ("mx", "none"), ("submission", "starttls"))))
        cls.peer = None
        cls.addClassCleanup(cls.stop_peer)
        cls.start_peer()

    @classmethod
    def tearDownClass(cls):
        adds_up(cls.daemon)

    @classmethod
    def make_routes(cls, password):
        here = "smtp://127.0.0.1"
        routes = {"clear.test": {"to": f"{here}:{cls.clear.port}", "tls": "none"},
                  "private.test": f"{here}:{cls.private.port}",
                  "direct.test": here,
                  "verified.test": {"to": here, "tls": "verify"},
                  "stranger.test": {"to": "smtp://127.0.0.2", "tls": "verify"},
                  "implicit.test": {"to": "smtps://127.0.0.1", "tls": "verify"}}
        for number, mechanism in enumerate(cls.LOGINS):
            routes[f"{mechanism.lower()}.test"] = {"to": f"{here}:{5870 + number}", "login": LOGIN,
                                                   "password_file": str(password)}
        return {**routes, **cls.MORE_ROUTES}

    @classmethod
    def files(cls, **more):
        """Files of the peer's script: the certificate, and these texts."""
        made = {name: (cls.folder / name).read_bytes() for name in ("cert.pem", "key.pem")}
        return {**made, **{name: text.encode() for name, text in more.items()}}

    # --- the peer --------------------------------------------------------------------------------
    @classmethod
    def start_peer(cls):
        cls.peer = cls.peer_world()

        def answers():
            if cls.peer.process.poll() is not None:
                raise AssertionError(f"the peer ended\n{cls.peer_log()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", cls.PORT)) as connection:
                connection.settimeout(DEADLINE)
                return connection.recv(3) == b"220"
        until(answers, cls.peer_log)

    @classmethod
    def stop_peer(cls):
        if cls.peer:
            cls.peer.__exit__()
        cls.peer = None

    @classmethod
    def peer_log(cls):
        log = cls.peer.folder / "log"
        return peers.text_of(cls.peer.output() + (log.read_bytes() if log.exists() else b""))

    @contextlib.contextmanager
    def explained(self):
        """The peer's own words beside what failed."""
        try:
            yield
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n--- the peer's log\n{self.peer_log()}") from None

    # --- mail ------------------------------------------------------------------------------------
    def arrived(self, to, content):
        """It is in the mailbox once, octet by octet but for the line ends of Unix; returns what was put
        before it."""
        local, domain = to.split("@")
        box = self.peer.folder / "mail" / domain / local / "new"
        mark = re.search(rb"\r\nMessage-ID: [^\r]*\r\n", content)[0].replace(b"\r\n", b"\n")
        with self.explained():
            found = until(lambda: [raw for file in box.glob("*") if mark in (raw := file.read_bytes())],
                          f"mail in {box.name}", LONG)
        self.assertEqual(len(found), 1, "doubled")
        raw = found[0].replace(b"\r\n", b"\n")
        expected = content.replace(b"\r\n", b"\n")
        if not raw.endswith(expected):
            start = raw.find(expected[:40])
            self.fail(f"{len(raw) - start} octets instead of {len(expected)}; from {raw[start:start + 600]!r} "
                      f"to {raw[-200:]!r}")
        return re.sub(rb"\n[ \t]+", b" ", raw[:-len(expected)]).decode()

    def delivers(self, domain, subject, body=BODY, local="bob", **options):
        """Mail that reaches its mailbox; returns the facts of its delivery and what was put before it."""
        to = f"{local}@{domain}"
        content = mail(subject, body, to=to)
        number = submit(self.daemon, to, content=content, **options)
        with self.explained():
            becomes(self.daemon, number, LONG, **{local: "delivered"})
        fact, = events(self.daemon, number, "delivered")
        return fact["facts"], self.arrived(to, content)

    def notice(self, about):
        """The one notice to Tom about this recipient, as it is written there."""
        def found():
            mails = (self.daemon.mail(TOM, row["uid"]).decode() for row in self.daemon.mailbox(TOM))
            return [one for one in mails if re.search(rf"(?i)final-recipient: [\w-]+; ?{re.escape(about)}\r", one)]
        with self.explained():
            notices = until(found, f"a notice about {about}")
        self.assertEqual(len(notices), 1, notices)
        return notices[0]

    def deferred(self, number):
        """The answer to the first try, which was not the last."""
        return until(lambda: events(self.daemon, number, "deferred"),
                     lambda: self.daemon.ctl("message", "trace", number))[0]["facts"]["reply"]


class SmtpOut:
    """What every SMTP peer must be able to take."""
    CHUNKING = True
    ENVELOPE_ID = r"(?i)original-envelope-id: QQ\+42"

    def test_in_the_clear(self):
        facts, _ = self.delivers("clear.test", "in the clear")
        self.assertNotIn("tls", facts)
        self.assertEqual([], self.clear.commands("STARTTLS"))
        chunks, data = self.clear.commands("BDAT"), self.clear.commands("DATA")
        if self.CHUNKING:
            self.assertTrue(chunks and chunks[-1].endswith(" LAST") and not data, (chunks, data))
        else:
            self.assertTrue(data and not chunks, (chunks, data))

    def test_eight_bits(self):
        self.delivers("direct.test", "eight bits", "grüße, 中文, \u0080\r\n", parameters=" BODY=8BITMIME")

    def test_20_mib(self):
        self.delivers("direct.test", "large", large_body())

    def test_dsn_is_asked_for_and_comes_back(self):
        self.delivers("clear.test", "dsn", local="ann", parameters=" RET=HDRS ENVID=QQ+2B42",
                      rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;anna+2Bx@elsewhere.test")
        line, = [one for one in self.clear.commands("MAIL") if "ENVID" in one]
        self.assertRegex(line, r" RET=HDRS\b")
        self.assertRegex(line, r" ENVID=QQ\+2B42\b")
        line, = [one for one in self.clear.commands("RCPT") if "NOTIFY=SUCCESS" in one]
        self.assertRegex(line, r" NOTIFY=SUCCESS,FAILURE\b")
        self.assertIn(" ORCPT=rfc822;anna+2Bx@elsewhere.test", line)
        # It is the peer that says so, for the mail is its now; we say nothing (RFC 3461 §5.2.1).
        notice = self.notice("ann@clear.test")
        self.assertRegex(notice, r"(?i)reporting-mta: dns; ?mx\.away\.test")
        self.assertRegex(notice, r"(?i)action: delivered")
        self.assertRegex(notice, self.ENVELOPE_ID)

    def test_one_of_three_is_refused(self):
        content = mail("three", BODY, to="bob@direct.test")
        number = submit(self.daemon, ["bob@direct.test", "nobody@direct.test", "ann@direct.test"],
                        content=content)
        with self.explained():
            becomes(self.daemon, number, bob="delivered", nobody="bounced", ann="delivered")
        self.arrived("bob@direct.test", content)
        self.arrived("ann@direct.test", content)
        notice = self.notice("nobody@direct.test")
        self.assertRegex(notice, r"Status: 5\.\d+\.\d+")
        self.assertNotRegex(notice, "Final-Recipient: rfc822; ?(bob|ann)@")

    def test_the_peer_is_down_and_comes_back(self):
        self.stop_peer()
        content = mail("patience", BODY, to="bob@direct.test")
        number = submit(self.daemon, "bob@direct.test", content=content)
        self.assertIn("refused", self.deferred(number).lower())
        self.start_peer()
        with self.explained():
            becomes(self.daemon, number, LONG, bob="delivered")
        self.arrived("bob@direct.test", content)


class TlsOut:
    """What every peer with TLS must be able to take; `LOGGED_IN` is what it writes down about a login."""

    def test_under_tls_where_it_is_offered(self):
        facts, _ = self.delivers("private.test", "opportunistic")
        self.assertTrue(facts["tls"].startswith("TLSv1."), facts)
        self.assertTrue(self.private.commands("STARTTLS"))
        self.assertEqual([], self.private.commands("MAIL"))  # none of it could be read on the way

    def test_from_a_person_to_a_verified_host(self):
        to = "bob@verified.test"
        content = mail("verified", BODY, to=to)
        with self.daemon.login(TOM) as smtp:
            number = smtp.send_mail(TOM, [to], content).text.split()[-1]
        with self.explained():
            becomes(self.daemon, number, bob="delivered")
        facts = events(self.daemon, number, "delivered")[0]["facts"]
        self.assertEqual("yes", facts["verified"], facts)
        self.arrived(to, content)

    def test_the_certificate_of_another_host_gets_no_mail(self):
        number = submit(self.daemon, "bob@stranger.test")
        self.assertIn("certificate", self.deferred(number))
        self.daemon.ctl("queue", "bounce", number)
        becomes(self.daemon, number, bob="bounced")
        self.assertFalse((self.peer.folder / "mail" / "stranger.test").exists())

    def test_implicit_tls(self):
        facts, _ = self.delivers("implicit.test", "implicit")
        self.assertEqual("yes", facts["verified"], facts)

    def test_logins(self):
        for mechanism in self.LOGINS:
            with self.subTest(mechanism):
                _, before = self.delivers(f"{mechanism.lower()}.test", f"login by {mechanism}")
                self.assertRegex(before, self.LOGGED_IN)


class TakesUtf8:
    def test_international_addresses(self):
        _, before = self.delivers("clear.test", "grüße", "grüße\r\n", local="jörg",
                                  parameters=" SMTPUTF8 BODY=8BITMIME")
        line, = [one for one in self.clear.commands("RCPT") if "jörg" in one]
        self.assertIn("<jörg@clear.test>", line)
        self.assertTrue([one for one in self.clear.commands("MAIL") if " SMTPUTF8" in one])
        self.assertIn("UTF8SMTP", before.upper())  # RFC 6531 §4.3
