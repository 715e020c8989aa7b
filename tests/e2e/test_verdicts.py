"""Each word that SPF and DMARC have, and the answers behind them, by the resolver of the server in a private
internet with a signed root; a DNS list that Debian's rbldnsd serves."""
from lib.neighbours import rbldnsd
from lib.smtp import message
from test_door import BALANCED, Door


def strings(text):
    return " ".join(f'"{text[at:at + 200]}"' for at in range(0, len(text), 200))


class Verdicts(Door):
    HOSTS = ("dns", "yahoo", "bank", "evil", "lists", "listed", "list")
    # A list as most are served: in a zone that is not signed (RFC 5782).
    SETTINGS = '[[blocklist]]\nzone = "rbl.test"\nweight = 10\n'

    @classmethod
    def zones(cls):
        address = cls.net["list"].address
        cls.enterClassContext(rbldnsd(cls.net["list"], "rbl.test", [cls.net["listed"].address]))
        many = " ".join(f"a:h{number}.many.test" for number in range(2000))
        hosts = [f"h{number} A 203.0.113.1" for number in range(50)]
        loop = [f"t{n} TXT \"v=spf1 include:t{n + 1}.loop.test include:t{n + 2}.loop.test +all\"" for n in range(20)]
        return {**super().zones(), "test": ["rbl NS ns.rbl", f"ns.rbl A {address}"],
                "neutral.test": ['@ TXT "v=spf1 ?all"'],
                "loop.test": ['@ TXT "v=spf1 include:loop.test +all"', *loop],
                "turn.test": ['@ TXT "v=spf1 redirect=turn.test"'],
                "alias.test": ["one CNAME two", "two CNAME one", "_dmarc.plain CNAME _dmarc.plain"],
                "many.test": [f"@ TXT {strings(f'v=spf1 {many} +all')}", *hosts]}

    def spf(self, domain, host="evil"):
        """What is found of SPF for mail of a domain without a policy of DMARC."""
        sender = f"x@{domain}"
        return self.facts(self.send(host, sender, BALANCED, message(sender="a@plain.test", subject=domain)))["spf"]

    def test_pass(self):
        self.assertEqual("pass lists.test", self.spf("lists.test", "lists"))

    def test_softfail(self):
        self.assertEqual("softfail soft.test", self.spf("soft.test"))

    def test_neutral(self):
        self.assertEqual("neutral neutral.test", self.spf("neutral.test"))

    def test_none(self):
        self.assertEqual("none plain.test", self.spf("plain.test"))

    def test_permerror(self):
        for domain in ("broken.test", "loop.test", "t0.loop.test", "turn.test", "many.test"):
            with self.subTest(domain=domain):
                self.assertEqual(f"permerror {domain}", self.spf(domain))
        # Ten look-ups at most, whatever the record says (RFC 7208 §4.6.4).
        asked = [number for number in range(50) if "A" in self.dns.questions(f"h{number}.many.test")]
        self.assertEqual(list(range(10)), asked)

    def test_temperror(self):
        self.assertEqual("temperror one.alias.test", self.spf("one.alias.test"))  # CNAMEs without an end
        self.dns.fault("soft.test", "servfail")
        try:
            self.assertEqual("temperror x.soft.test", self.spf("x.soft.test"))
        finally:
            self.dns.heal("soft.test")

    def test_fail_alone_is_no_reason_to_refuse(self):
        """Forwarded by somebody who keeps the sender: SPF fails, the signature of the author stands."""
        content = self.keys.sign(message(sender="b@bank.test", to=BALANCED, subject="forwarded"))
        facts = self.facts(self.send("lists", "b@bank.test", BALANCED, content))
        self.assertEqual(("fail bank.test", "pass d=bank.test s=s", "pass bank.test p=reject"),
                         (facts["spf"], facts["dkim"], facts["dmarc"]))
        self.assertIn("Subject: forwarded", self.newest(BALANCED))

    def test_fail_without_a_signature_is_refused_where_the_domain_asks_for_it(self):
        reply = self.send("evil", "b@bank.test", BALANCED, message(sender="b@bank.test"), code=550)
        self.assertRegex(reply, r"^550 5\.7\.1 bank\.test asks to refuse ")
        line = self.refused(reply)
        self.assertEqual(("fail bank.test", "fail bank.test p=reject"), (line["spf"], line["dmarc"]))

    def test_who_is_listed_is_refused_and_nobody_else(self):
        reply = self.send("listed", "x@listed.test", BALANCED, message(sender="x@listed.test"), code=550)
        self.assertTrue(reply.startswith("550 5.7.1 "), reply)
        self.assertIn("rbl.test", reply)
        self.assertIn("blocklist rbl.test", self.refused(reply)["reason"])
        facts = self.facts(self.send("lists", "x@lists.test", BALANCED, message(sender="x@lists.test")))
        self.assertEqual(("pass lists.test", None), (facts["spf"], facts.get("junk")))
