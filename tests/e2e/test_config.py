"""A daemon does not start on a configuration somebody got wrong; it says where and what to do."""
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib.daemon import ROOT, Daemon, certificate, toml

CONFIG, USAGE = 78, 64
BAD = ROOT / "tests" / "config" / "bad"


class Mistakes(unittest.TestCase):
    """The words themselves are compared in bad_config_test.cc; here the program has to act on them."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        cert, key = certificate()
        shutil.copy(cert, self.folder / "cert.pem")
        shutil.copy(key, self.folder / "key.pem")
        (self.folder / "key.pem").chmod(0o600)
        self.daemon = Daemon(folder=self.folder)
        self.addCleanup(self.daemon.kill)

    def test_serve_refuses_every_bad_configuration(self):
        cases = sorted(path for path in BAD.iterdir() if path.is_dir())
        self.assertGreater(len(cases), 50)
        for case in cases[::8]:
            with self.subTest(case=case.name):
                text = (case / "mailwright.toml").read_bytes()
                self.daemon.config.write_bytes(text.replace(b"@DIR@", str(self.folder).encode()))
                done = self.daemon.run("config", "check")
                self.assertEqual(CONFIG, done.returncode, done.stdout)
                self.assertIn("remedy", done.stderr)
                self.assertEqual(CONFIG, self.daemon.start(expect_ready=False))
                self.assertIn("mailwright.toml", "\n".join(self.daemon.raw_log))
                self.assertFalse((self.folder / "state").exists(), "nothing is made before all is well")

    def test_a_good_one_is_said_to_be_good(self):
        self.daemon.write_config()
        self.assertEqual(0, self.daemon.run("config", "check").returncode)
        self.assertFalse(self.daemon.state.exists())

    def test_did_you_mean(self):
        self.daemon.write_config()
        text = self.daemon.config.read_text().replace("hostname", "hostnam", 1)
        self.daemon.config.write_text(text)
        said = self.daemon.run("config", "check").stderr
        self.assertIn("mailwright.toml:1", said)
        self.assertIn("hostname", said)

    def test_what_dump_prints_is_a_configuration(self):
        self.daemon.write_config()
        first = self.daemon.ctl("config", "dump")
        self.daemon.config.write_text(first)
        self.assertEqual(first, self.daemon.ctl("config", "dump"))
        self.assertIn("max_message_size", self.daemon.ctl("config", "dump", "--defaults"))

    def test_dump_and_explain_for_programs(self):
        self.daemon.write_config()
        dump = self.daemon.json("config", "dump")
        self.assertEqual("mx.yahoo.test", dump["hostname"])
        self.assertEqual([role for role, _ in self.daemon.listeners], [l["role"] for l in dump["listener"]])
        self.assertEqual(1000, dump["listener"][0]["max_recipients"])
        defaults = self.daemon.json("config", "dump", "--defaults")
        self.assertNotIn("hostname", defaults)
        self.assertEqual(50, defaults["limits"]["connections_per_client"])
        [row] = self.daemon.json("config", "explain", "listener.role")
        self.assertEqual(("listener.role", True, None), (row["key"], row["required"], row["default"]))
        keys = [row["key"] for row in self.daemon.json("config", "explain")]
        self.assertEqual(len(keys), len(set(keys)))
        self.assertIn("routes.DOMAIN.to", keys)

    def test_explain(self):
        said = self.daemon.run("config", "explain", "listener.role", config=False)
        self.assertEqual(0, said.returncode, said.stderr)
        self.assertIn("submission", said.stdout)
        unknown = self.daemon.run("config", "explain", "listener.rolle", config=False)
        self.assertEqual(USAGE, unknown.returncode)
        self.assertIn("role", unknown.stderr)

    def test_a_port_that_is_taken_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.daemon.write_config(f'hostname = "mx.yahoo.test"\nstate = {toml(str(self.daemon.state))}\n'
                                     f'[[listener]]\naddress = "{address}"\nrole = "mx"\ntls = "none"\n')
            self.assertNotEqual(0, self.daemon.start(expect_ready=False))
            self.assertIn(address, "\n".join(self.daemon.raw_log))

    def test_a_key_others_can_read_is_refused(self):
        (self.folder / "key.pem").chmod(0o644)
        self.daemon.write_config()
        text = self.daemon.config.read_text().replace(str(certificate()[1]), str(self.folder / "key.pem"))
        self.daemon.config.write_text(text)
        self.assertEqual(CONFIG, self.daemon.start(expect_ready=False))
        said = "\n".join(self.daemon.raw_log)
        self.assertIn(str(self.folder / "key.pem"), said)
        self.assertIn("chmod", said)

    def test_a_certificate_and_a_key_that_do_not_belong_together(self):
        self.daemon.write_config()
        text = self.daemon.config.read_text()
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-out", str(self.folder / "key.pem")], check=True, capture_output=True)
        (self.folder / "key.pem").chmod(0o600)
        self.daemon.config.write_text(text.replace(str(certificate()[1]), str(self.folder / "key.pem")))
        self.assertNotEqual(0, self.daemon.start(expect_ready=False))
        self.assertIn("key.pem", "\n".join(self.daemon.raw_log))

    def test_a_state_that_cannot_be_made(self):
        (self.folder / "file").write_text("in the way")
        self.daemon.write_config()
        text = self.daemon.config.read_text().replace(str(self.daemon.state), str(self.folder / "file/state"))
        self.daemon.config.write_text(text)
        self.assertNotEqual(0, self.daemon.start(expect_ready=False))
        self.assertIn(str(self.folder / "file"), "\n".join(self.daemon.raw_log))
