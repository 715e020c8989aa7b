"""Who is let in: strangers write to yahoo.test from hosts of their own, in a private internet with a signed
root. What SPF, DKIM, DMARC and ARC, a blocklist (served by Knot) and greylisting (against a real Postfix)
make of their mail."""
import base64
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib import peers
from lib.daemon import BINARY, Daemon, certificate
from lib.dns_world import DnsWorld
from lib.netns import Network
from lib.smtp import Smtp, message
from sending import adds_up, quoted, until

BALANCED, LAX, JUNK, STRICT = (f"jerry@{name}.test" for name in ("yahoo", "lax", "junk", "strict"))


class Keys:
    """A DKIM key of bank.test, and mail signed with it; an RSA key of a forwarder, and mail sealed with it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mailwright-keys-")
        self.file = Path(self.folder.name) / "key.pem"
        self.openssl("genpkey", "-algorithm", "ed25519", "-out", str(self.file))
        public = self.openssl("pkey", "-in", str(self.file), "-pubout", "-outform", "DER")[-32:]
        self.record = f'"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"'
        self.rsa = Path(self.folder.name) / "rsa.pem"
        self.openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(self.rsa))
        text = base64.b64encode(self.openssl("pkey", "-in", str(self.rsa), "-pubout", "-outform", "DER")).decode()
        self.rsa_record = f'"v=DKIM1; p={text[:200]}" "{text[200:]}"'

    @staticmethod
    def openssl(*words):
        return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout

    def sign(self, content, domain="bank.test", selector="s"):
        plain = Path(self.folder.name) / "mail"
        plain.write_text(content, newline="")
        return subprocess.run([str(BINARY), "auth", "sign", str(plain), "--domain", domain, "--selector",
                               selector, "--key", str(self.file)], check=True,
                              capture_output=True).stdout.decode()

    def seal(self, content, domain, address, sender, zone):
        """As a forwarder does who had it from `address`, and found there what `zone` says."""
        plain, answers = Path(self.folder.name) / "mail", Path(self.folder.name) / "zone"
        plain.write_text(content, newline="")
        answers.write_text("$TTL 60\n" + "\n".join(zone) + "\n")
        return subprocess.run([str(BINARY), "auth", "seal", str(plain), "--domain", domain, "--selector", "arc",
                               "--key", str(self.rsa), "--ip", address, "--mail-from", sender, "--helo",
                               "mail.bank.test", "--authserv-id", domain, "--zone", str(answers)], check=True,
                              capture_output=True).stdout.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


class Door(unittest.TestCase):
    """A network, its DNS and the server for each class."""
    HOSTS = ("dns", "yahoo", "bank", "evil", "lists", "listed")
    TEST_CLOCK = False
    SETTINGS = """
[policy]
trusted_forwarders = ["lists.test"]
observe = ["lax.test"]
junk = ["junk.test"]
enforce = ["strict.test"]
[[blocklist]]
zone = "bl.test"
weight = 10
reply = "Listed, see http://bl.test/{address}"
[[blocklist]]
zone = "dbl.test"
weight = 10
domains = true
[[blocklist]]
zone = "nolist.test"
"""

    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(Network(*cls.HOSTS))
        cls.keys = cls.enterClassContext(Keys())
        cls.dns = cls.enterClassContext(DnsWorld(cls.zones(), host=cls.net["dns"]))
        cls.yahoo = cls.enterClassContext(cls.server())

    @classmethod
    def tearDownClass(cls):
        adds_up(cls.yahoo)

    @classmethod
    def zones(cls):
        bank, lists, listed = (cls.net[name] for name in ("bank", "lists", "listed"))
        number = {name: cls.net[name].address.rsplit(".", 1)[1] for name in cls.HOSTS}
        return {
            "bank.test": ["@ MX 10 mail", f"mail A {bank.address}", '@ TXT "v=spf1 a:mail.bank.test -all"',
                          '_dmarc TXT "v=DMARC1; p=reject"', f"s._domainkey TXT {cls.keys.record}",
                          f"s._domainkey.mail TXT {cls.keys.record}"],
            "soft.test": ['@ TXT "v=spf1 a:mail.bank.test ~all"', '_dmarc TXT "v=DMARC1; p=quarantine"'],
            "broken.test": ['@ TXT "v=spf1 include"', '_dmarc TXT "v=DMARC1; p=none"'],
            "trouble.test": ['@ TXT "v=spf1 -all"', '_dmarc TXT "v=DMARC1; p=reject"'],
            "plain.test": ["@ MX 10 mail", f"mail A {bank.address}"],
            "lists.test": [f"@ A {lists.address}", '@ TXT "v=spf1 a -all"',
                           f"arc._domainkey TXT {cls.keys.rsa_record}"],
            "dbl.test": ["spammer.test A 127.0.1.2", "test A 127.0.1.2"],
            "bl.test": [f"{number['listed']}.2.0.192 A 127.0.0.2", "2.0.0.127 A 127.0.0.2",
                        f"{number['bank']}.2.0.192 A 203.0.113.9"],
            "listed.test": [f"@ A {listed.address}", '@ TXT "v=spf1 a -all"'],
            "2.0.192.in-addr.arpa": [f"{number['bank']} PTR mail.bank.test.",
                                     f"{number['lists']} PTR lists.test.",
                                     f"{number['listed']} PTR listed.test."]}

    @classmethod
    def server(cls):
        domains = [address.split("@")[1] for address in (BALANCED, LAX, JUNK, STRICT)]
        daemon = Daemon(domains=domains, accounts=[BALANCED, LAX, JUNK, STRICT],
                        hostname="mx.yahoo.test", wrapper=cls.net["yahoo"].wrapper,
                        test_clock=cls.TEST_CLOCK)
        cert, key = certificate()
        daemon.write_config("\n".join([
            'hostname = "mx.yahoo.test"', f"state = {quoted(daemon.state)}",
            "[[listener]]", 'address = "0.0.0.0:25"', 'role = "mx"',
            "[tls]", f"certificate = {quoted(cert)}", f"key = {quoted(key)}",
            "[dns]", f"root_hints = {quoted(cls.dns.root_hints)}",
            f"trust_anchor = {quoted(cls.dns.trust_anchor)}", cls.SETTINGS]))
        return daemon

    def connect(self, host):
        with self.net[host].inside():
            smtp = Smtp(25, host=self.net["yahoo"].address, source=self.net[host].address)
        self.addCleanup(smtp.close)
        return smtp

    def send(self, host, sender, recipients, content, helo=None, code=250):
        """The reply to the end of data, or to RCPT where that is no 250."""
        recipients = [recipients] if isinstance(recipients, str) else recipients
        smtp = self.connect(host)
        smtp.ehlo(helo or {"bank": "mail.bank.test", "lists": "lists.test"}.get(host, f"{host}.test"))
        smtp.cmd(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            reply = smtp.cmd(f"RCPT TO:<{recipient}>")
            if reply.code != 250:
                self.assertEqual(reply.code, code, str(reply))
                return str(reply)
        return str(smtp.data(content, code))

    def facts(self, reply):
        """What the `received` event of a message taken says."""
        number = reply.split()[-1]
        event = next(event for event in self.yahoo.json("message", "trace", number)
                     if event["kind"] == "received")
        return event["facts"]

    def newest(self, address, folder="INBOX"):
        rows = self.yahoo.json("mailbox", "list", address, "--folder", folder)
        done = self.yahoo.run("mailbox", "show", address, str(rows[-1]["uid"]), "--folder", folder, "--raw")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, reply):
        """The line of the log that a refusal names."""
        number = re.search(r"\(([^()]+)\)$", reply).group(1)
        return self.yahoo.wait_for("message.refused", where=lambda line: line.get("id") == number)


class Authentication(Door):
    def test_what_is_signed_and_aligned_passes(self):
        content = self.keys.sign(message(sender="b@bank.test", to=BALANCED))
        reply = self.send("bank", "b@bank.test", BALANCED, content)
        facts = self.facts(reply)
        self.assertEqual(facts["spf"], "pass bank.test")
        self.assertEqual(facts["dkim"], "pass d=bank.test s=s")
        self.assertEqual(facts["dmarc"], "pass bank.test p=reject")
        mail = self.newest(BALANCED)
        self.assertRegex(mail, r"Authentication-Results: mx\.yahoo\.test;")
        self.assertIn("dmarc=pass", mail)
        line = self.yahoo.wait_for("message.accepted", where=lambda line: line["id"] == reply.split()[-1])
        self.assertEqual(line["dmarc"], "pass bank.test p=reject")

    def test_a_long_message_is_verified_while_it_streams(self):
        body = "".join(f"line {number} of many\r\n" for number in range(60_000))
        content = self.keys.sign(message(sender="b@bank.test", to=BALANCED, body=body))
        self.assertEqual(self.facts(self.send("evil", "", BALANCED, content))["dkim"],
                         "pass d=bank.test s=s")

    def test_a_forgery_is_refused_where_a_second_signal_agrees(self):
        reply = self.send("evil", "x@evil.test", BALANCED, message(sender="b@bank.test"), code=550)
        self.assertRegex(reply, r"^550 5\.7\.1 bank\.test asks to refuse .*\(\S+\)$")
        line = self.refused(reply)
        self.assertEqual(line["dmarc"], "fail bank.test p=reject")
        self.assertIn("dmarc fail bank.test", line["reason"])

    def test_spf_that_is_not_aligned_is_no_pass(self):
        reply = self.send("lists", "x@lists.test", BALANCED, message(sender="b@bank.test"))
        facts = self.facts(reply)
        self.assertEqual(facts["spf"], "pass lists.test")
        self.assertEqual(facts["dmarc"], "fail bank.test p=reject")
        self.assertIn("dmarc=fail", facts["tags"].split(", "))
        self.assertIn("b@bank.test", self.newest(BALANCED, "Junk"))

    def test_a_mailing_list_that_breaks_the_signature_is_junk(self):
        content = self.keys.sign(message(sender="b@bank.test", to="l@lists.test", subject="Cheese"))
        content = "List-Id: <l.lists.test>\r\n" + content.replace("Subject: ", "Subject: [l] ") + "--\r\nfooter\r\n"
        reply = self.send("lists", "l-bounces@lists.test", BALANCED, content)
        self.assertTrue(self.facts(reply)["dkim"].startswith("fail d=bank.test"))
        self.assertIn("[l] Cheese", self.newest(BALANCED, "Junk"))

    def test_what_a_forwarder_we_trust_says_of_it_counts(self):
        """The list breaks the signature, and vouches for what it found before it did (RFC 8617)."""
        content = message(sender="b@bank.test", to="l@lists.test", subject="[l] sealed", body="Hi\r\n--\r\nfooter\r\n")
        zone = ['bank.test. TXT "v=spf1 ip4:192.0.2.77 -all"', '_dmarc.bank.test. TXT "v=DMARC1; p=reject"']
        content = self.keys.seal(content, "lists.test", "192.0.2.77", "b@bank.test", zone)
        self.assertIn("dmarc=pass", content)
        facts = self.facts(self.send("lists", "l-bounces@lists.test", [BALANCED, STRICT], content))
        self.assertEqual((facts["dmarc"], facts["arc"]), ("fail bank.test p=reject", "pass"))
        self.assertIn("dmarc=fail-arc-trusted", facts["tags"].split(", "))
        self.assertIn("[l] sealed", self.newest(BALANCED))
        # What somebody changed behind it is nobody's word any more.
        content = content.replace("footer", "another")
        self.assertTrue(self.send("lists", "l-bounces@lists.test", STRICT, content, code=550).startswith("550 5.7.1 "))

    def test_each_recipient_domain_has_its_mind(self):
        forged = message(sender="b@bank.test", subject="forged")
        self.assertTrue(self.send("lists", "x@lists.test", STRICT, forged, code=550).startswith("550 5.7.1 "))
        self.send("evil", "x@evil.test", JUNK, forged)
        self.assertIn("forged", self.newest(JUNK, "Junk"))
        self.send("evil", "x@evil.test", LAX, forged)
        self.assertIn("forged", self.newest(LAX))
        # One message to all of them: somebody takes it, so nobody refuses it.
        self.send("evil", "x@evil.test", [STRICT, LAX], message(sender="b@bank.test", subject="to both"))
        self.assertIn("to both", self.newest(STRICT, "Junk"))
        self.assertIn("to both", self.newest(LAX))

    def test_postmaster_takes_what_others_refuse(self):
        self.send("evil", "x@evil.test", "postmaster@yahoo.test", message(sender="b@bank.test"))

    def test_quarantine_is_junk(self):
        reply = self.send("evil", "x@soft.test", BALANCED, message(sender="x@soft.test", subject="soft"))
        facts = self.facts(reply)
        self.assertEqual(facts["spf"], "softfail soft.test")
        self.assertEqual(facts["dmarc"], "fail soft.test p=quarantine")
        self.assertIn("soft", self.newest(BALANCED, "Junk"))

    def test_spf_permerror_is_written_down(self):
        reply = self.send("bank", "x@broken.test", BALANCED, message(sender="x@broken.test"))
        self.assertEqual(self.facts(reply)["spf"], "permerror broken.test")

    def test_dns_trouble_is_tagged_and_never_a_refusal(self):
        self.dns.fault("trouble.test", "servfail")
        reply = self.send("bank", "x@trouble.test", BALANCED, message(sender="x@trouble.test"))
        facts = self.facts(reply)
        self.assertEqual(facts["spf"], "temperror trouble.test")
        self.assertIn("temperror", facts["tags"].split(", "))
        reply = self.send("bank", "x@trouble.test", STRICT, message(sender="x@trouble.test"), code=451)
        self.assertRegex(reply, r"^451 4\.4\.3 .*trouble\.test.*\(\S+\)$")

    def test_results_in_our_name_are_taken_out(self):
        forged = "Authentication-Results: mx.yahoo.test; dmarc=pass header.from=plain.test\r\n"
        self.send("bank", "x@plain.test", BALANCED, message(sender="x@plain.test", subject="results", extra=forged))
        mail = self.newest(BALANCED)
        self.assertIn("Subject: results", mail)
        self.assertNotIn("header.from=plain.test", mail.split("Received:", 1)[1])

    def test_several_from_fields_are_refused_and_none_is_taken_without_a_pass(self):
        two = message(sender="b@bank.test", extra="From: <x@evil.test>\r\n")
        self.assertTrue(self.send("bank", "b@bank.test", BALANCED, two, code=550).startswith("550 5.6.0 "))
        none = message(sender="b@bank.test").replace("From:", "X-From:")
        facts = self.facts(self.send("bank", "b@bank.test", BALANCED, none))
        self.assertEqual(facts["dmarc"], "none")
        self.assertIn("no-author", facts["tags"].split(", "))

    def test_no_notice_goes_to_a_forged_sender(self):
        content = message(sender="b@bank.test", subject="dsn")
        smtp = self.connect("lists")
        smtp.ehlo("lists.test")
        smtp.cmd("MAIL FROM:<x@lists.test> RET=HDRS", 250)
        smtp.cmd(f"RCPT TO:<{BALANCED}> NOTIFY=SUCCESS,DELAY", 250)
        number = str(smtp.data(content)).split()[-1]
        self.assertIn("dsn", self.newest(BALANCED, "Junk"))
        self.assertEqual(self.yahoo.json("queue", "list"), [], number)


class Client(Door):
    def test_a_listed_client_is_refused_in_the_words_of_the_list(self):
        reply = self.send("listed", "x@listed.test", BALANCED, message(sender="x@listed.test"), code=550)
        address = self.net["listed"].address
        self.assertIn(f"550 5.7.1 Listed, see http://bl.test/{address} (", reply)
        self.assertIn("blocklist bl.test", self.refused(reply)["reason"])
        # Some only look, and postmaster can be asked why.
        self.send("listed", "x@listed.test", LAX, message(sender="x@listed.test"))
        self.send("listed", "x@listed.test", "postmaster@yahoo.test", message(sender="x@listed.test"))

    def test_a_list_of_domains_is_asked_about_helo_mail_and_from(self):
        own = message(sender="x@plain.test")
        for case in ({"sender": "x@spammer.test", "content": own},
                     {"sender": "x@plain.test", "content": own, "helo": "spammer.test"},
                     {"sender": "x@plain.test", "content": message(sender="x@spammer.test")}):
            reply = self.send("bank", recipients=BALANCED, code=550, **case)
            self.assertRegex(reply, r"^550 5\.7\.1 spammer\.test is listed by dbl\.test \(\S+\)$")
            self.assertIn("blocklist dbl.test 10.0", self.refused(reply)["reason"])
        self.send("bank", "x@plain.test", BALANCED, own)

    def test_what_is_no_answer_of_a_list_lists_nobody(self):
        facts = self.facts(self.send("bank", "x@plain.test", BALANCED, message(sender="x@plain.test")))
        self.assertNotIn("junk", facts)

    def test_a_list_that_is_not_there_is_named_in_the_log(self):
        line = self.yahoo.wait_for("door.list_dead")
        self.assertEqual((line["zone"], line["asked"]), ("nolist.test", "2.0.0.127.nolist.test"))

    def test_a_list_that_is_away_keeps_nobody_out(self):
        self.dns.fault("bl.test", "silent")
        try:
            self.send("lists", "x@lists.test", BALANCED, message(sender="x@lists.test"))
        finally:
            self.dns.heal("bl.test")

    def test_an_odd_client_goes_to_junk(self):
        reply = self.send("evil", "x@trouble.test", BALANCED, message(sender="x@plain.test", subject="odd"),
                          helo="mx.yahoo.test")
        self.assertIn("no reverse name", self.facts(reply)["junk"])
        self.assertIn("odd", self.newest(BALANCED, "Junk"))

    def test_who_talks_before_the_greeting_is_refused(self):
        with self.net["evil"].inside():
            smtp = Smtp(25, host=self.net["yahoo"].address, source=self.net["evil"].address, greet=False)
        self.addCleanup(smtp.close)
        smtp.send("EHLO evil.test\r\n" * 3)
        self.assertIn(smtp.reply().code, (220, 554))  # the greeting may have been on its way
        self.assertTrue(smtp.at_end())


class Greylisting(Door):
    SETTINGS = '[greylist]\nenabled = true\ndelay = "3s"\n'

    POSTFIX = r"""
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /peer/main.cf /etc/postfix/main.cf
mkdir -p /var/lib/postfix /var/spool/postfix/pid
cd /var/spool/postfix
mkdir -m 700 active bounce corrupt defer deferred flush hold incoming private saved trace
mkdir -m 1730 maildrop
mkdir -m 710 public
chown postfix /var/lib/postfix active bounce corrupt defer deferred flush hold incoming private saved trace
chown postfix:postdrop maildrop public
postconf -F '*/*/chroot=n'
touch /peer/log
tail -F /var/log/postfix.log > /peer/log 2> /dev/null &
/usr/lib/postfix/sbin/master -w
sendmail -f a@plain.test RECIPIENT < /peer/mail
exec sleep infinity
""".replace("RECIPIENT", BALANCED)

    def test_a_real_server_comes_back_and_is_known_then(self):
        config = ["compatibility_level = 3.6", "myhostname = mail.bank.test", "mydestination =",
                  "inet_interfaces = 127.0.0.1", "inet_protocols = ipv4", "biff = no",
                  "maillog_file = /var/log/postfix.log", "alias_maps =", "alias_database =",
                  "smtp_host_lookup = native", "smtp_dns_support_level = disabled",
                  "minimal_backoff_time = 2s", "maximal_backoff_time = 3s", "queue_run_delay = 2s",
                  f"relayhost = [{self.net['yahoo'].address}]"]
        mail = message(sender="a@plain.test", to=BALANCED, subject="grey").replace("\r\n", "\n")
        world = peers.World(peers.debian("postfix"), self.POSTFIX,
                            {"main.cf": ("\n".join(config) + "\n").encode(), "mail": mail.encode()},
                            users={"postfix": 20101, "postdrop": 20102},
                            prefix=self.net["bank"].wrapper)
        with world:
            log = world.folder / "log"
            until(lambda: log.exists() and "status=sent" in log.read_text(errors="replace"),
                  lambda: log.read_text(errors="replace") if log.exists() else world.output(), timeout=60)
            text = log.read_text(errors="replace")
        self.assertRegex(text, r"451 4\.7\.1 Not seen before, come back in \d seconds? ?")
        self.assertIn("Subject: grey", self.newest(BALANCED))
        # Known from now on, and still so after a restart.
        self.send("bank", "a@plain.test", BALANCED, message(sender="a@plain.test", subject="again"))
        self.yahoo.stop()
        self.yahoo.start()
        self.send("bank", "a@plain.test", BALANCED, message(sender="a@plain.test", subject="and again"))

    def test_whom_dmarc_vouches_for_does_not_wait(self):
        self.send("bank", "b@bank.test", BALANCED, message(sender="b@bank.test"))

    def test_a_stranger_waits(self):
        reply = self.send("evil", "x@evil.test", BALANCED, message(sender="x@evil.test"), code=451)
        self.assertRegex(reply, r"^451 4\.7\.1 Not seen before, come back in 3 seconds \(\S+\)$")
        self.assertIn("greylisted evil.test", self.refused(reply)["reason"])
        self.send("evil", "x@evil.test", "postmaster@yahoo.test", message(sender="x@evil.test"))


class Rates(Door):
    SETTINGS = "[limits]\nunknown_recipient_rate = 4\nrecipient_message_rate = 4\nsender_message_rate = 3\n"
    TEST_CLOCK = True

    def test_a_client_that_takes_its_time_uses_up_none_of_that_of_the_dns(self):
        body = "".join(f"line {number} of many\r\n" for number in range(60_000))
        content = self.keys.sign(message(sender="b@bank.test", to=STRICT, body=body), "mail.bank.test")
        smtp = self.connect("lists")
        smtp.ehlo("lists.test")
        smtp.cmd("MAIL FROM:<x@lists.test>", 250)
        smtp.cmd(f"RCPT TO:<{STRICT}>", 250)
        smtp.cmd("DATA", 354)
        half = len(content) // 2
        smtp.send(content[:half])
        self.yahoo.advance(60)
        smtp.send(content[half:] + ".\r\n")
        facts = self.facts(str(smtp.reply(250)))
        self.assertEqual(facts["dkim"], "pass d=mail.bank.test s=s")
        self.assertEqual(facts["dmarc"], "pass bank.test p=reject")

    def test_directory_harvesting_is_slowed_and_then_refused(self):
        smtp = self.connect("evil")
        smtp.ehlo("evil.test")
        smtp.cmd("MAIL FROM:<x@evil.test>", 250)
        codes = [smtp.cmd(f"RCPT TO:<user{number}@yahoo.test>").code for number in range(6)]
        self.assertEqual(codes, [550, 550, 550, 550, 450, 450])
        self.assertEqual(smtp.cmd(f"RCPT TO:<{BALANCED}>").code, 450)
        # Others are not kept from writing.
        self.send("bank", "b@bank.test", BALANCED, message(sender="b@bank.test"))

    def test_a_sender_has_its_share(self):
        smtp = self.connect("lists")
        smtp.ehlo("lists.test")
        codes = []
        for _ in range(6):
            codes.append(smtp.cmd("MAIL FROM:<s@lists.test>").code)
            smtp.cmd("RSET", 250)
        self.assertEqual(codes[:3], [250] * 3)
        self.assertIn(450, codes[3:])
        smtp.cmd("MAIL FROM:<t@lists.test>", 250)

    def test_a_flood_for_one_recipient_is_told_to_come_back(self):
        smtp = self.connect("lists")
        smtp.ehlo("lists.test")
        codes = []
        for number in range(6):
            smtp.cmd(f"MAIL FROM:<l{number}@lists.test>", 250)
            codes.append(smtp.cmd(f"RCPT TO:<{JUNK}>").code)
            smtp.cmd("RSET", 250)
        self.assertEqual(codes[:4], [250] * 4)
        self.assertIn(450, codes[4:])
