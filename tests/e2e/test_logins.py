"""Logins of every mechanism by real clients, app passwords, and what CRAM-MD5 and SCRAM need (RFC 4954)."""
import base64
import hashlib
import hmac
import os
import smtplib
import ssl
import unittest

from lib import peers
from lib.case import DaemonCase
from lib.daemon import Daemon, password_of
from lib.smtp import message

TOM, JERRY, ANN, OLD = "tom@gmail.test", "jerry@yahoo.test", "ann@yahoo.test", "old@yahoo.test"


def b64(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class Scram:
    """A client of RFC 5802 and 7677, written from the RFC: it knows nothing of libgsasl."""

    def __init__(self, user, password):
        self.user, self.password = user.replace("=", "=3D").replace(",", "=2C"), password
        self.nonce = b64(os.urandom(18))
        self.bare = f"n={self.user},r={self.nonce}"

    def first(self):
        return b64("n,," + self.bare)

    def final(self, server_first):
        fields = dict(field.split("=", 1) for field in server_first.split(","))
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) > len(self.nonce)
        self.salt, self.iterations = fields["s"], int(fields["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(self.salt), self.iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c={b64('n,,')},r={fields['r']}"
        signed = f"{self.bare},{server_first},{without_proof}".encode()
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        self.server_signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        return b64(f"{without_proof},p={b64(proof)}")


def scram(smtp, user, password, *codes, initial=True):
    """The last reply of an exchange, and the client with what it has seen."""
    client = Scram(user, password)
    if initial:
        reply = smtp.cmd(f"AUTH SCRAM-SHA-256 {client.first()}")
    else:
        assert smtp.cmd("AUTH SCRAM-SHA-256", 334).lines == ["334 "]
        reply = smtp.cmd(client.first())
    if reply.code == 334:
        reply = smtp.cmd(client.final(base64.b64decode(reply.text).decode()))
        if reply.code == 334:
            proof = base64.b64decode(reply.text).decode()
            assert proof == "v=" + b64(client.server_signature), "the server did not prove itself"
            reply = smtp.cmd("")
    if codes and reply.code not in codes:
        raise AssertionError(f"expected {codes}, got: {reply}")
    return reply, client


class Logins(DaemonCase):
    options = {"accounts": [TOM, JERRY, OLD]}

    @classmethod
    def prepare(cls):
        cls.daemon.add_account(ANN, "--cram-md5")
        cls.daemon.ctl("account", "disable", OLD)

    def client(self, source="127.0.0.1"):
        smtp = self.daemon.connect("submission", "implicit", source=source)
        self.hello = smtp.ehlo()
        return smtp

    def python(self, source="127.40.0.1"):
        context = ssl._create_unverified_context()
        smtp = smtplib.SMTP_SSL("127.0.0.1", self.daemon.port("submission", "implicit"), context=context,
                                source_address=(source, 0))
        self.addCleanup(smtp.close)
        smtp.ehlo()
        return smtp

    def test_python_by_each_mechanism_it_knows(self):
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            for initial in (True, False):
                smtp = self.python()
                smtp.user, smtp.password = ANN, password_of(ANN)
                auth = getattr(smtp, "auth_" + mechanism.lower().replace("-", "_"))
                self.assertEqual(235, smtp.auth(mechanism, auth, initial_response_ok=initial)[0], mechanism)
                smtp.sendmail(ANN, [JERRY], message(f"by {mechanism}", ANN))
        self.assertEqual(235, self.python().login(ANN, password_of(ANN))[0])

    def test_python_finds_a_way_for_who_has_no_credential_for_cram_md5(self):
        smtp = self.python("127.40.0.2")  # it tries CRAM-MD5 first
        self.assertEqual(235, smtp.login(TOM, password_of(TOM))[0])

    def test_cram_md5_is_offered_where_somebody_can_use_it(self):
        self.client()
        self.assertIn("AUTH SCRAM-SHA-256 PLAIN LOGIN CRAM-MD5", self.hello.text.split("\n"))
        with Daemon(accounts=[TOM]) as daemon:
            smtp = daemon.connect("submission", "implicit")
            self.assertIn("AUTH SCRAM-SHA-256 PLAIN LOGIN", smtp.ehlo().text.split("\n"))
            smtp.cmd("AUTH CRAM-MD5", 504)
            daemon.ctl("account", "passwd", TOM, "--password-stdin", "--cram-md5", stdin="new\n")
            smtp = daemon.connect("submission", "implicit")
            smtp.ehlo()
            challenge = base64.b64decode(smtp.cmd("AUTH CRAM-MD5", 334).text)
            self.assertRegex(challenge, rb"^<[0-9a-f]{32}\.\d+@mx\.yahoo\.test>$")
            smtp.cmd(b64(f"{TOM} {hmac.new(b'new', challenge, 'md5').hexdigest()}"), 235)
            daemon.ctl("account", "passwd", TOM, "--password-stdin", stdin="newer\n")
            smtp = daemon.connect("submission", "implicit")
            self.assertIn("AUTH SCRAM-SHA-256 PLAIN LOGIN", smtp.ehlo().text.split("\n"))

    def test_the_list_of_accounts_says_which_logins_each_can_use(self):
        rows = {row["address"]: row for row in self.daemon.json("account", "list")}
        self.assertEqual((True, True, 0), tuple(rows[ANN][key] for key in ("scram", "cram_md5", "app_passwords")))
        self.assertEqual((True, False, 0), tuple(rows[TOM][key] for key in ("scram", "cram_md5", "app_passwords")))

    def test_cram_md5_needs_the_password_and_no_hash(self):
        done = self.daemon.run("account", "add", "x@yahoo.test", "--password-hash-stdin", "--cram-md5",
                               stdin="{CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJu"
                                     "esI68OTLiBFdcbYEdFCoEOfaS35inz1\n")
        self.assertEqual(65, done.returncode, done.stderr)
        self.assertIn("leave out --cram-md5", done.stderr)

    def test_scram_by_a_client_of_another_hand(self):
        for initial in (True, False):
            smtp = self.client()
            scram(smtp, TOM, password_of(TOM), 235, initial=initial)
            smtp.send_mail(TOM, [JERRY], message("by SCRAM", TOM))
        scram(self.client(), "Tom@GMAIL.test", password_of(TOM), 235)

    def test_scram_by_msmtp(self):
        config = (f"host 127.0.0.1\nport {self.daemon.port('submission', 'implicit')}\nfrom {TOM}\ntls on\n"
                  f"tls_starttls off\ntls_certcheck off\nauth scram-sha-256\nuser {TOM}\n"
                  f"password \"{password_of(TOM)}\"\n")
        done = peers.run_in(peers.debian("msmtp"), f"chmod 600 /peer/rc; msmtp -C /peer/rc -- {JERRY} < /peer/mail",
                            {"rc": config.encode(), "mail": message("by msmtp", TOM).encode()})
        self.assertEqual(0, done.returncode, done.stdout)
        self.assertIn("by msmtp", [row["subject"] for row in self.daemon.mailbox(JERRY)])

    def test_a_stranger_sees_what_a_friend_sees(self):
        smtp = self.client("127.41.0.1")
        seen = {}
        for user, password in ((TOM, "wrong"), ("nobody@gmail.test", "x"), (OLD, password_of(OLD))):
            reply, client = scram(smtp, user, password, 535)
            again, client_again = scram(smtp, user, password, 535)
            self.assertEqual(reply.text, again.text)
            self.assertEqual(client.salt, client_again.salt, user)
            seen[user] = (reply.text, client.iterations, len(client.salt))
        self.assertEqual(1, len(set(seen.values())), seen)
        self.assertEqual("5.7.8", reply.enhanced())

    def test_salts_outlive_a_restart(self):
        with Daemon(accounts=[TOM]) as daemon:
            def salts():
                smtp = daemon.connect("submission", "implicit")
                smtp.ehlo()
                return [scram(smtp, user, "wrong", 535)[1].salt for user in (TOM, "nobody@gmail.test")]
            before = salts()
            daemon.restart()
            self.assertEqual(before, salts())

    def test_failures_count_whatever_the_mechanism(self):
        smtp = self.client("127.42.0.1")
        for guess in range(5):
            scram(smtp, TOM, f"guess {guess}", 535)
            challenge = base64.b64decode(smtp.cmd("AUTH CRAM-MD5", 334).text)
            smtp.cmd(b64(f"{ANN} {hmac.new(b'guess', challenge, 'md5').hexdigest()}"), 535)
        self.assertEqual("4.7.0", scram(smtp, TOM, password_of(TOM), 421)[0].enhanced())
        self.assertTrue(smtp.at_end())

    def test_an_imported_hash_gets_its_keys_at_the_first_plain_login(self):
        self.daemon.ctl("account", "add", "moved@yahoo.test", "--password-hash-stdin",
                        stdin="{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.jRId12i/HyU56PODjHV65K3pDZKm7JO\n")
        scram(self.client("127.43.0.1"), "moved@yahoo.test", "mouse hole", 535)
        self.client("127.43.0.1").auth_plain("moved@yahoo.test", "mouse hole", 235)
        scram(self.client("127.43.0.1"), "moved@yahoo.test", "mouse hole", 235)


class AppPasswords(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(accounts=[JERRY])
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.setup()

    def tearDown(self):
        self.assertEqual(0, self.daemon.stop())

    def client(self, source="127.0.0.1"):
        smtp = self.daemon.connect("submission", "implicit", source=source)
        smtp.ehlo()
        return smtp

    def test_from_the_first_to_the_last_day(self):
        made = self.daemon.json("app-password", "add", JERRY, "Phone", "--rights", "submit")
        self.assertEqual(("phone", "submit"), (made["name"], made["rights"]))
        password = made["password"]
        self.assertRegex(password, r"^([a-z2-9]{6}-){3}[a-z2-9]{6}$")
        self.assertEqual([None], [row["last_used"] for row in self.daemon.json("app-password", "list", JERRY)])
        smtp = self.client()
        smtp.auth_plain(JERRY, password, 235)
        smtp.send_mail(JERRY, [JERRY], message("by phone", JERRY))
        self.client().auth_plain(JERRY + "/phone", password, 235)
        scram(self.client(), JERRY + "/phone", password, 235)
        scram(self.client(), JERRY, password, 535)
        self.client().auth_plain(JERRY, password_of(JERRY), 235)
        self.assertIsNotNone(self.daemon.json("app-password", "list", JERRY)[0]["last_used"])
        self.assertNotIn(password, "\n".join(self.daemon.raw_log))
        self.assertNotIn(password.encode(), (self.daemon.state / "control.db").read_bytes())
        self.daemon.restart()
        self.client().auth_plain(JERRY, password, 235)
        self.daemon.ctl("app-password", "remove", JERRY, "phone")
        self.client("127.44.0.1").auth_plain(JERRY, password, 535)
        scram(self.client("127.44.0.1"), JERRY + "/phone", password, 535)
        self.client("127.44.0.1").auth_plain(JERRY, password_of(JERRY), 235)

    def test_one_for_reading_does_not_send(self):
        password = self.daemon.json("app-password", "add", JERRY, "reader", "--rights", "read")["password"]
        self.client("127.45.0.1").auth_plain(JERRY, password, 535)
        scram(self.client("127.45.0.1"), JERRY + "/reader", password, 535)

    def test_a_mistake_is_refused_with_a_sentence(self):
        self.daemon.ctl("app-password", "add", JERRY, "phone")
        for arguments, status, says in (
                (("add", JERRY, "phone"), 73, "is here already"),
                (("add", JERRY, "my phone"), 65, "is no name for an app password"),
                (("add", JERRY, "x", "--rights", "all"), 65, "is no right"),
                (("add", "nobody@yahoo.test", "x"), 67, "no account"),
                (("remove", JERRY, "x"), 67, "no app password"),
                (("list", "nobody@yahoo.test"), 67, "no account")):
            done = self.daemon.run("app-password", *arguments)
            self.assertIn(says, done.stderr, arguments)
            self.assertEqual(status, done.returncode, (arguments, done.stderr))
