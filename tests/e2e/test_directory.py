"""Who an address is: aliases, catch-all, +tag, postmaster, quota, disabled accounts."""
import sums
from lib.case import DaemonCase
from lib.smtp import message

TOM, JERRY, ANN = "tom@gmail.test", "jerry@yahoo.test", "ann@yahoo.test"


class Directory(DaemonCase):
    options = {"accounts": [JERRY, ANN, TOM], "routes": {"hold.test": "hold"}}

    def deliver(self, recipients, subject, sender="a@elsewhere.test"):
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        reply = smtp.send_mail(sender, recipients, message(subject, sender))
        smtp.quit()
        return reply.text.split()[1]

    def where(self, subject, accounts=(JERRY, ANN, TOM)):
        """The accounts that have it, once for each copy."""
        return [a for a in accounts for row in self.daemon.mailbox(a) if row["subject"] == subject]

    def test_an_alias_with_several_members(self):
        self.daemon.ctl("alias", "add", "team@yahoo.test", JERRY, ANN, TOM)
        ident = self.deliver(["team@yahoo.test"], "to the team")
        self.assertEqual([JERRY, ANN, TOM], self.where("to the team"))
        expanded = [e for e in self.daemon.events() if e["message"] == ident and e["kind"] == "expanded"]
        self.assertEqual(["team@yahoo.test"], [e["recipient"] for e in expanded])
        self.assertEqual({JERRY, ANN, TOM}, set(expanded[0]["recipients"]))
        self.assertEqual([], sums.differences(self.daemon))

    def test_a_member_who_is_a_recipient_too_gets_one_copy(self):
        self.daemon.ctl("alias", "add", "both@yahoo.test", JERRY, ANN)
        ident = self.deliver(["both@yahoo.test", JERRY, JERRY, "JERRY@Yahoo.Test"], "one copy")
        states = {r["address"]: r["state"] for r in self.daemon.json("message", "show", ident)["recipients"]}
        self.assertEqual({JERRY: "delivered", ANN: "delivered"}, states)
        self.assertEqual([JERRY, ANN], self.where("one copy"))
        self.assertEqual([], sums.differences(self.daemon))

    def test_two_aliases_that_meet(self):
        self.daemon.ctl("alias", "add", "left@yahoo.test", JERRY, ANN)
        self.daemon.ctl("alias", "add", "right@yahoo.test", ANN, TOM)
        self.deliver(["left@yahoo.test", "right@yahoo.test"], "they meet")
        self.assertEqual([JERRY, ANN, TOM], self.where("they meet"))
        self.assertEqual([], sums.differences(self.daemon))

    def test_an_alias_in_an_alias_and_a_loop(self):
        self.daemon.ctl("alias", "add", "inner@yahoo.test", JERRY)
        self.daemon.ctl("alias", "add", "outer@yahoo.test", "inner@yahoo.test", ANN)
        self.daemon.ctl("alias", "remove", "inner@yahoo.test")
        self.daemon.ctl("alias", "add", "inner@yahoo.test", "outer@yahoo.test", JERRY)
        self.deliver(["outer@yahoo.test"], "round and round")
        self.assertEqual([JERRY, ANN], self.where("round and round"))
        self.assertEqual([], sums.differences(self.daemon))

    def test_an_alias_with_a_member_elsewhere(self):
        self.daemon.ctl("alias", "add", "mixed@yahoo.test", JERRY, "friend@hold.test")
        ident = self.deliver(["mixed@yahoo.test"], "here and there")
        kinds = {e["recipient"]: e["kind"] for e in self.daemon.events() if e["message"] == ident}
        self.assertEqual("delivered", kinds[JERRY])
        self.assertEqual("held", kinds["friend@hold.test"])
        self.assertEqual([], sums.differences(self.daemon))

    def test_a_list_has_an_owner_and_an_alias_has_none(self):
        self.daemon.ctl("alias", "add", "news@yahoo.test", JERRY, ANN, "--list", "--owner", TOM)
        self.daemon.ctl("alias", "add", "nolist@yahoo.test", JERRY)
        rows = {row["address"]: row for row in self.daemon.json("alias", "list")}
        self.assertEqual((True, TOM), (rows["news@yahoo.test"]["list"], rows["news@yahoo.test"]["owner"]))
        self.assertEqual((False, None), (rows["nolist@yahoo.test"]["list"], rows["nolist@yahoo.test"]["owner"]))
        self.assertIn(TOM, self.daemon.ctl("alias", "list"))
        for arguments, status, says in (
                (("x@yahoo.test", JERRY, "--list"), 64, "needs both"),
                (("x@yahoo.test", JERRY, "--owner", TOM), 64, "needs both"),
                (("x@yahoo.test", JERRY, "--list", "--owner", "x@yahoo.test"), 65, "cannot own itself"),
                (("x@yahoo.test", JERRY, "--list", "--owner", "no@yahoo.test"), 67, "nobody here"),
                (("@yahoo.test", JERRY, "--list", "--owner", TOM), 65, "cannot be a list")):
            done = self.daemon.run("alias", "add", *arguments)
            self.assertIn(says, done.stderr, arguments)
            self.assertEqual(status, done.returncode, (arguments, done.stderr))

    def test_a_plus_tag(self):
        self.deliver(["jerry+news@yahoo.test"], "tagged")
        self.assertEqual([JERRY], self.where("tagged"))
        self.assertEqual([], sums.differences(self.daemon))

    def test_an_unknown_user(self):
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        self.assertEqual("5.1.1", smtp.cmd("RCPT TO:<nobody@yahoo.test>", 550).enhanced())
        self.assertEqual("5.1.1", smtp.cmd("RCPT TO:<nobody+x@yahoo.test>", 550).enhanced())

    def test_a_catch_all(self):
        self.daemon.ctl("domain", "add", "catch.test")
        self.daemon.add_account("real@catch.test")
        self.daemon.ctl("alias", "add", "@catch.test", "real@catch.test")
        self.deliver(["whatever@catch.test"], "caught")
        self.assertEqual(1, len(self.where("caught", ["real@catch.test"])))
        self.daemon.ctl("alias", "remove", "@catch.test")
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        smtp.cmd("RCPT TO:<whatever@catch.test>", 550)

    def test_postmaster_abuse_and_root_reach_the_owner(self):
        for name in ("postmaster@yahoo.test", "ABUSE@yahoo.test", "Root@Yahoo.Test", "Postmaster"):
            self.deliver([name], f"for {name}")
            self.assertEqual([JERRY], self.where(f"for {name}"), name)
        self.deliver(["postmaster@gmail.test"], "other domain")
        self.assertEqual([TOM], self.where("other domain"))
        self.assertEqual([], sums.differences(self.daemon))

    def test_the_owner_named_at_domain_add(self):
        self.daemon.ctl("domain", "add", "owned.test", "--owner", ANN)
        self.deliver(["postmaster@owned.test"], "to the owner")
        self.assertEqual([ANN], self.where("to the owner"))

    def test_postmaster_of_a_domain_without_accounts(self):
        self.daemon.ctl("domain", "add", "empty.test")
        ident = self.deliver(["postmaster@empty.test"], "nobody yet")
        kinds = [e["kind"] for e in self.daemon.events() if e["message"] == ident]
        self.assertEqual("held", kinds[-1])
        self.assertEqual([], sums.differences(self.daemon))

    def test_a_mailbox_over_its_quota(self):
        self.daemon.add_account("small@yahoo.test", "--quota", "1KiB")
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        smtp.send_mail("a@elsewhere.test", ["small@yahoo.test"], message("fills it", body="x\r\n" * 400))
        smtp = self.daemon.connect("mx")
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        self.assertEqual("4.2.2", smtp.cmd("RCPT TO:<small@yahoo.test>", 452).enhanced())
        smtp.cmd(f"RCPT TO:<{JERRY}>", 250)  # the others are not touched
        uid = self.daemon.mailbox("small@yahoo.test")[0]["uid"]
        self.daemon.ctl("mailbox", "delete", "small@yahoo.test", str(uid))
        smtp.cmd("RCPT TO:<small@yahoo.test>", 250)

    def test_postmaster_has_no_quota(self):
        self.daemon.ctl("domain", "add", "full.test")
        self.daemon.add_account("boss@full.test", "--quota", "100")
        self.deliver(["boss@full.test"], "fills it")
        self.deliver(["postmaster@full.test"], "still taken")
        self.assertEqual(1, len(self.where("still taken", ["boss@full.test"])))

    def test_a_disabled_account_takes_mail_and_refuses_logins(self):
        self.daemon.add_account("gone@yahoo.test")
        self.daemon.ctl("account", "disable", "gone@yahoo.test")
        self.deliver(["gone@yahoo.test"], "for the disabled")
        self.assertEqual(1, len(self.where("for the disabled", ["gone@yahoo.test"])))
        smtp = self.daemon.connect("submission")
        smtp.ehlo()
        smtp.starttls()
        smtp.ehlo()
        reply = smtp.auth_plain("gone@yahoo.test", "secret of gone@yahoo.test", 535)
        self.assertEqual("5.7.8", reply.enhanced())

    def test_a_changed_password(self):
        self.daemon.add_account("change@yahoo.test")
        self.daemon.login("change@yahoo.test").quit()
        self.daemon.ctl("account", "passwd", "change@yahoo.test", "--password-stdin", stdin="another one\n")
        smtp = self.daemon.connect("submission")
        smtp.ehlo()
        smtp.starttls()
        smtp.ehlo()
        smtp.auth_plain("change@yahoo.test", "secret of change@yahoo.test", 535)
        smtp.auth_plain("change@yahoo.test", "another one", 235)

    def test_a_hash_from_another_server(self):
        # "mouse hole", as Dovecot and Postfix set-ups keep it
        hashes = {
            "sha@yahoo.test": "{SHA512-CRYPT}$6$saltstring$dIgdmRFoldW1MgMkxsjZ4Ybo7DsiYjb4d2NINkFEWx2X9PuenRHGcEvCY"
                              "gebVJJnkJ.ucNJLQKwPGmUjilshB1",
            "blf@yahoo.test": "{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.jRId12i/HyU56PODjHV65K3pDZKm7JO",
            "argon@yahoo.test": "{ARGON2ID}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$gD4tDx2lbw6dhihTNvaQohV8rrawibJn"
                                "98w7J3q3THo",
        }
        for address, imported in hashes.items():
            self.daemon.ctl("account", "add", address, "--password-hash-stdin", stdin=imported + "\n")
            for again in range(2):  # the first login makes the hash ours
                smtp = self.daemon.connect("submission", "implicit")
                smtp.ehlo()
                smtp.auth_plain(address, "mouse holf", 535)
                smtp.auth_plain(address, "mouse hole", 235)
                smtp.quit()
        self.daemon.add_account("later@yahoo.test")
        self.daemon.ctl("account", "passwd", "later@yahoo.test", "--password-hash-stdin",
                        stdin=hashes["sha@yahoo.test"] + "\n")
        smtp = self.daemon.connect("submission", "implicit")
        smtp.ehlo()
        smtp.auth_plain("later@yahoo.test", "mouse hole", 235)

    def test_what_is_no_hash_is_refused_with_a_sentence(self):
        for given, says in (("{PLAIN}mouse hole", "--password-stdin"), ("{SSHA}Zm9v", "Known are {CRYPT}"),
                            ("mouse hole", "no hash"), ("{SHA512-CRYPT}$6$saltstring$dIgd", "cut off")):
            done = self.daemon.run("account", "add", "bad@yahoo.test", "--password-hash-stdin", stdin=given + "\n")
            self.assertEqual(65, done.returncode, done.stderr)
            self.assertIn(says, done.stderr)
        for options in ([], ["--password-stdin", "--password-hash-stdin"]):
            done = self.daemon.run("account", "add", "bad@yahoo.test", *options, stdin="x\n")
            self.assertEqual(64, done.returncode, done.stderr)
            self.assertIn("--password-hash-stdin", done.stderr)

    def test_a_removed_account_takes_its_mail_along(self):
        self.daemon.add_account("brief@yahoo.test")
        self.deliver(["brief@yahoo.test"], "not for long")
        self.daemon.ctl("account", "remove", "brief@yahoo.test")
        self.assertNotEqual(0, self.daemon.run("mailbox", "list", "brief@yahoo.test").returncode)
        self.daemon.add_account("brief@yahoo.test")
        self.assertEqual([], self.daemon.mailbox("brief@yahoo.test"))
        self.assertEqual([], sums.differences(self.daemon))  # delivered stays delivered


class LookedUp(DaemonCase):
    options = {"accounts": [JERRY, ANN, TOM], "listener_extra": "vrfy = true\nexpn = true"}

    def test_vrfy_and_expn_on_loopback(self):
        self.daemon.ctl("alias", "add", "news@yahoo.test", JERRY, ANN, "--list", "--owner", TOM)
        self.daemon.ctl("alias", "add", "two@yahoo.test", JERRY, "friend@hold.test")
        for role in ("mx", "relay"):
            with self.subTest(role=role), self.daemon.connect(role) as smtp:
                smtp.ehlo()
                self.assertEqual("2.1.5 <jerry@yahoo.test>", smtp.cmd("VRFY jerry", 250).text)
                self.assertEqual("5.1.1", smtp.cmd("VRFY nobody@yahoo.test", 550).enhanced())
                members = smtp.cmd("EXPN news", 250).text.split("\n")  # its owner is no member
                self.assertEqual({f"2.1.5 <{JERRY}>", f"2.1.5 <{ANN}>"}, set(members))
                members = smtp.cmd("EXPN two@yahoo.test", 250).text.split("\n")
                self.assertEqual({f"2.1.5 <{JERRY}>", "2.1.5 <friend@hold.test>"}, set(members))
                self.assertEqual("5.2.4", smtp.cmd(f"EXPN {JERRY}", 550).enhanced())

    def test_submission_wants_a_login_first(self):
        with self.daemon.connect("submission", "implicit") as smtp:
            smtp.ehlo()
            smtp.cmd("EXPN news", 530)
        with self.daemon.login(TOM, tls="implicit") as smtp:
            self.assertEqual(f"2.1.5 <{TOM}>", smtp.cmd(f"VRFY {TOM}", 250).text)
