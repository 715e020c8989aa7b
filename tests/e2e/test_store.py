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
from lib.hop import Hop
from lib.smtp import Smtp, message
from sending import QUICK, adds_up, becomes, submit, tried, until, waits

JERRY, ANN = "jerry@yahoo.test", "ann@yahoo.test"
BAD_DATA, CANNOT_CREATE, CONFIG = 65, 73, 78
BOB = "bob@away.test"


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

    def refuses_to_start(self, *words):
        self.assertEqual(BAD_DATA, self.daemon.start(expect_ready=False))
        said = self.daemon.raw_log[-1]
        for word in words:
            self.assertIn(word, said)

    def test_without_its_accounts_no_mail_is_refused_for_ever(self):
        self.send("kept")
        self.assertEqual(0, self.daemon.stop())
        control, aside = self.daemon.state / "control.db", self.daemon.folder / "control.db"
        control.rename(aside)
        self.refuses_to_start(str(control), "is missing", "backup", "an empty file")
        self.assertFalse(control.exists())
        control.touch(0o600)
        control.write_bytes(aside.read_bytes()[:5000])
        self.refuses_to_start(str(control), "malformed", "backup")
        control.write_bytes(b"")  # as it says
        self.daemon.start()
        self.assertEqual([], self.daemon.json("account", "list"))
        self.assertEqual(0, self.daemon.stop())
        aside.rename(control)
        self.daemon.start()
        self.send("still taken")
        self.assertEqual(["kept", "still taken"], [row["subject"] for row in self.daemon.mailbox(JERRY)])

    def test_without_the_mail_that_names_them_no_bodies_are_removed(self):
        self.assertEqual(0, self.daemon.stop())
        mail, aside = self.daemon.state / "mail", self.daemon.folder / "mail"
        body = self.daemon.state / "segments" / "7.seg"
        body.write_bytes(b"a body")
        mail.rename(aside)
        self.refuses_to_start(str(mail), "is missing", "backup")
        self.assertEqual(b"a body", body.read_bytes())
        self.assertFalse(mail.exists())
        aside.rename(mail)
        self.daemon.start()
        self.send("still taken")

    def test_a_stop_waits_for_nobody_for_ever(self):
        smtp = self.daemon.connect("mx", "none")
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        self.assertEqual(0, self.daemon.stop())
        self.assertTrue(smtp.at_end())


class Carried(unittest.TestCase):
    """A queue goes to another machine (docs/decisions/0020-export.md)."""

    def machine(self, port, **options):
        daemon = Daemon(domains=["yahoo.test"], listeners=(("relay", "none"), ("mx", "none")),
                        routes={"away.test": f"smtp://127.0.0.1:{port}"}, **options)
        self.addCleanup(daemon.remove)
        return daemon.start()

    def setUp(self):
        self.hop = self.enterContext(Hop())
        with Hop() as closed:  # nobody listens there any more
            self.nobody = closed.port
        self.here = self.machine(self.nobody, extra=QUICK.replace("1s", "1h"))
        self.file = str(self.here.folder / "queue.archive")

    def fill(self):
        """Tried once, with DSN parameters and large; held."""
        big = message("large", body="".join(f"{i:075d}\r\n" for i in range(12_000)))
        tried_id = submit(self.here, BOB, parameters=" RET=HDRS ENVID=QQ314159",
                          rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob+2Bx@away.test")
        tried(self.here)
        ids = [tried_id, submit(self.here, BOB, content=big), submit(self.here, "ann@held.test")]
        self.here.ctl("queue", "retry", ids[1])  # its site is known to be down
        until(lambda: sorted((row["attempts"], row["state"]) for row in waits(self.here)) ==
              [(0, "held"), (1, "queued"), (1, "queued")], lambda: waits(self.here))  # for an hour now
        return ids, {ident: self.here.run("message", "raw", ident, binary=True).stdout for ident in ids}

    def test_it_waits_there_as_it_did_and_is_sent_from_there_only(self):
        ids, raw = self.fill()
        before = {row["id"]: row for row in waits(self.here)}
        done = self.here.json("store", "export", self.file)
        self.assertEqual((3, 3, 0), (done["messages"], done["deliveries"], done["being_sent"]))
        self.assertEqual({"held"}, {row["state"] for row in waits(self.here)})
        self.assertIn(self.file, waits(self.here)[0]["reason"])
        there = self.machine(self.hop.port)
        self.assertEqual(3, there.json("store", "import", self.file)["messages"])
        for row in waits(there):
            old = before[row["id"]]
            for key in ("sender", "recipients", "since", "lane", "domain", "attempts"):
                self.assertEqual(old[key], row[key], key)
        self.assertEqual(raw, {ident: there.run("message", "raw", ident, binary=True).stdout for ident in ids})
        there.ctl("queue", "retry", "--all")
        for ident in ids[:2]:
            becomes(there, ident, bob="delivered")
        self.assertEqual(2, len(self.hop.mails))
        # An outcome is on disk before the queue's own list has forgotten what it was sending; and beside
        # what was imported there may be the report that was asked for, from nobody.
        imported = lambda: [row for row in waits(there) if row["sender"]]
        until(lambda: ["held"] == [row["state"] for row in imported()], lambda: waits(there))
        again = there.json("store", "import", self.file)
        self.assertEqual((0, 3), (again["messages"], again["known"]))
        self.assertEqual(1, len(imported()))
        self.assertEqual(3, self.here.json("store", "forget", self.file)["deliveries"])
        self.assertEqual([], waits(self.here))
        for daemon in (self.here, there):
            adds_up(daemon)
            self.assertEqual([], daemon.json("store", "check")["damage"])

    def test_without_a_daemon_too_and_back_again(self):
        ids, _ = self.fill()
        before = waits(self.here)
        self.assertEqual(0, self.here.stop())
        self.assertEqual(3, self.here.json("store", "export", self.file)["messages"])
        refused = self.here.run("store", "export", self.file)
        self.assertEqual(CANNOT_CREATE, refused.returncode)
        self.here.start()
        self.assertEqual({"held"}, {row["state"] for row in waits(self.here)})
        back = self.here.json("store", "import", self.file)
        self.assertEqual((0, 3), (back["messages"], back["returned"]))
        kept = ("id", "sender", "recipients", "attempts", "since", "domain")
        self.assertEqual(sorted([row[key] for key in kept] for row in before),
                         sorted([row[key] for key in kept] for row in waits(self.here)))
        adds_up(self.here)

    def test_who_is_to_be_told_is_told_once(self):
        """Whether the notice was written before the kill or is due: it is in the archive as mail."""
        ids, _ = self.fill()
        self.here.ctl("queue", "bounce", ids[0])
        self.here.kill()
        self.assertEqual(3, self.here.json("store", "export", self.file)["messages"])
        there = self.machine(self.hop.port)
        there.ctl("store", "import", self.file)
        rows = {row["sender"]: row for row in waits(there)}
        self.assertEqual(["tom@gmail.test"], rows[""]["recipients"])
        self.assertNotIn(ids[0], [row["id"] for row in waits(there)])
        self.here.start()
        self.assertEqual({"held"}, {row["state"] for row in waits(self.here)})
        adds_up(self.here)

    def test_what_was_cut_or_altered_is_refused_and_nothing_is_taken(self):
        self.fill()
        self.here.ctl("store", "export", self.file)
        whole = Path(self.file).read_bytes()
        there = self.machine(self.hop.port)
        altered = whole[:4000] + bytes([whole[4000] ^ 1]) + whole[4001:]
        for damaged in (whole[:-1], whole[:len(whole) // 2], altered, whole + b"x", b"", b"From me\n"):
            Path(self.file).write_bytes(damaged)
            done = there.run("store", "import", self.file)
            self.assertEqual(BAD_DATA, done.returncode, done.stderr)
            self.assertIn("archive", done.stderr)
        self.assertEqual([], waits(there))
        Path(self.file).write_bytes(whole)
        self.assertEqual(3, there.json("store", "import", self.file)["messages"])


class Salvaged(unittest.TestCase):
    """Files of the database are damaged while it is closed (docs/decisions/0021-salvage.md)."""

    def setUp(self):
        self.daemon = Daemon(domains=["yahoo.test"], accounts=[JERRY], listeners=[("mx", "none"), ("relay", "none")])
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.daemon.setup()
        self.ids = [submit(self.daemon, to) for to in (JERRY, "ann@held.test")]
        for _ in range(2):  # what was in the log is in tables at the next start
            self.assertEqual(0, self.daemon.stop())
            self.daemon.start()
        self.assertEqual(0, self.daemon.stop())
        self.mail = self.daemon.state / "mail"

    def test_a_lost_current_and_a_cut_manifest_are_made_anew(self):
        (self.mail / "CURRENT").unlink()
        for manifest in self.mail.glob("MANIFEST-*"):
            manifest.write_bytes(manifest.read_bytes()[:60])
        self.daemon.start()
        self.assertEqual(1, len(self.daemon.mailbox(JERRY)))
        self.assertEqual([], self.daemon.json("store", "check")["damage"])

    def test_with_damaged_tables_it_says_which_and_a_command_makes_it_open(self):
        for table in self.mail.glob("*.sst"):
            table.write_bytes(table.read_bytes()[:-9])
        self.assertEqual(BAD_DATA, self.daemon.start(expect_ready=False))
        self.assertIn("store salvage", "\n".join(self.daemon.raw_log))
        check = self.daemon.run("store", "check")
        self.assertEqual(BAD_DATA, check.returncode)
        self.assertIn("store salvage", check.stderr)
        done = self.daemon.run("store", "salvage")
        self.assertIn("SET ASIDE", done.stdout)
        self.daemon.start()
        again = self.daemon.run("store", "salvage")
        self.assertIn("Stop the daemon", again.stderr)
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.send_mail("a@elsewhere.test", [JERRY], message("goes on"))
        self.assertEqual(["goes on"], [row["subject"] for row in self.daemon.mailbox(JERRY)][-1:])


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
