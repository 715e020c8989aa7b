"""Mail that leaves yahoo.test: signed once the DNS shows its keys, and only then; keys that come and go;
senders written anew and sealed when an alias sends their mail on; what `domain dns` says of it all. A
private internet with a signed root; signatures are looked at by python3-dkim."""
import sys
import unittest
from pathlib import Path

from lib.daemon import Daemon, certificate
from lib.dns_world import DnsWorld
from lib.hop import Hop
from lib.netns import Network
from lib.peers import debian
from lib.smtp import Smtp, message
from sending import QUICK, adds_up, becomes, quoted, until

sys.path.insert(0, str(debian("python3-dkim", "python3-nacl", "python3-dnspython")
                       / "usr/lib/python3/dist-packages"))
import dkim  # noqa: E402

TOM, JERRY, ANN = "tom@gmail.test", "jerry@yahoo.test", "ann@other.test"
BOTH = {("yahoo.test", "rsa-sha256"), ("yahoo.test", "ed25519-sha256")}
OVERSIGNED = (b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"mime-version",
              b"content-type", b"content-transfer-encoding")


class Internet(unittest.TestCase):
    HOSTS = ("dns", "yahoo", "gmail", "other")
    SIGNING = ['check_every = "1s"', 'retired_for = "3s"']
    TEST_CLOCK = False

    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(Network(*cls.HOSTS))
        cls.dns = cls.enterClassContext(DnsWorld(cls.zones(), host=cls.net["dns"]))
        cls.gmail = cls.enterClassContext(cls.server("gmail", [TOM]))
        cls.yahoo = cls.enterClassContext(cls.server("yahoo", [JERRY]))

    @classmethod
    def zones(cls):
        zones = {f"{name}.test": ["@ MX 10 mx", f"mx A {cls.net[name].address}",
                                  f"@ TXT \"v=spf1 mx -all\""] for name in ("gmail", "other")}
        zones["yahoo.test"] = cls.base()
        network, last = cls.net["yahoo"].address.rsplit(".", 1)
        cls.reverse = ".".join(reversed(network.split("."))) + ".in-addr.arpa"
        zones[cls.reverse] = [f"{last} PTR mx.yahoo.test."]
        return zones

    @classmethod
    def base(cls):
        return ["@ MX 10 mx", f"mx A {cls.net['yahoo'].address}"]

    @classmethod
    def server(cls, host, accounts):
        domain = f"{host}.test"
        daemon = Daemon(domains=[domain], accounts=accounts, hostname=f"mx.{domain}",
                        wrapper=cls.net[host].wrapper, test_clock=cls.TEST_CLOCK)
        cert, key = certificate()
        text = [f'hostname = "mx.{domain}"', f"state = {quoted(daemon.state)}"]
        for address, role, tls in (("0.0.0.0:25", "mx", "starttls"), ("127.0.0.1:2525", "relay", "none"),
                                   ("127.0.0.1:2526", "relay", "none"),
                                   ("0.0.0.0:587", "submission", "starttls"),
                                   ("0.0.0.0:465", "submission", "implicit")):
            text += ["[[listener]]", f'address = "{address}"', f'role = "{role}"', f'tls = "{tls}"']
            if address.endswith("2526"):
                text.append('mode = "end-to-end"')
            if tls == "none":
                text.append("insecure_auth = true")
        text += ["[tls]", f"certificate = {quoted(cert)}", f"key = {quoted(key)}",
                 "[relay]", 'networks = ["127.0.0.0/8"]', "[routes]", '"*" = "mx"', QUICK,
                 "[signing]", *cls.SIGNING,
                 "[dns]", f"root_hints = {quoted(cls.dns.root_hints)}",
                 f"trust_anchor = {quoted(cls.dns.trust_anchor)}", ""]
        daemon.write_config("\n".join(text))
        return daemon

    # --- the domain ------------------------------------------------------------------------------
    def publish(self, *more):
        """As the owner does who takes the zone that is printed."""
        zone = self.yahoo.ctl("domain", "dns", "yahoo.test", "--zone")
        lines = [line for line in zone.splitlines() if line[0] not in "$;"]
        address = f"mx A {self.net['yahoo'].address}"
        self.dns.set("yahoo.test", [address, *lines, *more])

    def rows(self):
        return self.yahoo.json("domain", "dns", "yahoo.test")

    def verdicts(self):
        return {(row["what"], row["name"]): row["verdict"] for row in self.rows()}

    def keys(self):
        return self.yahoo.json("domain", "dkim", "list", "yahoo.test")

    def key_states(self):
        return sorted((key["algorithm"], key["state"]) for key in self.keys())

    def all_active(self):
        self.publish()
        until(lambda: {state for _, state in self.key_states()} == {"active"}, self.keys)

    # --- mail ------------------------------------------------------------------------------------
    def submit(self, to, sender=JERRY, content=None, port=2525):
        with self.net["yahoo"].inside():
            smtp = Smtp(port)
        with smtp:
            smtp.ehlo()
            smtp.cmd(f"MAIL FROM:<{sender}>", 250)
            smtp.cmd(f"RCPT TO:<{to}>", 250)
            return smtp.data(content or message(to=to, sender=sender)).text.split()[-1]

    def knock(self, host):
        """A stranger's connection to yahoo.test's port 25."""
        with self.net[host].inside():
            smtp = self.enterContext(Smtp(25, source=self.net[host].address, host=self.net["yahoo"].address))
        smtp.ehlo(f"mx.{host}.test")
        return smtp

    def newest(self, daemon, address, before):
        rows = until(lambda: len(rows := daemon.mailbox(address)) > before and rows,
                     lambda: f"mail for {address}; " + "\n".join(daemon.raw_log[-8:]))
        return daemon.mail(address, rows[-1]["uid"])

    def hop(self, host):
        with self.net[host].inside():
            return self.enterContext(Hop(port=25, address="0.0.0.0"))

    def key_record(self, name, timeout=5):
        records = {key["name"] + ".": key["record"] for key in self.keys()}
        return records.get(name.decode(), "").encode()

    def signatures(self, raw):
        """{(domain, algorithm)} of those that python3-dkim finds good; a bad one fails."""
        checked = dkim.DKIM(raw)
        good = set()
        count = sum(name.lower() == b"dkim-signature" for name, _ in checked.headers)
        for index in range(count):
            self.assertTrue(checked.verify(index, dnsfunc=self.key_record), raw.decode()[:3000])
            fields = checked.signature_fields
            good.add((fields[b"d"].decode(), fields[b"a"].decode()))
            self.assertNotIn(b"l", fields)
            self.assertNotIn(b"x", fields)
            # One more than there are: none can be added (security.md 37).
            named = [name.strip().lower() for name in fields[b"h"].split(b":")]
            for name in OVERSIGNED:
                there = sum(field.lower() == name for field, _ in checked.headers)
                self.assertEqual(named.count(name), there + 1, (name, fields[b"h"]))
        return good


class Published(Internet):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls("all_active").all_active()

    def test_mail_is_signed_with_both_keys_and_nothing_changes_on_the_way(self):
        before = len(self.gmail.mailbox(TOM))
        body = "Hello  Tom \r\n..two dots\r\n\r\n.\r\nBye\t\r\n\r\n\r\n"
        self.submit(TOM, content=message(to=TOM, sender=JERRY, body=body))
        raw = self.newest(self.gmail, TOM, before)
        self.assertEqual(self.signatures(raw), BOTH)
        self.assertTrue(raw.endswith(body.encode()), raw)

    def test_a_large_body_is_signed_while_it_streams(self):
        before = len(self.gmail.mailbox(TOM))
        body = "".join(f"{i:060d}\r\n" for i in range(20_000))
        self.submit(TOM, content=message(to=TOM, sender=JERRY, body=body))
        self.assertEqual(self.signatures(self.newest(self.gmail, TOM, before)), BOTH)

    def test_a_login_is_signed_after_the_fix_ups(self):
        before = len(self.gmail.mailbox(TOM))
        with self.net["yahoo"].inside():
            smtp = Smtp(587)
        with smtp:
            smtp.ehlo()
            smtp.starttls()
            smtp.ehlo()
            smtp.auth_plain(JERRY, f"secret of {JERRY}")
            smtp.send_mail(JERRY, [TOM], f"From: {JERRY}\r\nTo: {TOM}\r\nBcc: {ANN}\r\nSubject: bare\r\n"
                           "\r\nHello\r\n")
        raw = self.newest(self.gmail, TOM, before)
        self.assertIn(b"\r\nMessage-ID:", raw)
        self.assertNotIn(b"Bcc", raw)
        self.assertEqual(self.signatures(raw), BOTH)

    def test_chunks_are_signed_as_they_are_kept(self):
        before = len(self.gmail.mailbox(TOM))
        with self.net["yahoo"].inside():
            smtp = Smtp(2525)
        with smtp:
            smtp.ehlo()
            smtp.envelope(JERRY, [TOM])
            smtp.bdat(f"From: {JERRY}\nTo: {TOM}\nMessage-ID: <1@yahoo.test>\n\nbare".encode())
            smtp.bdat(b" line feeds\nin  it\n\n", last=True)
        raw = self.newest(self.gmail, TOM, before)
        self.assertTrue(raw.endswith(b"bare line feeds\r\nin  it\r\n\r\n"), raw)
        self.assertEqual(self.signatures(raw), BOTH)

    def test_mail_that_is_sent_on_while_the_client_waits_is_signed(self):
        for body in ("Hello Tom\r\n", "".join(f"{i:060d}\r\n" for i in range(20_000))):
            before = len(self.gmail.mailbox(TOM))
            self.submit(TOM, content=message(to=TOM, sender=JERRY, body=body), port=2526)
            self.assertEqual(self.signatures(self.newest(self.gmail, TOM, before)), BOTH)

    def test_authors_elsewhere_are_not_signed_for(self):
        before = len(self.gmail.mailbox(TOM))
        self.submit(TOM, content=message(to=TOM, sender="ceo@bank.test"))
        self.assertEqual(self.signatures(self.newest(self.gmail, TOM, before)), set())

    def test_a_notice_of_ours_is_signed(self):
        before = len(self.yahoo.mailbox(JERRY))
        number = self.submit("nobody@gmail.test")
        becomes(self.yahoo, number, nobody="bounced")
        raw = self.newest(self.yahoo, JERRY, before)
        self.assertIn(b"multipart/report", raw)
        self.assertEqual(self.signatures(raw), BOTH)

    def test_everything_is_there(self):
        self.assertEqual(set(self.verdicts().values()), {"ok", "optional"}, self.rows())
        text = self.yahoo.ctl("domain", "dns", "yahoo.test")
        self.assertIn("Everything that yahoo.test needs is published.", text)
        self.assertIn("p=none only watches", text)

    def test_what_is_optional_can_be_there(self):
        self.publish('_smtp._tls TXT "v=TLSRPTv1; rua=mailto:jerry@yahoo.test"',
                     '_mta-sts TXT "v=STSv1; id=1"')
        until(lambda: set(self.verdicts().values()) == {"ok"}, self.rows)


class Unpublished(Internet):
    def test_mail_leaves_unsigned_and_the_log_says_so_once(self):
        self.assertEqual(self.key_states(), [("ed25519", "pending"), ("rsa", "pending")])
        for _ in range(2):
            before = len(self.gmail.mailbox(TOM))
            self.submit(TOM)
            self.assertNotIn(b"DKIM-Signature", self.newest(self.gmail, TOM, before))
        said = [line for line in self.yahoo.log if line.get("event") == "signing.unsigned"]
        self.assertEqual([line["domain"] for line in said], ["yahoo.test"])
        self.assertIn("mailwright domain dns yahoo.test", said[0]["do"])

    def test_what_is_missing_is_named_with_what_to_publish(self):
        rows = {row["what"]: row for row in self.rows()}
        self.assertEqual({what: row["verdict"] for what, row in rows.items()},
                         {"Host": "ok", "PTR": "ok", "MX": "ok", "SPF": "missing",
                          "SPF of the host": "missing", "DKIM": "missing", "DMARC": "missing",
                          "MTA-STS": "optional", "TLS-RPT": "optional", "SRV": "optional"})
        self.assertEqual(rows["SPF"]["publish"], "v=spf1 mx -all")
        self.assertEqual(rows["DMARC"]["name"], "_dmarc.yahoo.test")
        text = self.yahoo.ctl("domain", "dns", "yahoo.test")
        self.assertIn("publish: yahoo.test. TXT v=spf1 mx -all", text)
        self.assertRegex(text, r"yahoo.test: 5 records are missing\.")

    def test_a_domain_that_is_not_here_is_refused(self):
        done = self.yahoo.run("domain", "dns", "gmail.test")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no domain gmail.test", done.stderr)

    def test_a_dns_that_does_not_answer_is_no_missing_record(self):
        self.dns.fault("yahoo.test", "servfail")
        try:  # what it said before is remembered for two seconds
            until(lambda: {row["verdict"] for row in self.rows() if row["what"] != "PTR"} == {"unknown"},
                  self.rows)
            self.assertIn("did not answer", self.rows()[-1]["remedy"])
        finally:
            self.dns.heal("yahoo.test")
            until(lambda: "unknown" not in self.verdicts().values(), self.rows)

    def test_what_is_wrong_is_named(self):
        self.addCleanup(self.dns.set, "yahoo.test", self.base())
        selector = self.keys()[0]["selector"]
        self.dns.set("yahoo.test", [
            "@ MX 10 mx.other.test.", f"mx A {self.net['yahoo'].address}", '@ TXT "v=spf1 -all"',
            '_dmarc TXT "v=DMARC1; p=none"', '_dmarc TXT "v=DMARC1; p=reject"',
            f'{selector}._domainkey TXT "v=DKIM1; k=rsa; p=AAAA"',
            "_submissions._tcp SRV 0 0 465 elsewhere.test."])
        expected = {("MX", "yahoo.test"): "wrong", ("SPF", "yahoo.test"): "wrong",
                    ("DMARC", "_dmarc.yahoo.test"): "wrong",
                    ("DKIM", f"{selector}._domainkey.yahoo.test"): "wrong",
                    ("SRV", "_submissions._tcp.yahoo.test"): "wrong"}
        until(lambda: expected.items() <= self.verdicts().items(), self.rows)
        rows = {row["what"]: row for row in self.rows()}
        self.assertIn("another server", rows["MX"]["remedy"])
        self.assertEqual(rows["SPF"]["publish"], "v=spf1 a:mx.yahoo.test -all")
        self.assertIn("fail", rows["SPF"]["remedy"])


    def test_aliases_doubles_and_records_that_say_nothing_are_named(self):
        network, last = self.net["yahoo"].address.rsplit(".", 1)
        self.addCleanup(until, lambda: "wrong" not in self.verdicts().values(), self.rows)  # it is remembered
        self.addCleanup(self.dns.set, "yahoo.test", self.base())
        self.addCleanup(self.dns.set, self.reverse, [f"{last} PTR mx.yahoo.test."])
        self.dns.set(self.reverse, [f"{last} PTR host-7.provider.test."])
        self.dns.set("yahoo.test", [
            "@ MX 10 mx", "mx CNAME real", f"real A {self.net['yahoo'].address}", '@ TXT "v=spf1 mx -all"',
            '@ TXT "v=spf1 a -all"', '_mta-sts TXT "v=STSv1; id=not-one"', '_smtp._tls TXT "v=TLSRPTv1"'])
        expected = {"Host": "CNAME", "MX": "CNAME", "SPF": "Several", "PTR": f"{network}.{last}",
                    "MTA-STS": "id", "TLS-RPT": "nobody"}
        until(lambda: {row["what"] for row in self.rows() if row["verdict"] == "wrong"} >= set(expected), self.rows)
        for row in self.rows():
            if row["what"] in expected:
                self.assertIn(expected[row["what"]], row["remedy"])


class Rotation(Internet):
    def test_from_the_first_key_to_its_end(self):
        self.all_active()
        first = {key["selector"] for key in self.keys()}
        old_records = [f'{key["name"]}. TXT "{key["record"]}"' if len(key["record"]) < 255 else
                       f'{key["name"]}. TXT "{key["record"][:255]}" "{key["record"][255:]}"'
                       for key in self.keys()]
        # New ones are made and not used.
        text = self.yahoo.ctl("domain", "dkim", "rotate", "yahoo.test")
        self.assertIn("Publish these", text)
        self.assertEqual(self.yahoo.ctl("domain", "dkim", "rotate", "yahoo.test"), text)
        self.assertEqual(self.used(), first)
        # They are published, beside the old ones: from now on they are used.
        self.publish()
        until(lambda: self.used().isdisjoint(first), self.keys)
        self.yahoo.wait_for("signing.key_retired")
        # The old ones are revoked in time, and forgotten when their records have gone.
        self.yahoo.wait_for("signing.key_revoked")
        self.dns.set("yahoo.test", [*self.base(), *old_records])
        until(lambda: "revoked" in {state for _, state in self.key_states()}, self.keys)
        until(lambda: "obsolete" in self.verdicts().values(), self.rows)
        self.publish()
        until(lambda: self.key_states() == [("ed25519", "active"), ("rsa", "active")], self.keys)

    def used(self):
        """Selectors of a message that leaves now."""
        before = len(self.gmail.mailbox(TOM))
        self.submit(TOM)
        raw = self.newest(self.gmail, TOM, before)
        checked = dkim.DKIM(raw)
        selectors = set()
        for index in range(2):
            self.assertTrue(checked.verify(index, dnsfunc=self.key_record), raw)
            selectors.add(checked.signature_fields[b"s"].decode())
        return selectors


class Schedule(Internet):
    SIGNING = ["rotate = true", 'rotate_after = "180d"', 'retired_for = "14d"']
    TEST_CLOCK = True
    DAY = 86_400

    def test_new_keys_are_made_when_the_old_ones_are_old(self):
        """With the defaults, but for the clock: half a year, and the two weeks that follow."""
        self.publish()
        until(lambda: self.rows() and {state for _, state in self.key_states()} == {"active"}, self.keys)
        self.yahoo.advance(181 * self.DAY)
        both = [(kind, state) for kind in ("ed25519", "rsa") for state in ("active", "pending")]
        until(lambda: self.key_states() == both, self.keys)
        self.publish()
        until(lambda: self.rows() and not {"pending"} & {state for _, state in self.key_states()}, self.keys)
        self.assertEqual({state for _, state in self.key_states()}, {"active", "retired"})
        self.yahoo.advance(15 * self.DAY)
        until(lambda: {state for _, state in self.key_states()} == {"active", "revoked"}, self.keys)


class Force(Internet):
    def test_a_key_is_used_without_the_dns_when_we_say_so_and_not_when_it_vanishes(self):
        selector = next(key["selector"] for key in self.keys() if key["algorithm"] == "rsa")
        self.yahoo.ctl("domain", "dkim", "force", "yahoo.test", selector)
        before = len(self.gmail.mailbox(TOM))
        self.submit(TOM)
        raw = self.newest(self.gmail, TOM, before)
        self.assertEqual(self.signatures(raw), {("yahoo.test", "rsa-sha256")})
        # The other one is used while it is published, and no longer.
        self.publish()
        until(lambda: self.key_states() == [("ed25519", "active"), ("rsa", "active")], self.keys)
        self.dns.set("yahoo.test", self.base())
        until(lambda: self.key_states() == [("ed25519", "pending"), ("rsa", "active")], self.keys)
        self.yahoo.wait_for("signing.key_withdrawn")
        # Also after a restart.
        self.yahoo.restart()
        before = len(self.gmail.mailbox(TOM))
        self.submit(TOM)
        self.assertEqual(self.signatures(self.newest(self.gmail, TOM, before)),
                         {("yahoo.test", "rsa-sha256")})
        # A domain that goes takes its keys along; one that comes again gets others.
        self.yahoo.ctl("domain", "remove", "yahoo.test", "--with-accounts")
        self.yahoo.ctl("domain", "add", "yahoo.test")
        self.assertEqual(self.key_states(), [("ed25519", "pending"), ("rsa", "pending")])


class Forwarding(Internet):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls("all_active").all_active()
        cls.yahoo.ctl("alias", "add", "friend@yahoo.test", TOM)
        cls.yahoo.ctl("alias", "add", "gone@yahoo.test", "nobody@gmail.test")

    def send_from_other(self, to, sender=ANN):
        smtp = self.knock("other")
        smtp.cmd(f"MAIL FROM:<{sender}>", 250)
        smtp.cmd(f"RCPT TO:<{to}>", 250)
        return smtp.data(message(to=to, sender=ANN)).text.split()[-1]

    def return_path(self, raw):
        line = next(line for line in raw.split(b"\r\n") if line.startswith(b"Return-Path:"))
        return line[line.index(b"<") + 1:line.index(b">")].decode()

    def test_the_sender_is_written_anew_and_the_mail_sealed(self):
        before = len(self.gmail.mailbox(TOM))
        self.send_from_other("friend@yahoo.test")
        raw = self.newest(self.gmail, TOM, before)
        self.assertRegex(self.return_path(raw), r"^SRS0=[^=]{4}=[A-Z2-7]{2}=other\.test=ann@yahoo\.test$")
        status, results, reason = dkim.ARC(raw).verify(dnsfunc=self.key_record)
        self.assertEqual((status, [one["instance"] for one in results]), (b"pass", [1]), (reason, raw))
        header = raw.split(b"\r\n\r\n")[0]
        self.assertRegex(header, rb"ARC-Authentication-Results: i=1; mx\.yahoo\.test;[^:]*spf=")
        self.assertNotIn(b"DKIM-Signature:", header)  # it is not ours to say who wrote it
        adds_up(self.yahoo)

    def test_our_own_bounce_finds_its_way_to_the_sender(self):
        hop = self.hop("other")
        self.send_from_other("gone@yahoo.test")
        mail, = hop.wait_for(1)
        self.assertEqual(mail.recipients, [ANN])
        self.assertEqual(mail.sender, "")
        self.assertIn(b"nobody@gmail.test", mail.content)
        self.assertEqual(self.signatures(mail.content), BOTH)
        adds_up(self.yahoo)

    def test_a_bounce_of_others_does_and_nothing_else(self):
        before = len(self.gmail.mailbox(TOM))
        self.send_from_other("friend@yahoo.test")
        path = self.return_path(self.newest(self.gmail, TOM, before))
        hop = self.hop("other")
        smtp = self.knock("gmail")
        smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
        smtp.cmd(f"RCPT TO:<{path}>", 550)  # no relay for those who know such an address
        smtp.cmd("RSET", 250)
        smtp.cmd("MAIL FROM:<>", 250)
        smtp.cmd(f"RCPT TO:<{path.replace('ann@', 'victim@')}>", 550)
        smtp.cmd(f"RCPT TO:<{path.lower()}>", 250)  # some hosts fold local parts
        smtp.data(message(to=path, sender="postmaster@gmail.test", subject="Returned"))
        mail, = hop.wait_for(1)
        self.assertEqual((mail.sender, mail.recipients), ("", [ANN]))
        self.assertIn(b"Subject: Returned", mail.content)
        adds_up(self.yahoo)


if __name__ == "__main__":
    unittest.main()
