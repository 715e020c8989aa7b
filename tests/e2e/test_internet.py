"""Two organisations and the DNS between them: gmail.test and yahoo.test, each with a Mailwright on a host
of its own, in a private internet with a signed root. Tom writes to Jerry, and Jerry's host does all
that hosts do."""
import time
import unittest

from lib.daemon import Daemon, certificate, toml
from lib.dns_world import DnsWorld
from lib.hop import Hop
from lib.netns import Network
from lib.smtp import Smtp, message
from sending import (QUICK, adds_up, becomes, events, notice_to, quoted, states, until, waits)

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"
FAULTS = ("servfail", "refused", "silent", "bogus")


class Internet(unittest.TestCase):
    """A network, its DNS and two servers for each class."""
    HOSTS = ("dns", "gmail", "yahoo", "other")

    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(Network(*cls.HOSTS))
        cls.dns = cls.enterClassContext(DnsWorld(cls.zones(), host=cls.net["dns"]))
        cls.gmail = cls.enterClassContext(cls.server("gmail", [TOM], "gmail.test"))
        cls.yahoo = cls.enterClassContext(cls.server("yahoo", [JERRY], "yahoo.test"))

    @classmethod
    def zones(cls):
        gmail, yahoo, other = (cls.net[name] for name in ("gmail", "yahoo", "other"))
        zones = {"gmail.test": ["@ MX 10 mx", f"mx A {gmail.address}"],
                 "yahoo.test": ["@ MX 10 mx", f"mx A {yahoo.address}", f"mx AAAA {yahoo.address6}"],
                 "second.test": ["@ MX 10 dead", "@ MX 20 mx", "dead A 192.0.2.250",
                                 f"mx A {other.address}"],
                 "plain.test": [f"@ A {other.address}"],
                 "null.test": ["@ MX 0 ."],
                 "loop.test": ["@ MX 10 mx", f"mx A {gmail.address}"]}
        zones["quiet.test"] = ["@ A 192.0.2.250"]
        zones["twin.test"] = ["@ MX 10 mx.other.test."]
        for domain in ("other.test", *(f"{kind}.test" for kind in FAULTS)):
            zones[domain] = ["@ MX 10 mx", f"mx A {other.address}"]
        return zones

    @classmethod
    def server(cls, host, accounts, domain, routes=None):
        """A daemon on all addresses of a host: port 25 for the world, 2525 for its own people."""
        daemon = Daemon(domains=[domain], accounts=accounts, hostname=f"mx.{domain}",
                        wrapper=cls.net[host].wrapper)
        rows = {"*": "mx", **(routes or {})}
        text = [f'hostname = "mx.{domain}"', f"state = {quoted(daemon.state)}"]
        for address, role, tls in (("0.0.0.0:25", "mx", "starttls"), ("[::]:25", "mx", "starttls"),
                                   ("127.0.0.1:2525", "relay", "none")):
            text += ["[[listener]]", f'address = "{address}"', f'role = "{role}"', f'tls = "{tls}"']
            if tls == "none":
                text.append("insecure_auth = true")
        cert, key = certificate()
        text += ["[tls]", f"certificate = {quoted(cert)}", f"key = {quoted(key)}",
                 "[relay]", 'networks = ["127.0.0.0/8"]', "[routes]"]
        text += [f"{quoted(name)} = {toml(to)}" for name, to in rows.items()]
        text += [QUICK, 'connect_timeout = "1s"', "[dns]", f"root_hints = {quoted(cls.dns.root_hints)}",
                 f"trust_anchor = {quoted(cls.dns.trust_anchor)}", ""]
        daemon.write_config("\n".join(text))
        return daemon

    def submit(self, recipients, sender=TOM, content=None, parameters="", host="gmail"):
        recipients = [recipients] if isinstance(recipients, str) else recipients
        with self.net[host].inside():
            smtp = Smtp(2525)
        with smtp:
            smtp.ehlo()
            smtp.cmd(f"MAIL FROM:<{sender}>{parameters}", 250)
            for recipient in recipients:
                smtp.cmd(f"RCPT TO:<{recipient}>", 250)
            reply = smtp.data(content or message(to=recipients[0], sender=sender))
        return reply.text.split()[-1]

    def hop(self, host, **options):
        """A scripted server on port 25 of a host."""
        with self.net[host].inside():
            return self.enterContext(Hop(port=25, address="0.0.0.0", **options))

    def reason(self, number):
        """Why the first try of a message did not deliver it; it must still wait."""
        fact, *_ = until(lambda: events(self.gmail, number, "deferred"),
                         lambda: self.gmail.ctl("message", "trace", number), timeout=120)
        self.assertEqual(set(states(self.gmail, number).values()), {"deferred"})
        self.assertEqual([row["id"] for row in waits(self.gmail, number)], [number])
        return fact["facts"]["reply"]


class ByMx(Internet):
    def test_tom_to_jerry_under_tls_and_back(self):
        before = len(self.yahoo.mailbox(JERRY))
        number = self.submit(JERRY)
        becomes(self.gmail, number, jerry="delivered")
        rows = self.yahoo.mailbox(JERRY)
        self.assertEqual(len(rows), before + 1)
        mail = self.yahoo.mail(JERRY, rows[-1]["uid"]).decode()
        self.assertIn("Return-Path: <tom@gmail.test>", mail)
        self.assertIn("Received: from mx.gmail.test", mail)
        fact, = events(self.gmail, number, "delivered")
        self.assertEqual(fact["facts"]["host"], "mx.yahoo.test")
        self.assertTrue(fact["facts"]["tls"].startswith("TLSv1."), fact)
        adds_up(self.gmail)
        adds_up(self.yahoo)

    def test_unknown_user_comes_back_to_tom(self):
        before = len(self.gmail.mailbox(TOM))
        number = self.submit("nobody@yahoo.test")
        becomes(self.gmail, number, nobody="bounced")
        notice = notice_to(self.gmail, TOM, before + 1).decode()
        self.assertIn("Status: 5.1.1", notice)
        self.assertIn("nobody@yahoo.test", notice)
        self.assertIn("mx.yahoo.test", notice)
        adds_up(self.gmail)

    def test_several_recipients_on_several_hosts(self):
        hop = self.hop("other")
        hop.on["RCPT"] = lambda line, _: "550 5.1.1 no" if "ann@" in line else None
        before = len(self.gmail.mailbox(TOM))
        number = self.submit([JERRY, "bob@other.test", "ann@other.test", TOM])
        becomes(self.gmail, number, jerry="delivered", bob="delivered", ann="bounced",
                tom="delivered")
        self.assertEqual(hop.wait_for(1)[0].recipients, ["bob@other.test"])
        notice = notice_to(self.gmail, TOM, before + 2).decode()
        self.assertIn("ann@other.test", notice)
        adds_up(self.gmail)

    def test_domains_with_the_same_hosts_share_a_transaction(self):
        hop = self.hop("other")
        both = ["bob@other.test", "joe@twin.test"]
        for one in both:  # now their hosts are known
            becomes(self.gmail, self.submit(one), **{one.split("@")[0]: "delivered"})
        number = self.submit(both)
        becomes(self.gmail, number, bob="delivered", joe="delivered")
        self.assertEqual(set(hop.wait_for(3)[2].recipients), set(both))
        self.assertEqual(len(hop.mails), 3)
        adds_up(self.gmail)

    def test_the_peer_is_down_then_up(self):
        number = self.submit("bob@other.test")  # nobody listens there
        self.assertIn("refused", self.reason(number).lower())
        hop = self.hop("other")
        becomes(self.gmail, number, bob="delivered")
        self.assertEqual(len(hop.wait_for(1)), 1)
        adds_up(self.gmail)

    def test_the_next_host_when_the_first_is_down(self):
        hop = self.hop("other")
        number = self.submit("bob@second.test")
        self.assertEqual(hop.wait_for(1)[0].recipients, ["bob@second.test"])
        becomes(self.gmail, number, bob="delivered")

    def test_a_domain_without_mx_takes_mail_at_its_address(self):
        hop = self.hop("other")
        becomes(self.gmail, self.submit("bob@plain.test"), bob="delivered")
        self.assertEqual(len(hop.mails), 1)

    def test_explain_shows_what_the_dns_says(self):
        way, = self.gmail.json("explain", TOM, JERRY)["ways"]
        self.assertEqual(way["route"], "mx")
        self.assertTrue(way["secure"], way)
        host, = way["hosts"]
        self.assertEqual(host["name"], "mx.yahoo.test")
        self.assertEqual(host["preference"], 10)
        self.assertEqual(set(host["addresses"]),
                         {self.net["yahoo"].address, self.net["yahoo"].address6})
        self.assertIn("mx.yahoo.test", self.gmail.ctl("explain", TOM, JERRY))


class WhatDnsSays(Internet):
    def test_null_mx_comes_back_at_once(self):
        before = len(self.gmail.mailbox(TOM))
        number = self.submit("bob@null.test")
        becomes(self.gmail, number, bob="bounced")
        self.assertIn("5.1.10", notice_to(self.gmail, TOM, before + 1).decode())
        adds_up(self.gmail)

    def test_a_domain_that_is_not_there_comes_back_at_once(self):
        number = self.submit("bob@nowhere.yahoo.test")
        becomes(self.gmail, number, bob="bounced")
        adds_up(self.gmail)

    def test_a_loop_to_ourselves_comes_back(self):
        number = self.submit("bob@loop.test")
        becomes(self.gmail, number, bob="bounced")
        self.assertEqual(events(self.gmail, number, "bounced")[0]["facts"]["status"], "5.4.6")

    def fault(self, kind):
        domain = f"{kind}.test"
        self.dns.fault(domain, kind)
        hop = self.hop("other")
        number = self.submit(f"bob@{domain}")
        reason = self.reason(number)
        self.assertEqual(hop.connections, 0)
        self.dns.heal(domain)
        becomes(self.gmail, number, bob="delivered", timeout=120)  # bogus answers are remembered
        self.assertEqual(len(hop.mails), 1)
        adds_up(self.gmail)
        return reason

    def test_servfail_waits(self):
        self.fault("servfail")

    def test_refused_waits(self):
        self.fault("refused")

    def test_silence_waits(self):
        self.fault("silent")

    def test_bogus_waits(self):
        self.fault("bogus")

    def test_who_stops_does_not_wait_for_dns_that_is_silent(self):
        self.dns.fault("quiet.test", "silent")
        try:
            number = self.submit("bob@quiet.test")
            until(lambda: self.dns.questions("quiet.test"), "a question")
            begin = time.monotonic()
            self.gmail.stop()
            took = time.monotonic() - begin
        finally:
            self.dns.heal("quiet.test")
            self.gmail.start()
        self.assertLess(took, 12)  # a question may take 20 s
        self.assertEqual(events(self.gmail, number, "deferred"), [], "it was no fault of the domain's")
        # Not while it is being sent, which it may be as soon as it has started.
        until(lambda: self.gmail.run("queue", "bounce", number).returncode == 0, "it is bounced")

    def test_an_unplugged_host_is_tried_again(self):
        self.net.unplug("other")
        try:
            number = self.submit("bob@plain.test")
            self.reason(number)
        finally:
            self.net.plug("other")
        hop = self.hop("other")
        self.gmail.run("queue", "retry", number)
        becomes(self.gmail, number, bob="delivered")
        self.assertEqual(len(hop.mails), 1)
        adds_up(self.gmail)


class Smarthost(Internet):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Gmail's mail for other.test goes through yahoo's submission port, with Jerry's login.
        secret = cls.gmail.folder / "secret"
        secret.write_text(f"secret of {JERRY}\n")
        secret.chmod(0o600)
        text = cls.yahoo.config.read_text()
        cls.yahoo.config.write_text(text.replace(
            "[tls]", '[[listener]]\naddress = "0.0.0.0:587"\nrole = "submission"\n[tls]', 1))
        cls.yahoo.restart()
        cls.yahoo.ctl("account", "grant", JERRY, TOM)
        route = toml({"to": f"smtp://{cls.net['yahoo'].address}:587", "login": JERRY,
                      "password_file": str(secret), "tls": "require"})
        text = cls.gmail.config.read_text()
        cls.gmail.config.write_text(text.replace("[routes]", f'[routes]\n"other.test" = {route}', 1))
        cls.gmail.restart()

    def test_mail_goes_through_it_after_login(self):
        hop = self.hop("other")
        number = self.submit("bob@other.test")
        becomes(self.gmail, number, bob="delivered")
        mail, = hop.wait_for(1)
        self.assertEqual(mail.helo, "mx.yahoo.test")
        self.assertIn(b"with ESMTPSA", mail.content)
        adds_up(self.gmail)
        adds_up(self.yahoo)


if __name__ == "__main__":
    unittest.main()
