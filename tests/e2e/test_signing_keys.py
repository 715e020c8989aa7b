"""What becomes of signing keys on disk: made, sealed, backed up, taken from the service manager; and what the
commands say of mistakes."""
import base64
import sqlite3
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib.daemon import Daemon
from sending import until


class Keys(unittest.TestCase):
    """What becomes of keys on disk; no DNS is asked."""

    def daemon(self, **options):
        return Daemon(domains=["yahoo.test"], hostname="mx.yahoo.test", listeners=(("mx", "none"),), **options)

    def selectors(self, daemon):
        return sorted(key["selector"] for key in daemon.json("domain", "dkim", "list", "yahoo.test"))

    def test_a_store_without_keys_gets_them_at_the_start(self):
        with self.daemon() as daemon:
            daemon.stop()
            with sqlite3.connect(daemon.state / "control.db") as store:
                store.execute("DELETE FROM dkim_key")
            store.close()
            daemon.start()
            until(lambda: len(self.selectors(daemon)) == 2, lambda: self.selectors(daemon))

    def test_private_keys_are_nowhere_in_clear(self):
        with self.daemon() as daemon:
            daemon.stop()
            for file in daemon.state.glob("control.db*"):
                self.assertNotIn(b"PRIVATE KEY", file.read_bytes())
            self.assertEqual((daemon.state / "dkim.key").stat().st_mode & 0o777, 0o600)
            daemon.start()

    def test_a_key_file_that_others_may_read_is_refused(self):
        with self.daemon() as daemon:
            daemon.stop()
            (daemon.state / "dkim.key").chmod(0o644)
            self.assertNotEqual(daemon.start(expect_ready=False), 0)
            self.assertIn("chmod 600", "\n".join(daemon.raw_log))
            (daemon.state / "dkim.key").chmod(0o600)
            daemon.start()

    def test_a_backup_has_all_it_takes_to_sign(self):
        with self.daemon() as daemon:
            selector = self.selectors(daemon)[0]
            daemon.ctl("domain", "dkim", "force", "yahoo.test", selector)
            daemon.ctl("store", "backup", str(daemon.folder / "copy"))
            daemon.stop()
            daemon.config.write_text(daemon.config.read_text().replace(
                str(daemon.state), str(daemon.folder / "copy")))
            begin = len(daemon.log)
            daemon.start()
            self.assertEqual([line for line in daemon.log[begin:]
                              if line.get("event") in ("signing.key_unreadable", "signing.key_file_made")], [])
            self.assertIn(selector, self.selectors(daemon))

    def test_the_key_is_taken_from_the_service_manager(self):
        with tempfile.TemporaryDirectory() as folder:
            credential = Path(folder) / "dkim.key"
            credential.write_text("a phrase of more than thirty-two characters\n")
            with self.daemon(environment={"CREDENTIALS_DIRECTORY": folder}) as daemon:
                self.assertFalse((daemon.state / "dkim.key").exists())
                daemon.ctl("domain", "dkim", "force", "yahoo.test", self.selectors(daemon)[0])
                # Without it keys can not be read; the log says which, and new ones can be made.
                daemon.stop()
                del daemon.environment["CREDENTIALS_DIRECTORY"]
                daemon.start()
                line = daemon.wait_for("signing.key_unreadable")
                self.assertIn("domain dkim rotate yahoo.test", line["do"])

    def test_keys_are_of_2048_bits_and_of_ed25519(self):
        with self.daemon() as daemon:
            keys = {key["algorithm"]: base64.b64decode(key["record"].split("p=")[1])
                    for key in daemon.json("domain", "dkim", "list", "yahoo.test")}
            self.assertEqual(len(keys["ed25519"]), 32)
            shown = subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-text", "-noout"],
                                   input=keys["rsa"], capture_output=True, check=True).stdout.decode()
            self.assertIn("2048 bit", shown)

    def test_commands_say_what_is_wrong(self):
        with self.daemon() as daemon:
            for words, said in ((("turn", "yahoo.test"), "list, rotate or force"),
                                (("force", "yahoo.test"), "needs a SELECTOR"),
                                (("force", "yahoo.test", "none"), "no key none of yahoo.test"),
                                (("rotate", "yahoo.test", "x"), "Only force takes"),
                                (("list", "gmail.test"), "no domain gmail.test")):
                done = daemon.run("domain", "dkim", *words)
                self.assertNotEqual(done.returncode, 0, words)
                self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
