"""What lies on disk: restarts, kill -9, backups, damaged records, stores of a later version."""
import shutil
import signal
import sqlite3
import tempfile
import unittest
from pathlib import Path

import sums
from lib import kv
from lib.daemon import Daemon
from lib.smtp import Smtp, message

JERRY, ANN = "jerry@yahoo.test", "ann@yahoo.test"
CONFIG = 78


class Store(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(domains=["yahoo.test"], accounts=[JERRY, ANN], listeners=[("mx", "none")],
                             routes={"hold.test": "hold"})
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.setup()

    def send(self, subject, *recipients, body="Hello,\r\n"):
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            return smtp.send_mail("a@elsewhere.test", recipients or [JERRY],
                                  message(subject, body=body)).text.split()[1]

    def subjects(self, daemon=None, address=JERRY):
        return [row["subject"] for row in (daemon or self.daemon).mailbox(address)]

    def test_everything_is_there_after_a_restart(self):
        ident = self.send("before", JERRY, ANN)
        raw = self.daemon.mail(JERRY, 1)
        status = sums.of_status(self.daemon.json("status"))
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()
        self.assertEqual(raw, self.daemon.mail(JERRY, 1))
        self.assertEqual(status, sums.of_status(self.daemon.json("status")))
        self.assertIn(ident, self.daemon.ctl("message", "trace", ident))
        self.send("after")
        self.assertEqual([1, 2], [row["uid"] for row in self.daemon.mailbox(JERRY)])
        self.assertEqual([], sums.differences(self.daemon))

    def test_everything_acknowledged_is_there_after_kill_9(self):
        big = "".join(f"{i:075d}\r\n" for i in range(10_000))
        for i in range(20):
            self.send(f"mail {i}", body=big if i == 7 else "small\r\n")
        before = [(row["uid"], self.daemon.mail(JERRY, row["uid"])) for row in self.daemon.mailbox(JERRY)]
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(before, [(u, self.daemon.mail(JERRY, u)) for u, _ in before])
        self.assertEqual(20, len(self.subjects()))
        self.assertEqual([], sums.differences(self.daemon))

    def test_kill_9_in_the_middle_of_a_message_leaves_nothing_of_it(self):
        smtp = self.daemon.connect("mx", "none")
        smtp.ehlo()
        smtp.envelope("a@elsewhere.test", [JERRY])
        smtp.cmd("DATA", 354)
        smtp.send(message("never ended") + "x" * 70 + "\r\n" + ("y" * 76 + "\r\n") * 20_000)
        self.send("whole")
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(["whole"], self.subjects())
        self.assertEqual([], sums.differences(self.daemon))
        self.assertEqual(0, self.daemon.run("store", "check").returncode)

    def test_a_backup_opens(self):
        for i in range(5):
            self.send(f"mail {i}", JERRY, ANN)
        copy = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, copy, True)
        self.daemon.ctl("store", "backup", str(copy / "state"))
        self.send("after the backup")
        other = Daemon(folder=copy, domains=["yahoo.test"], listeners=[("mx", "none")])
        self.addCleanup(other.kill)
        other.start()
        self.assertEqual([f"mail {i}" for i in range(5)], self.subjects(other))
        self.assertEqual(self.daemon.mail(JERRY, 3), other.mail(JERRY, 3))
        self.assertEqual([], sums.differences(other))
        with other.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.send_mail("a@elsewhere.test", [JERRY], message("into the copy"))
        self.assertEqual(0, other.stop())
        self.assertEqual(6, len(self.subjects()))

    def test_a_backup_into_a_folder_that_is_not_empty_is_refused(self):
        done = self.daemon.run("store", "backup", str(self.daemon.state))
        self.assertNotEqual(0, done.returncode)
        self.assertIn(str(self.daemon.state), done.stderr)

    def test_store_check_finds_nothing_in_a_sound_store(self):
        self.send("sound", JERRY, ANN)
        report = self.daemon.json("store", "check")  # through the daemon
        self.assertEqual([], report["damage"])
        self.assertEqual(0, self.daemon.stop())
        done = self.daemon.run("store", "check")  # without it
        self.assertEqual(0, done.returncode, done.stderr)

    def test_a_damaged_body_is_named_and_the_rest_goes_on(self):
        self.send("sound one")
        self.send("damaged", body="the octet to be turned is here\r\n")
        self.send("sound two")
        self.assertEqual(0, self.daemon.stop())
        # RocksDB's own checksums hold: only ours can tell.
        changed = kv.replace(self.daemon.state / "mail", b"the octet to be turned", b"the octet to be burned")
        self.assertEqual(1, changed)
        self.daemon.start()
        self.assertEqual(b"Hello,\r\n", self.daemon.mail(JERRY, 1)[-8:])
        damaged = self.daemon.run("mailbox", "show", JERRY, "2", "--raw")
        self.assertNotEqual(0, damaged.returncode)
        self.assertNotIn("burned", damaged.stdout)
        self.assertEqual(b"Hello,\r\n", self.daemon.mail(JERRY, 3)[-8:])
        self.send("still taken")
        check = self.daemon.run("store", "check")
        self.assertNotEqual(0, check.returncode)
        rows = self.daemon.run("store", "check", "--json").stdout
        self.assertIn("damage", rows)
        self.assertEqual([], sums.differences(self.daemon))

    def test_a_mail_store_of_a_later_version_is_refused(self):
        self.send("from the future")
        self.assertEqual(0, self.daemon.stop())
        before = kv.dump(self.daemon.state / "mail")
        kv.make_newer(self.daemon.state / "mail")
        self.assertEqual(CONFIG, self.daemon.start(expect_ready=False))
        said = self.daemon.raw_log[-1]
        self.assertIn("newer", "\n".join(self.daemon.raw_log))
        self.assertNotIn("terminate", said)
        self.assertEqual(len(before), len(kv.dump(self.daemon.state / "mail")))  # nothing was touched

    def test_a_control_store_of_a_later_version_is_refused(self):
        self.assertEqual(0, self.daemon.stop())
        with sqlite3.connect(self.daemon.state / "control.db") as control:
            control.execute("PRAGMA user_version = 4000")
        control.close()
        self.assertEqual(CONFIG, self.daemon.start(expect_ready=False))
        self.assertIn("newer", "\n".join(self.daemon.raw_log))

    def test_a_stop_waits_for_nobody_for_ever(self):
        smtp = self.daemon.connect("mx", "none")
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        self.assertEqual(0, self.daemon.stop())
        self.assertTrue(smtp.at_end())


class Reload(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(domains=["yahoo.test"], accounts=[JERRY], listeners=[("mx", "none")])
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.setup()

    def reload(self, event):
        since = len(self.daemon.log)
        self.daemon.signal(signal.SIGHUP)
        return self.daemon.wait_for(event, since)

    def relay_is_open(self):
        with self.daemon.connect("mx", "none") as smtp:
            return "SIZE 1048576" in smtp.ehlo().text

    def test_a_live_setting_takes_effect_and_the_listener_keeps_its_port(self):
        old = self.daemon.connect("mx", "none")
        self.assertFalse(self.relay_is_open())
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text.replace('tls = "none"', 'tls = "none"\nmax_message_size = "1MiB"'))
        self.reload("serve.reloaded")
        self.assertTrue(self.relay_is_open())  # on the same port
        self.assertNotIn("SIZE 1048576", old.ehlo().text)  # a session lives by what it began with
        self.assertEqual(0, self.daemon.stop())

    def test_a_bad_configuration_is_refused_and_the_old_one_stays(self):
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text + "\nnonsense = 1\n")
        line = self.reload("serve.reload_refused")
        self.assertIn("nonsense", str(line) + "\n".join(self.daemon.raw_log[-8:]))
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.send_mail("a@elsewhere.test", [JERRY], message("still here"))
        self.assertEqual(0, self.daemon.stop())

    def test_a_setting_that_needs_a_restart_is_named(self):
        text = self.daemon.config.read_text()
        self.daemon.config.write_text(text.replace('"mx.yahoo.test"', '"other.yahoo.test"', 1))
        self.reload("serve.reloaded")
        self.assertIn("hostname", "\n".join(self.daemon.raw_log[-8:]))
        self.assertIn("hostname", self.daemon.ctl("status"))
        with Smtp(self.daemon.port("mx", "none")) as smtp:
            self.assertIn("mx.yahoo.test", smtp.greeting.text)
        self.assertEqual(0, self.daemon.restart().stop())
