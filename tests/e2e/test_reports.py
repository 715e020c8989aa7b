"""Reports of mail in somebody's name: what others send us is read as it comes and shown; what we have seen
of others' mail is told to them when the day is over, in a private internet with a signed root."""
import email
import email.utils
import gzip
import json
import os
import subprocess
import unittest
from pathlib import Path

from lib.case import DaemonCase
from lib.daemon import ROOT, CommandFailed, Daemon, certificate
from lib.dns_world import DnsWorld
from lib.hop import Hop
from lib.netns import Network
from lib.smtp import Smtp, message
from sending import TOM, adds_up, becomes, events, quoted, sender, submit, until

BOB = "bob@away.test"
SUITES = Path(os.environ.get("MAILWRIGHT_SUITES", ROOT.parent / "shared" / "conformance"))
SAMPLES = SUITES / "mail-auth-samples"
SCHEMA = SUITES.parent / "rfc" / "draft-ietf-dmarc-aggregate-reporting.dmarc-xml-0.2.xsd"
DAY = 86_400


def crlf(path):
    return path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def complaint(about, recipient=BOB):
    """What a large provider sends when somebody presses "this is spam" (RFC 5965)."""
    header = about.split(b"\r\n\r\n", 1)[0].decode()
    return "\r\n".join([
        "From: <fbl@away.test>", "To: <abuse@gmail.test>", "Subject: complaint",
        f"Date: {email.utils.formatdate()}", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"', "",
        "--b", "Content-Type: text/plain", "", "Somebody complained.", "",
        "--b", "Content-Type: message/feedback-report", "", "Feedback-Type: abuse",
        "User-Agent: AwayFBL/1.0", "Version: 1", f"Original-Rcpt-To: <{recipient}>",
        "Reported-Domain: gmail.test", "",
        "--b", "Content-Type: text/rfc822-headers", "", header, "", "--b--", ""]).encode()


class ReportsOfOthers(DaemonCase):
    options = {"accounts": [TOM], "domains": ("gmail.test", "stalw.art"),
               "listeners": (("mx", "none"), ("relay", "none"))}

    def bring(self, content, to):
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.cmd("MAIL FROM:<noreply@away.test>", 250)
            smtp.cmd(f"RCPT TO:<{to}>", 250)
            smtp.data(content)

    def rows(self, domain):
        return self.daemon.json("report", "list", domain)

    def test_aggregate_reports_by_mail(self):
        samples = sorted((SAMPLES / "dmarc-feedback").glob("*.eml"))
        self.assertEqual(len(samples), 5)
        self.daemon.add_account("jerry@stalw.art")
        expected = {}
        for path in samples:
            self.bring(crlf(path), "postmaster@stalw.art")
            content = json.loads(path.with_suffix(".json").read_text())
            expected[content["report_metadata"]["report_id"]] = content
        rows = {row["report_id"]: row for row in self.rows("stalw.art")}
        self.assertEqual(set(rows), set(expected))
        volume = 0
        for number, content in expected.items():
            row = rows[number]
            self.assertEqual(row["organization"], content["report_metadata"]["org_name"])
            counts = [record["row"]["count"] for record in content["record"]]
            self.assertEqual(row["passed"] + row["failed"], sum(counts))
            self.assertFalse(row["authenticated"])
            volume += sum(counts)
            shown = self.daemon.json("report", "show", str(row["id"]))
            self.assertEqual(shown["content"]["report_metadata"]["report_id"], number)
        sources = self.daemon.json("report", "show", "stalw.art")
        self.assertEqual(sum(source["volume"] for source in sources), volume)
        self.assertIn("VOLUME", self.daemon.ctl("report", "show", "stalw.art"))
        # They are letters too.
        self.assertEqual(len(self.daemon.mailbox("jerry@stalw.art")), 5)
        # The same report again counts once.
        self.bring(crlf(samples[0]), "postmaster@stalw.art")
        self.assertEqual(len(self.rows("stalw.art")), 5)

    def test_tls_reports_and_complaints_by_mail(self):
        mails = {kind: sorted((SAMPLES / folder).glob("*.eml"))
                 for kind, folder in (("tls", "tlsrpt"), ("complaint", "arf"))}
        self.assertEqual({kind: len(paths) for kind, paths in mails.items()}, {"tls": 2, "complaint": 5})
        for path in (path for paths in mails.values() for path in paths):
            self.bring(crlf(path), "abuse@gmail.test")
        rows = self.daemon.json("report", "list")
        for path in mails["tls"]:
            content = json.loads(path.with_suffix(".json").read_text())
            row, = [row for row in rows if row["report_id"] == content["report-id"]]
            self.assertEqual((row["kind"], row["organization"]), ("tls", content["organization-name"]))
            shown = self.daemon.json("report", "show", str(row["id"]))["content"]
            self.assertEqual(len(shown["policies"]), len(content["policies"]))
        self.assertEqual(len([row for row in rows if row["kind"] == "complaint"]), 5)

    def test_nobody_reports_to_a_person(self):
        path = next((SAMPLES / "tlsrpt").glob("*.eml"))
        before = len(self.daemon.json("report", "list"))
        self.bring(crlf(path), TOM)
        self.assertEqual(len(self.daemon.json("report", "list")), before)

    def test_mistakes_are_told(self):
        self.assertIn("No reports about", self.daemon.ctl("report", "show", "nowhere.test"))
        with self.assertRaises(CommandFailed) as told:
            self.daemon.ctl("report", "show", "987654")
        self.assertIn("report list", str(told.exception))
        self.bring(b"Content-Type: application/gzip\r\n\r\n\x1f\x8b broken\r\n",
                   "postmaster@gmail.test")
        self.daemon.wait_for("feedback.unreadable")


class Complaints(unittest.TestCase):
    def test_a_complaint_joins_the_timeline_of_its_message(self):
        with Hop() as hop, sender({"away.test": f"smtp://127.0.0.1:{hop.port}"}) as daemon:
            number = submit(daemon, BOB, content=message(to=BOB))
            becomes(daemon, number, bob="delivered")
            report = complaint(hop.wait_for(1)[0].content)
            with daemon.connect("mx", "none") as smtp:
                smtp.ehlo()
                smtp.cmd("MAIL FROM:<fbl@away.test>", 250)
                smtp.cmd("RCPT TO:<abuse@gmail.test>", 250)
                smtp.data(report)
            event, = until(lambda: events(daemon, number, "complained"), "a complaint")
            self.assertEqual(event["recipient"], BOB)
            self.assertEqual(event["facts"]["feedback_type"], "abuse")
            row, = daemon.json("report", "list", "gmail.test")
            self.assertEqual(row["kind"], "complaint")
            adds_up(daemon)


class ReportsOfOurs(unittest.TestCase):
    """gmail.test asks for reports; yahoo.test gets mail in its name, true and forged."""

    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(Network("dns", "gmail", "yahoo", "evil"))
        gmail, yahoo = cls.net["gmail"], cls.net["yahoo"]
        cls.dns = cls.enterClassContext(DnsWorld({
            "gmail.test": ["@ MX 10 mx", f"mx A {gmail.address}", '@ TXT "v=spf1 a:mx.gmail.test -all"',
                           '_dmarc TXT "v=DMARC1; p=quarantine; '
                           'rua=mailto:dmarc@gmail.test,mailto:all@reader.test,mailto:no@stranger.test"'],
            "reader.test": ["@ MX 10 mx.gmail.test.", 'gmail.test._report._dmarc TXT "v=DMARC1"'],
            "stranger.test": ["@ MX 10 mx.gmail.test."],
            "yahoo.test": cls.base()}, host=cls.net["dns"]))
        cls.gmail = cls.enterClassContext(cls.server("gmail", ["dmarc@gmail.test", "all@reader.test",
                                                               "no@stranger.test"]))
        cls.yahoo = cls.enterClassContext(cls.server("yahoo", ["jerry@yahoo.test", "jerry@lax.test"]))

    @classmethod
    def base(cls):
        return ["@ MX 10 mx", f"mx A {cls.net['yahoo'].address}", '_dmarc TXT "v=DMARC1; p=reject"']

    def publish_keys(self):
        """What a report is signed with: that of the domain which our host lies below."""
        zone = self.yahoo.ctl("domain", "dns", "yahoo.test", "--zone").splitlines()
        self.dns.set("yahoo.test", self.base() + [line for line in zone if "_domainkey" in line])
        until(lambda: {row["verdict"] for row in self.yahoo.json("domain", "dns", "yahoo.test")
                       if row["what"] == "DKIM"} == {"ok"}, "keys in the DNS")

    @classmethod
    def server(cls, host, accounts):
        domains = list(dict.fromkeys(account.split("@")[1] for account in accounts))
        daemon = Daemon(domains=domains, accounts=accounts, hostname=f"mx.{domains[0]}",
                        wrapper=cls.net[host].wrapper, test_clock=True)
        cert, key = certificate()
        daemon.write_config("\n".join([
            f'hostname = "mx.{domains[0]}"', f"state = {quoted(daemon.state)}",
            "[[listener]]", 'address = "0.0.0.0:25"', 'role = "mx"', 'tls = "starttls"',
            "[tls]", f"certificate = {quoted(cert)}", f"key = {quoted(key)}",
            "[policy]", 'observe = ["lax.test"]',
            "[dns]", f"root_hints = {quoted(cls.dns.root_hints)}",
            f"trust_anchor = {quoted(cls.dns.trust_anchor)}", ""]))
        return daemon

    def bring(self, host, to="jerry@yahoo.test"):
        with self.net[host].inside():
            smtp = Smtp(25, host=self.net["yahoo"].address, source=self.net[host].address)
        with smtp:
            smtp.ehlo(f"{host}.test")
            smtp.cmd(f"MAIL FROM:<{TOM}>", 250)
            smtp.cmd(f"RCPT TO:<{to}>", 250)
            smtp.data(message(sender=TOM, to=to))

    def test_the_day_is_told_when_it_is_over(self):
        self.bring("gmail")
        self.bring("gmail")
        self.bring("evil")
        self.bring("evil", to="jerry@lax.test")
        self.publish_keys()
        self.gmail.advance(DAY)  # it would not believe a signature of tomorrow
        self.yahoo.advance(DAY)
        row, = until(lambda: self.gmail.json("report", "list", "gmail.test"),
                     lambda: "a report\n" + "\n".join(self.yahoo.raw_log[-30:]))
        self.assertEqual((row["kind"], row["organization"]), ("dmarc", "mx.yahoo.test"))
        self.assertEqual((row["passed"], row["failed"]), (2, 2))
        self.assertTrue(row["authenticated"])
        sources = {source["source"]: source for source in self.gmail.json("report", "show", "gmail.test")}
        self.assertEqual(sources[self.net["gmail"].address]["passed"], 2)
        self.assertEqual(sources[self.net["evil"].address]["failed"], 2)
        # It is read by those who asked, and only by them.
        until(lambda: self.gmail.mailbox("all@reader.test"), "the other reader's copy")
        self.assertEqual(self.gmail.mailbox("no@stranger.test"), [])
        self.check_schema(self.gmail.mail("dmarc@gmail.test", 1))

    def check_schema(self, raw):
        mail = email.message_from_bytes(raw)
        self.assertEqual({field.split("a=", 1)[1].split(";")[0] for field in mail.get_all("DKIM-Signature")},
                         {"rsa-sha256", "ed25519-sha256"})
        attachment, = [part for part in mail.walk()
                       if part.get_content_type() == "application/gzip"]
        name = attachment.get_filename()
        self.assertTrue(name.startswith("mx.yahoo.test!gmail.test!") and name.endswith(".xml.gz"), name)
        xml = gzip.decompress(attachment.get_payload(decode=True))
        checked = subprocess.run(["xmllint", "--noout", "--schema", str(SCHEMA), "-"], input=xml,
                                 capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stderr.decode() + xml.decode())
        self.assertIn(b"<disposition>quarantine</disposition>", xml)
        self.assertIn(b"<disposition>pass</disposition>", xml)
        self.assertRegex(xml, rb"(?s)<disposition>none</disposition>.*<type>local_policy</type>")


if not SAMPLES.is_dir() and os.environ.get("MAILWRIGHT_LEAVE_OUT"):
    del ReportsOfOthers, ReportsOfOurs  # the suites are not here, as tools/test has said
