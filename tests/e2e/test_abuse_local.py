"""What is wrong on the machine itself: starts that can not be, and whoever talks nonsense to the control
socket (security.md 57, 58)."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from abuse import (CANNOT_CREATE, CONFIG, JERRY, NOT_PERMITTED, resident, Served, TRY_LATER,
                   UNAVAILABLE)
from lib.daemon import BINARY, SLOW, Daemon, certificate
from lib.smtp import message


class Start(unittest.TestCase):
    """What is in the way of a start is said in a sentence, with the exit status of sysexits.h."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.daemon = self.make(self.folder)

    def make(self, folder, **options):
        daemon = Daemon(folder=folder, **{"listeners": [("mx", "none")], **options})
        self.addCleanup(daemon.kill)
        return daemon

    def refused(self, daemon, status, *words):
        begin = len(daemon.raw_log)
        self.assertEqual(status, daemon.start(expect_ready=False), "\n".join(daemon.raw_log[begin:]))
        said = "\n".join(daemon.raw_log[begin:])
        for word in (*words, str(daemon.config)):
            self.assertIn(word, said)
        for noise in ("terminate", "Sanitizer", "what()", "Assertion"):
            self.assertNotIn(noise, said)

    def test_a_port_served_by_another_mailwright(self):
        other = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, other, True)
        self.daemon.start()
        second = self.make(other)
        port = self.daemon.port("mx", "none")
        second.write_config()
        second.config.write_text(second.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        self.refused(second, CANNOT_CREATE, f"127.0.0.1:{port}", "another process uses this address", "ss -ltnp")
        with self.daemon.connect("mx", "none") as client:
            client.ehlo()
        self.assertEqual(0, self.daemon.stop())

    def test_a_state_served_by_another_mailwright(self):
        self.daemon.start()
        self.refused(self.make(self.folder), TRY_LATER, str(self.daemon.state), "in use")
        self.daemon.ctl("status")
        self.assertEqual(0, self.daemon.stop())

    def as_nobody(self, daemon):
        for path in (BINARY, self.folder):  # nobody may get there at all
            for parent in (path, *path.parents):
                if not os.stat(parent).st_mode & 1:
                    if parent in (self.folder, *self.folder.parents):
                        parent.chmod(parent.stat().st_mode | 0o011)
        program = self.folder / "mailwright"
        shutil.copy(BINARY, program)
        daemon.config.chmod(0o644)
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(program),
                               "serve", "--config", str(daemon.config)],
                              capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)

    def test_a_key_the_server_may_not_read(self):
        cert, key = (shutil.copy(path, self.folder / path.name) for path in certificate())
        os.chmod(cert, 0o644)
        os.chmod(key, 0o600)
        self.daemon.write_config()
        text = self.daemon.config.read_text()
        for ours, theirs in zip(certificate(), (cert, key)):
            text = text.replace(str(ours), str(theirs))
        self.daemon.config.write_text(text.replace('tls = "none"', 'tls = "starttls"'))
        done = self.as_nobody(self.daemon)
        self.assertEqual(CONFIG, done.returncode, done.stderr)
        self.assertIn(str(key), done.stderr)
        self.assertIn("remedy", done.stderr)
        os.unlink(key)
        self.refused(self.daemon, CONFIG, str(key), "remedy")

    def test_a_state_of_another_user(self):
        self.daemon.listeners = [("mx", "none")]
        cert, key = certificate()
        self.daemon.write_config()
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text[:text.index("[tls]")])
        self.daemon.state.mkdir(mode=0o700)
        done = self.as_nobody(self.daemon)
        self.assertEqual(NOT_PERMITTED, done.returncode, done.stderr)
        self.assertIn(str(self.daemon.state), done.stderr)
        self.assertIn("Permission denied", done.stderr)

    def test_a_state_whose_path_is_too_long_for_a_socket(self):
        self.daemon.state = self.folder / ("a" * 120) / ("b" * 120)
        self.daemon.accounts = [JERRY]
        self.daemon.start()
        self.daemon.setup()
        with self.daemon.connect("mx", "none") as client:
            client.ehlo()
            client.send_mail("a@elsewhere.test", [JERRY], message("from afar"))
        self.assertEqual(["from afar"], [row["subject"] for row in self.daemon.mailbox(JERRY)])
        self.assertEqual(0, self.daemon.stop())
        self.assertEqual(0, self.daemon.run("store", "check").returncode)

    def test_a_machine_without_ipv6(self):
        without = ["unshare", "-n", "sh", "-c",
                   'ip link set lo up && sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && exec "$@"', "sh"]
        self.daemon.write_config()
        good = self.daemon.config.read_text()
        self.daemon.config.write_text(good.replace("127.0.0.1:0", "[::1]:0"))
        self.daemon.wrapper = without
        self.refused(self.daemon, CONFIG, "[::1]:0", "listener.address", "IPv6")
        self.daemon.config.write_text(good)
        self.daemon.start()
        self.assertTrue(self.daemon.ports)
        self.assertEqual("127.0.0.1", self.daemon.json("status")["listeners"][0]["address"].split(":")[0])
        self.daemon.process.send_signal(signal.SIGTERM)  # unshare -n and sh have become the daemon
        self.assertEqual(0, self.daemon.process.wait(20))


class Control(Served):
    def raw(self):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(str(self.daemon.state / "ctl.sock"))
        self.addCleanup(client.close)
        return client

    def answer(self, data):
        client = self.raw()
        with contextlib.suppress(ConnectionError):
            client.sendall(data)
        got = b""
        with contextlib.suppress(ConnectionError):
            while chunk := client.recv(65536):
                got += chunk
        return got

    def test_garbage(self):
        for data in (b"\n", b"\0\0\0\n", b"{}\n", b"[]\n", b"null\n", b"EHLO x\r\n", b'{"noun":"status"\n',
                     b'{"noun":"status","noun":"x"}\n', b'{"noun":7}\n', b"[" * 100_000 + b"\n",
                     b'{"noun":"status","values":{"x":"y"}}\n', b"\xff\xfe\xfd\n", os.urandom(1000) + b"\n",
                     b'{"noun":"status","verb":"","secret":"***"}\n', b'{"noun":"serve"}\n',
                     b'{"noun":"mailbox","verb":"show"}\n', b'{"noun":"mailbox","verb":"list","values":{}}\n',
                     b'{"noun":"account","verb":"add","values":{"ADDRESS":[]}}\n',
                     b'{"noun":"store","verb":"backup","values":{"DIR":["\\u0000"]}}\n',
                     b'{"noun":"message","verb":"show","values":{"ID":["' + b"9" * 5000 + b'"]}}\n',
                     b'{"noun":"message","verb":"events","values":{"--after":["-1"]}}\n',
                     b'{"noun":"account","verb":"add","values":{"ADDRESS":["a\\u0000b@yahoo.test"]}}\n'):
            with self.subTest(data=data[:80]):
                last = self.answer(data).rstrip(b"\n").rsplit(b"\n", 1)[-1]
                reply = json.loads(last)
                self.assertFalse(reply["ok"])
                self.assertNotEqual(0, reply["exit"])
        self.daemon.ctl("status")

    def test_a_huge_line(self):
        before = resident(self.daemon.process.pid)
        self.assertEqual(b"", self.answer(b"x" * (64 << 20)))
        if not SLOW:
            self.assertLess(resident(self.daemon.process.pid) - before, 8 << 20)
        self.daemon.ctl("status")

    def test_half_a_request_and_gone(self):
        for data in (b"", b"{", b'{"noun":"status"}'):
            client = self.raw()
            client.sendall(data)
            client.close()
        slow = self.raw()
        slow.sendall(b'{"noun":"status"')
        self.daemon.ctl("status")
        slow.sendall(b',"verb":""}\n')
        self.assertIn(b'"more":true', slow.recv(65536))

    def test_an_answer_nobody_reads(self):
        for _ in range(20):
            client = self.raw()
            client.sendall(b'{"noun":"message","verb":"events","json":true}\n')
            client.close()
        self.daemon.ctl("status")

    def test_two_hundred_at_once(self):
        clients = [self.raw() for _ in range(200)]
        self.daemon.ctl("status")
        for client in clients:
            client.sendall(b'{"noun":"domain","verb":"list","json":true}\n')
        for client in clients:
            got = b""
            while chunk := client.recv(65536):
                got += chunk
            self.assertTrue(json.loads(got.splitlines()[-1])["ok"], got)

    def test_two_hundred_changes_at_once(self):
        clients = [self.raw() for _ in range(200)]
        for number, client in enumerate(clients):
            client.sendall(json.dumps({"noun": "alias", "verb": "add", "values": {
                "ADDRESS": [f"alias{number}@yahoo.test"], "MEMBER": [JERRY]}}).encode() + b"\n")
        done = 0
        for client in clients:
            got = b""
            while chunk := client.recv(65536):
                got += chunk
            last = json.loads(got.splitlines()[-1])
            self.assertIn(last["exit"], (0, TRY_LATER), got)
            done += last["ok"]
        self.assertGreater(done, 0)
        self.assertEqual(done, sum(row["address"].startswith("alias") for row in self.daemon.json("alias", "list")))

    def test_commands_say_that_the_daemon_does_not_run(self):
        other = Daemon(listeners=[("mx", "none")])
        self.addCleanup(other.remove)
        other.write_config()
        done = other.run("status")
        self.assertEqual(UNAVAILABLE, done.returncode)
        self.assertIn("serve", done.stderr)
