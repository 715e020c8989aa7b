"""The command line: what it prints, what it refuses and with which exit status (sysexits.h)."""
import json
import signal
import socket
import stat
import tempfile
import time
import unittest
from pathlib import Path

from lib.case import DaemonCase
from lib.daemon import Daemon, certificate, password_of
from lib.smtp import message

USAGE, DATA, NO_INPUT, NO_USER, UNAVAILABLE, EXISTS, CONFIG = 64, 65, 66, 67, 69, 73, 78
TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"


class Commands(DaemonCase):
    options = {"accounts": [TOM, JERRY]}

    def refused(self, status, *arguments, says=(), stdin=None):
        done = self.daemon.run(*arguments, stdin=stdin)
        self.assertEqual(status, done.returncode, f"{arguments}: {done.stdout}{done.stderr}")
        self.assertEqual("", done.stdout)
        for words in says:
            self.assertIn(words, done.stderr)
        return done.stderr

    def test_domains(self):
        self.daemon.ctl("domain", "add", "Third.Test")
        self.assertIn("third.test", [row["name"] for row in self.daemon.json("domain", "list")])
        self.refused(EXISTS, "domain", "add", "third.test", says=["third.test"])
        self.daemon.ctl("domain", "remove", "third.test")
        self.assertNotIn("third.test", self.daemon.ctl("domain", "list"))
        self.refused(NO_USER, "domain", "remove", "third.test", says=["third.test"])
        self.refused(DATA, "domain", "add", "no domain", says=["no domain"])

    def test_a_domain_with_accounts_is_not_removed_by_mistake(self):
        done = self.daemon.run("domain", "remove", "yahoo.test")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("--with-accounts", done.stderr)
        self.assertIn("yahoo.test", self.daemon.ctl("domain", "list"))

    def test_accounts(self):
        self.daemon.add_account("New.Person@yahoo.test")
        self.assertIn("new.person@yahoo.test", [row["address"] for row in self.daemon.json("account", "list")])
        self.refused(EXISTS, "account", "add", "new.person@YAHOO.test", "--password-stdin", stdin="x\n")
        self.daemon.ctl("account", "remove", "new.person@yahoo.test")
        self.refused(NO_USER, "account", "remove", "new.person@yahoo.test", says=["new.person@yahoo.test"])
        self.refused(NO_USER, "account", "passwd", "nobody@yahoo.test", "--password-stdin", stdin="x\n")
        self.refused(NO_USER, "account", "disable", "nobody@yahoo.test")

    def test_an_account_needs_its_domain_and_a_password(self):
        self.refused(NO_USER, "account", "add", "x@unknown.test", "--password-stdin", stdin="x\n",
                     says=["unknown.test", "domain add"])
        self.refused(DATA, "account", "add", "x@yahoo.test", "--password-stdin", stdin="", says=["assword"])
        self.refused(DATA, "account", "add", "no address", "--password-stdin", stdin="x\n")
        self.refused(DATA, "account", "add", "x@yahoo.test", "--password-stdin", "--quota", "much", stdin="x\n")

    def test_a_password_is_one_line_and_may_hold_anything_else(self):
        secret = "  späce \t\"quotes\" %s \\ "
        self.daemon.ctl("account", "add", "odd@yahoo.test", "--password-stdin", stdin=secret + "\n")
        smtp = self.daemon.connect("submission", "implicit")
        smtp.ehlo()
        smtp.auth_plain("odd@yahoo.test", secret, 235)

    def test_aliases(self):
        self.daemon.ctl("alias", "add", "all@yahoo.test", TOM, JERRY)
        row = next(r for r in self.daemon.json("alias", "list") if r["address"] == "all@yahoo.test")
        self.assertEqual([TOM, JERRY], row["members"])
        self.daemon.ctl("alias", "remove", "all@yahoo.test")
        self.refused(NO_USER, "alias", "remove", "all@yahoo.test")
        self.refused(USAGE, "alias", "add", "lonely@yahoo.test")

    def test_a_mistake_in_the_command_line(self):
        for arguments in (["frobnicate"], ["domain"], ["domain", "ad", "x.test"], ["domain", "add"],
                          ["mailbox", "list"], ["status", "--frob"], ["mailbox", "show", JERRY]):
            with self.subTest(arguments=arguments):
                self.refused(USAGE, *arguments)

    def test_help_for_everything(self):
        for arguments in (["--help"], ["domain", "--help"], ["account", "add", "--help"]):
            done = self.daemon.run(*arguments, config=False)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn("account" if len(arguments) != 2 else "domain", done.stdout)

    def test_what_is_not_there(self):
        self.refused(NO_INPUT, "message", "show", "0000000000000000", says=["0000000000000000"])
        self.refused(NO_INPUT, "message", "trace", "0000000000000000")
        self.refused(NO_INPUT, "message", "raw", "0000000000000000")
        self.refused(DATA, "message", "show", "not-an-id", says=["not-an-id"])
        self.refused(NO_INPUT, "mailbox", "show", JERRY, "4000000", says=["4000000"])
        self.refused(NO_INPUT, "mailbox", "delete", JERRY, "4000000")
        self.refused(NO_USER, "mailbox", "list", "nobody@yahoo.test", says=["nobody@yahoo.test"])
        self.refused(DATA, "mailbox", "show", JERRY, "abc")

    def test_status(self):
        status = self.daemon.json("status")
        text = self.daemon.ctl("status")
        self.assertIn("accepted", text)
        for port in (p for ports in self.daemon.ports.values() for p in ports):
            self.assertIn(str(port), text)
            self.assertIn(str(port), json.dumps(status))

    def test_a_long_mailbox_is_listed_whole(self):
        self.daemon.add_account("many@yahoo.test")
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        for i in range(300):
            smtp.send_mail("a@elsewhere.test", ["many@yahoo.test"], message(f"number {i}"))
        rows = self.daemon.mailbox("many@yahoo.test")
        self.assertEqual([f"number {i}" for i in range(300)], [row["subject"] for row in rows])
        self.assertEqual(list(range(1, 301)), [row["uid"] for row in rows])

    def test_odd_headers_do_not_break_the_json(self):
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        smtp.send_mail("a@elsewhere.test", [JERRY], b'From: "\\"Q\\" \xff\xfe" <a@b.test>\r\n'
                       b'Subject: quote " back \\ bell \x07 \xf0\x28 =?utf-8?q?caf=C3=A9?=\r\n\r\nx\r\n')
        row = self.daemon.mailbox(JERRY)[-1]
        self.assertIn('quote " back \\ bell', row["subject"])
        listed = self.daemon.run("mailbox", "list", JERRY, binary=True).stdout
        self.assertNotIn(b"\x07", listed)  # a terminal gets no control characters

    def test_the_control_socket_is_for_its_owner(self):
        mode = (self.daemon.state / "ctl.sock").stat().st_mode
        self.assertEqual(0o600, stat.S_IMODE(mode))

    def test_bad_input_on_the_control_socket_ends_that_connection_only(self):
        for garbage in (b"\0" * 100, b"{}\n", b"not json\n", b'{"noun": 1}\n', b"x" * 300_000, b'{"noun":"status"'):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(20)
                sock.connect(str(self.daemon.state / "ctl.sock"))
                try:
                    sock.sendall(garbage)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError, OSError) as error:
                    self.assertNotIsInstance(error, TimeoutError)
        self.assertIn("accepted", self.daemon.ctl("status"))

    def test_send_submits_with_login_over_tls(self):
        cert, _ = certificate()
        with tempfile.TemporaryDirectory() as folder:
            mail = Path(folder, "mail.txt")
            mail.write_text(f"From: {TOM}\nTo: {JERRY}\nSubject: sent by send\n\nhello\n.\n..dots\n")
            for tls in ("starttls", "implicit"):
                done = self.daemon.run(
                    "send", "--server", f"127.0.0.1:{self.daemon.port('submission', tls)}", "--tls", tls,
                    "--ca", str(cert), "--login", TOM, "--password-stdin", "--from", TOM, "--to", JERRY,
                    str(mail), stdin=password_of(TOM) + "\n", config=False)
                self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        rows = [row for row in self.daemon.mailbox(JERRY) if row["subject"] == "sent by send"]
        self.assertEqual(2, len(rows))
        self.assertTrue(self.daemon.mail(JERRY, rows[0]["uid"]).endswith(b"\r\n\r\nhello\r\n.\r\n..dots\r\n"))

    def test_send_says_why_it_could_not(self):
        cert, _ = certificate()
        port = self.daemon.port("submission")
        base = ["send", "--server", f"127.0.0.1:{port}", "--from", TOM, "--to", JERRY, "--subject", "x"]
        untrusted = self.daemon.run(*base, "--login", TOM, stdin="x\n", config=False)
        self.assertNotEqual(0, untrusted.returncode)
        with tempfile.TemporaryDirectory() as folder:
            secret = Path(folder, "password")
            secret.write_text("wrong\n")
            secret.chmod(0o600)
            login = ["--ca", str(cert), "--login", TOM, "--password-file", str(secret)]
            wrong = self.daemon.run(*base, *login, stdin="text\n", config=False)
            self.assertNotEqual(0, wrong.returncode)
            self.assertIn("535", wrong.stderr)
            secret.write_text(password_of(TOM) + "\n")
            base[-3:-2] = ["nobody@yahoo.test"]
            nobody = self.daemon.run(*base, *login, stdin="text\n", config=False)
            self.assertNotEqual(0, nobody.returncode)
            self.assertIn("5.1.1", nobody.stderr)


class WithoutADaemon(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.write_config()

    def test_commands_say_how_to_start_it(self):
        for arguments in (["status"], ["domain", "list"], ["mailbox", "list", JERRY]):
            done = self.daemon.run(*arguments)
            self.assertEqual(UNAVAILABLE, done.returncode, done.stderr)
            self.assertIn("serve", done.stderr)

    def test_a_config_that_is_not_there(self):
        done = self.daemon.run("status", "--config", "/nonexistent/x.toml", config=False)
        self.assertIn(done.returncode, (NO_INPUT, CONFIG))
        self.assertIn("/nonexistent/x.toml", done.stderr)

    def test_config_may_come_first_last_or_from_the_environment(self):
        done = self.daemon.run("--config", str(self.daemon.config), "config", "check", config=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0, self.daemon.run("config", "check").returncode)
        self.daemon.environment["MAILWRIGHT_CONFIG"] = str(self.daemon.config)
        self.assertEqual(0, self.daemon.run("config", "check", config=False).returncode)

    def test_a_long_path_of_the_state(self):
        folder = Path(tempfile.mkdtemp(prefix="mailwright-test-")) / ("long" * 30) / ("path" * 30)
        folder.mkdir(parents=True)
        daemon = Daemon(folder=folder, accounts=[JERRY], domains=["yahoo.test"], listeners=[("mx", "none")])
        daemon.start()
        self.addCleanup(daemon.kill)
        daemon.setup()
        self.assertEqual(0, daemon.stop())

    def test_ctrl_c_ends_in_order_too(self):
        self.daemon.start()
        self.daemon.signal(signal.SIGINT)
        self.assertEqual(0, self.daemon._ended())

    def test_two_daemons_do_not_share_a_state(self):
        self.daemon.start()
        second = Daemon(folder=self.daemon.folder)
        begin = time.monotonic()
        self.assertNotEqual(0, second.start(expect_ready=False))
        self.assertLess(time.monotonic() - begin, 15)
        said = "\n".join(second.raw_log)
        self.assertIn(str(self.daemon.state), said)
        self.assertEqual(0, self.daemon.run("domain", "list").returncode)
        self.assertEqual(0, self.daemon.stop())
