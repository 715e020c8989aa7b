"""Never an open relay: no listener takes mail for elsewhere from somebody who has no right to it,
whatever the address looks like (security.md §3, "Relay not allowed")."""
import sums
from lib.case import DaemonCase
from lib.smtp import message

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"

# Forms that have fooled servers into relaying; none of them is a mailbox of ours.
FORMS = [
    "user@elsewhere.test",
    "user@ELSEWHERE.TEST",
    "@yahoo.test:user@elsewhere.test",
    "@yahoo.test,@gmail.test:user@elsewhere.test",
    "@elsewhere.test:user@elsewhere.test",
    "user%elsewhere.test@yahoo.test",
    "user%elsewhere.test%gmail.test@yahoo.test",
    "user%elsewhere.test",
    "elsewhere.test!user",
    "elsewhere.test!user@yahoo.test",
    "yahoo.test!elsewhere.test!user@yahoo.test",
    "elsewhere.test!user%gmail.test@yahoo.test",
    '"user@elsewhere.test"',
    '"user@elsewhere.test"@yahoo.test',
    '"user\\@elsewhere.test"@yahoo.test',
    '"user%elsewhere.test"@yahoo.test',
    '"elsewhere.test!user"@yahoo.test',
    "user@elsewhere.test@yahoo.test",
    "jerry@yahoo.test@elsewhere.test",
    "elsewhere.test:user@yahoo.test",
    "user@[127.0.0.1]",
    "user@[192.0.2.1]",
    "user@[IPv6:::1]",
    "user%elsewhere.test@[127.0.0.1]",
    '"user@elsewhere.test"@[127.0.0.1]',
    "jerry@yahoo.test.elsewhere.test",
    "jerry@yahoo.test.",
    "jerry@.yahoo.test",
    "user@mx.yahoo.test",
    "user@localhost",
    "postmaster@elsewhere.test",
    "jerry@yahoo",
]
# Plain addresses elsewhere: who has logged in may write there.
ELSEWHERE = {
    "user@elsewhere.test", "user@ELSEWHERE.TEST", "@yahoo.test:user@elsewhere.test",
    "@yahoo.test,@gmail.test:user@elsewhere.test", "@elsewhere.test:user@elsewhere.test",
    "user@[127.0.0.1]", "user@[192.0.2.1]", "user@[IPv6:::1]", "user%elsewhere.test@[127.0.0.1]",
    '"user@elsewhere.test"@[127.0.0.1]', "jerry@yahoo.test.elsewhere.test", "user@mx.yahoo.test",
    "user@localhost", "postmaster@elsewhere.test", "jerry@yahoo",
}
NETWORK, STRANGER = "127.9.0.0/16", "127.7.{}.{}"


class NeverAnOpenRelay(DaemonCase):
    options = {"accounts": [TOM, JERRY], "networks": [NETWORK],
               "routes": {"hold.test": "hold", "gone.test": "discard"}}

    @classmethod
    def prepare(cls):
        # A catch-all must not turn these forms into local addresses.
        cls.daemon.ctl("alias", "add", "@yahoo.test", JERRY)

    def refuse_all(self, role, source_of, login=None, forms=FORMS, codes=(550, 501, 553)):
        for number, form in enumerate(forms):
            with self.subTest(role=role, form=form):
                smtp = self.daemon.connect(role, source=source_of(number))
                smtp.ehlo()
                if login:
                    smtp.starttls()
                    smtp.ehlo()
                    smtp.auth_plain(login, f"secret of {login}")
                smtp.cmd(f"MAIL FROM:<{login or 'a@elsewhere.test'}>", 250)
                smtp.cmd(f"RCPT TO:<{form}>", *codes)
                smtp.cmd("DATA", 503)
                smtp.close()
        accepted = [e for e in self.daemon.events() if e["kind"] == "received"
                    and any("elsewhere" in r for r in e["recipients"])]
        self.assertEqual([], accepted)

    def test_mx_from_a_stranger(self):
        self.refuse_all("mx", lambda n: STRANGER.format(1, n + 1))

    def test_mx_even_from_the_relay_networks(self):
        self.refuse_all("mx", lambda n: "127.9.0.1")

    def test_relay_from_a_stranger(self):
        self.refuse_all("relay", lambda n: STRANGER.format(2, n + 1))

    def test_a_hop_hidden_in_an_address_of_ours_even_after_login(self):
        hidden = [form for form in FORMS
                  if form.endswith("@yahoo.test") and not form.startswith("@")]
        self.assertGreater(len(hidden), 7)
        self.refuse_all("submission", lambda n: "127.9.0.2", login=TOM, forms=hidden)

    def test_submission_without_login(self):
        smtp = self.daemon.connect("submission", source=STRANGER.format(3, 1))
        smtp.ehlo()
        smtp.starttls()
        smtp.ehlo()
        for line in (f"MAIL FROM:<{TOM}>", f"RCPT TO:<{JERRY}>", "DATA"):
            self.assertEqual("5.7.0", smtp.cmd(line, 530).enhanced())

    def test_routes_open_nothing_for_a_stranger(self):
        for role in ("mx", "relay"):
            smtp = self.daemon.connect(role, source=STRANGER.format(4, 1))
            smtp.ehlo()
            smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
            for address in ("x@hold.test", "x@gone.test", "jerry@yahoo.test@hold.test"):
                reply = smtp.cmd(f"RCPT TO:<{address}>", 550, 501)
                self.assertIn(reply.enhanced(), ("5.7.1", "5.1.3"))

    def test_routes_serve_the_relay_networks_on_relay_only(self):
        smtp = self.daemon.connect("mx", source="127.9.0.3")
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<a@elsewhere.test>", 250)
        smtp.cmd("RCPT TO:<x@hold.test>", 550)
        smtp = self.daemon.connect("relay", source="127.9.0.3")
        smtp.ehlo()
        smtp.send_mail("a@elsewhere.test", ["x@hold.test", "y@gone.test"], message("through"))
        last = {e["recipient"]: e["kind"] for e in self.daemon.events() if e["recipient"]}
        self.assertEqual("held", last["x@hold.test"])
        self.assertEqual("discarded", last["y@gone.test"])
        self.assertEqual([], sums.differences(self.daemon))

    def test_a_stranger_with_a_login_may_use_routes(self):
        for role in ("submission", "relay"):
            smtp = self.daemon.login(TOM, role)
            smtp.envelope(TOM, ["x@hold.test"])

    def test_login_is_never_offered_on_mx(self):
        smtp = self.daemon.connect("mx", source=STRANGER.format(5, 1))
        self.assertNotIn("AUTH", smtp.ehlo().text)
        smtp.starttls()
        self.assertNotIn("AUTH", smtp.ehlo().text)
        self.assertEqual("5.5.1", smtp.cmd("AUTH PLAIN AAAA", 502).enhanced())

    def test_login_is_offered_under_tls_only(self):
        smtp = self.daemon.connect("submission", source=STRANGER.format(5, 2))
        self.assertNotIn("AUTH", smtp.ehlo().text)
        smtp.starttls()
        self.assertIn("AUTH SCRAM-SHA-256 PLAIN LOGIN", smtp.ehlo().text)

    def test_the_sender_is_bound_to_the_login(self):
        smtp = self.daemon.login(TOM)
        for sender in (JERRY, "tom@yahoo.test", "ceo@elsewhere.test"):
            self.assertEqual("5.7.1", smtp.cmd(f"MAIL FROM:<{sender}>", 550).enhanced())
        smtp.cmd("MAIL FROM:<tom+shop@gmail.test>", 250)

    def test_senders_can_be_granted_and_taken_back(self):
        kim = "kim@gmail.test"
        self.daemon.add_account(kim, "--send-as", "desk@yahoo.test", "--send-as", "*@shop.test")
        listed = [row for row in self.daemon.json("account", "list") if row["address"] == kim]
        self.assertEqual([["*@shop.test", "desk@yahoo.test"]], [row["send_as"] for row in listed])
        smtp = self.daemon.login(kim)
        for sender in ("desk@yahoo.test", "any.one@SHOP.test", kim):
            smtp.send_mail(sender, [JERRY], message(f"from {sender}", sender))
        self.assertEqual("5.7.1", smtp.cmd(f"MAIL FROM:<{JERRY}>", 550).enhanced())
        self.daemon.ctl("account", "grant", kim, JERRY)  # holds at once, for open sessions too
        smtp.cmd(f"MAIL FROM:<{JERRY}>", 250)
        smtp.cmd("RSET", 250)
        self.daemon.ctl("account", "revoke", kim, JERRY, "*@shop.test")
        smtp.cmd(f"MAIL FROM:<{JERRY}>", 550)
        smtp.cmd("MAIL FROM:<any.one@shop.test>", 550)
        smtp.cmd("MAIL FROM:<desk@yahoo.test>", 250)

    def test_wrong_passwords_and_unknown_users_look_the_same(self):
        replies = []
        for user, password in ((TOM, "wrong"), ("nobody@gmail.test", "wrong")):
            smtp = self.daemon.connect("submission", source=STRANGER.format(6, len(replies) + 1))
            smtp.ehlo()
            smtp.starttls()
            smtp.ehlo()
            replies.append(str(smtp.auth_plain(user, password, 535)))
        self.assertEqual(replies[0], replies[1])
        self.assertIn("5.7.8", replies[0])
