"""Signatures, ARC chains and SPF: what we make others take, what they make we take, and we agree on the rest.

The others: python3-dkim, python3-spf and opendkim of Debian, mailauth of npm."""
import base64
import json
import os
import re
import string
import subprocess
from pathlib import Path

from lib import peers
from lib.authmail import MAIL, AuthCase
from lib.daemon import DEADLINE, ROOT

TREE = ("python3-dkim", "python3-spf", "python3-yaml")
OPENDKIM = ("opendkim", "opendkim-tools")
MAILAUTH = "4.8.2"
HOPS = ("one.hop.test", "two.hop.test", "three.hop.test")
SUITES = Path(os.environ.get("MAILWRIGHT_SUITES", ROOT.parent / "shared" / "conformance"))
NODE = r"""
const { authenticate, sealMessage } = require('mailauth');
const { dkimSign } = require('mailauth/lib/dkim/sign');
const jobs = JSON.parse(require('fs').readFileSync(0));
const none = name => Object.assign(new Error('no ' + name), { code: 'ENOTFOUND' });
async function run(job) {
  const mail = Buffer.from(job.mail, 'base64');
  const resolver = async (name, type) => {
    if (type === 'TXT' && name in job.txt) return [[job.txt[name]]];
    throw none(name);
  };
  if (job.do === 'sign') {
    const done = await dkimSign(mail, { canonicalization: job.canon,
      signatureData: [{ signingDomain: job.domain, selector: 's', privateKey: Buffer.from(job.key, 'base64') }] });
    if (done.errors.length) throw done.errors[0].err;
    return Buffer.from(done.signatures).toString('base64');
  }
  const found = await authenticate(mail, { ip: '192.0.2.1', helo: 'mail.one.test', mta: 'mx.peer.test',
    sender: 'tom@one.test', resolver, disableBimi: true });
  if (job.do === 'verify') {
    return { dkim: found.dkim.results.map(one => one.status.result), spf: found.spf.status.result,
             dmarc: found.dmarc && found.dmarc.status.result, arc: found.arc.status.result };
  }
  const set = await sealMessage(mail, { signingDomain: job.domain, selector: 's',
    privateKey: Buffer.from(job.key, 'base64'), authResults: found.arc.authResults, cv: found.arc.status.result });
  return set.toString('base64');
}
(async () => console.log(JSON.stringify(await Promise.all(jobs.map(run)))))().catch(error => {
  console.error(error); process.exit(1);
});
"""


def coded(octets):
    return base64.b64encode(octets).decode()


class PeerAuthCase(AuthCase):
    def txt_map(self):
        return {name: "".join(all_of) for name, all_of in self.texts.items()}

    def python(self, *jobs):
        """The answers of auth_peer.py."""
        full = [{"txt": self.txt_map(), **job} for job in jobs]
        done = peers.run_in(peers.debian(*TREE), "python3 /peer/script /peer/jobs 2>/peer/errors || "
                            "{ cat /peer/errors; exit 1; }",
                            {"jobs": json.dumps(full).encode(),
                             "script": (Path(__file__).parent / "auth_peer.py").read_bytes()})
        self.assertEqual(0, done.returncode, peers.text_of(done.stdout))
        return json.loads(done.stdout)

    def mailauth(self, *jobs):
        full = [{"txt": self.txt_map(), **job} for job in jobs]
        done = subprocess.run(["node", "-e", NODE], input=json.dumps(full).encode(), capture_output=True,
                              cwd=peers.npm("mailauth", MAILAUTH), timeout=DEADLINE * 3)
        self.assertEqual(0, done.returncode, peers.text_of(done.stderr))
        return json.loads(done.stdout)

    def opendkim(self, script, **files):
        done = peers.run_in(peers.debian(*OPENDKIM), script, files)
        self.assertEqual(0, done.returncode, peers.text_of(done.stdout))
        return done.stdout


# Bodies and headers that canonicalisation has to get right.
NO_END = "no final line end"  # which opendkim's own reader of files does not take
MAILS = {
    "plain": MAIL,
    "folds and blanks": MAIL.replace(b"Subject: Hello", b"Subject:  Hello \t\r\n\t there  ").replace(
        b"Hello Jerry\r\n", b"Hello  Jerry \t\r\n\r\n \t\r\n"),
    "no body": MAIL[:MAIL.index(b"\r\n\r\n") + 4],
    "empty lines only": MAIL[:MAIL.index(b"\r\n\r\n") + 4] + b"\r\n\r\n\r\n",
    NO_END: MAIL + b"the end",
    "eight bit": MAIL.replace(b"Hello\r\n", b"H\xc3\xa9llo\r\n") + "Grüße\r\n".encode(),
    "two of a field": b"Received: a\r\nReceived: b\r\n" + MAIL.replace(b"To: ", b"Cc: x@y.test\r\nTo: "),
    "long": MAIL + b"0123456789abcdef\r\n" * 20000,
}


class OurSignatures(PeerAuthCase):
    def setUp(self):
        super().setUp()
        self.rsa, self.ed = self.key("r"), self.key("e", "ed25519")
        self.publish("one.test", "v=spf1 ip4:192.0.2.1 -all")
        self.publish("_dmarc.one.test", "v=DMARC1; p=reject")
        self.signed = {name: self.sign(mail, ("r", self.rsa), ("e", self.ed)) for name, mail in MAILS.items()}
        self.changed = self.signed["plain"].replace(b"Hello Jerry", b"Hello Spike")

    def test_python3_dkim_takes_them(self):
        names = list(self.signed)
        answers = self.python(*({"do": "verify_dkim", "mail": coded(self.signed[name])} for name in names),
                              {"do": "verify_dkim", "mail": coded(self.changed)})
        self.assertEqual({name: [True, True] for name in names}, dict(zip(names, answers)))
        self.assertNotIn(True, answers[-1])

    def test_mailauth_takes_them(self):
        names = list(self.signed)
        answers = self.mailauth(*({"do": "verify", "mail": coded(self.signed[name])} for name in names),
                                {"do": "verify", "mail": coded(self.changed)})
        for name, answer in zip(names, answers):
            self.assertEqual({"dkim": ["pass", "pass"], "spf": "pass", "dmarc": "pass", "arc": "none"},
                             answer, name)
        self.assertNotIn("pass", answers[-1]["dkim"])

    def test_opendkim_takes_them(self):
        mails = [mail for name, mail in self.signed.items() if name != NO_END] + [self.changed]
        files = {f"{at}.eml": mail for at, mail in enumerate(mails)}
        keys = "".join(f"{name} {text}\n" for name, text in self.txt_map().items() if "_domainkey" in name)
        # It says what it finds of one signature, the first that passes.
        output = self.opendkim("for file in /peer/*.eml; do opendkim -x /peer/conf -v -t $file; done",
                               conf=b"TestDNSData file:/peer/keys\nMode v\nSyslog no\n",
                               keys=keys.encode(), **files)
        lines = [line for line in output.decode().splitlines() if ".eml: verification" in line]
        self.assertEqual(len(files), len(lines), output.decode())
        for line in lines[:-1]:
            self.assertIn("succeeded", line)
        self.assertIn("failed", lines[-1])


class TheirSignatures(PeerAuthCase):
    CANONS = ("relaxed/relaxed", "simple/simple", "relaxed/simple", "simple/relaxed")

    def setUp(self):
        super().setUp()
        self.rsa, self.ed = self.key("s"), self.key("s", "ed25519", domain="ed.one.test")
        self.publish("_dmarc.one.test", "v=DMARC1; p=reject")

    def take(self, mail):
        found = self.check(mail, mail_from="x@two.test")
        self.assertEqual(["pass"], [one["result"] for one in found["dkim"]], found)
        self.assertEqual("pass", found["dmarc"]["result"])
        found = self.check(mail + b"more\r\n", mail_from="x@two.test")
        self.assertEqual(["fail"], [one["result"] for one in found["dkim"]], found)
        self.assertEqual("fail", found["dmarc"]["result"])

    def each(self, ask, do):
        jobs = [{"do": do, "mail": coded(mail), "canon": canon, "domain": domain, "key": coded(key),
                 "algorithm": algorithm}
                for name, mail in MAILS.items() if name != "long" for canon in self.CANONS
                for domain, key, algorithm in self.keys()]
        for job, field in zip(jobs, ask(*jobs)):
            if field is None:
                continue
            with self.subTest(mail=base64.b64decode(job["mail"]), canon=job["canon"], domain=job["domain"]):
                self.take(base64.b64decode(field) + base64.b64decode(job["mail"]))

    def keys(self):
        return (("one.test", self.rsa.path.read_bytes(), "rsa-sha256"),
                ("ed.one.test", self.ed.path.read_bytes(), "ed25519-sha256"))

    def test_python3_dkim(self):
        pem = self.keys()
        self.keys = lambda: (pem[0], ("ed.one.test", self.ed.seed(), "ed25519-sha256"))
        self.each(self.python, "sign_dkim")

    def test_python3_dkim_in_u_labels(self):
        """RFC 8616 §5: d= and s= as the header has them, the key where A-labels lead."""
        key = self.key("xn--schlssel-95a", domain="xn--bcher-kva.test")
        self.publish("_dmarc.xn--bcher-kva.test", "v=DMARC1; p=reject")
        mail = MAIL.replace(b"tom@one.test", "jörg@bücher.test".encode())
        for domain, selector in (("bücher.test", "schlüssel"), ("BÜCHER.test", "xn--schlssel-95a")):
            field, = self.python({"do": "sign_dkim", "mail": coded(mail), "canon": "relaxed/relaxed",
                                  "domain": domain, "selector": selector, "key": coded(key.path.read_bytes()),
                                  "algorithm": "rsa-sha256"})
            self.assertIn(f"d={domain};".encode(), base64.b64decode(field))
            self.take(base64.b64decode(field) + mail)

    def test_mailauth(self):
        def sign(*jobs):
            fields = self.mailauth(*jobs)
            signed = [base64.b64decode(field) + base64.b64decode(job["mail"]) for job, field in zip(jobs, fields)]
            verdicts = self.mailauth(*({"do": "verify", "mail": coded(mail)} for mail in signed))
            # One in some hundreds it refuses itself, and so does python3-dkim.
            good = [field if verdict["dkim"] == ["pass"] else None for field, verdict in zip(fields, verdicts)]
            self.assertLessEqual(good.count(None), 2)
            return good
        self.each(sign, "sign")

    def test_opendkim(self):
        # Nor does it keep the blanks that a simple header is signed with.
        mails = [mail for name, mail in MAILS.items() if name not in ("long", NO_END, "folds and blanks")]
        files = {f"{at}.eml": mail for at, mail in enumerate(mails)}
        for canon in self.CANONS:
            # What it would insert as a milter; LF ends the lines of its folds.
            output = self.opendkim(
                "chmod 600 /peer/key; for file in /peer/*.eml; do opendkim -x /peer/conf -vvv -b s -d one.test "
                f"-k /peer/key -s s -S rsa-sha256 -c {canon} -t $file; done",
                conf=b"Mode s\nSyslog no\n", key=self.rsa.path.read_bytes(), **files)
            values = re.findall(rb"### INSHEADER: idx=\d+ hname='DKIM-Signature' hvalue='([^']*)'", output)
            self.assertEqual(len(mails), len(values), peers.text_of(output))
            for mail, value in zip(mails, values):
                with self.subTest(canon=canon, mail=mail):
                    self.take(b"DKIM-Signature: " + value.replace(b"\n", b"\r\n") + b"\r\n" + mail)


class Chains(PeerAuthCase):
    """Three hops, each sealed by another program; after each all agree, also once the body was changed."""

    def setUp(self):
        super().setUp()
        self.publish("one.test", "v=spf1 ip4:192.0.2.1 -all")
        self.keys = {hop: self.key("s", domain=hop) for hop in HOPS}
        origin = self.key("s")
        self.mail = self.sign(MAIL, ("s", origin))

    def ours(self, mail, hop):
        return self.seal(mail, "s", self.keys[hop], hop, hop)

    def theirs(self, mail, hop):
        """python3-dkim seals what a field of that hop says."""
        results = self.check(mail)["authentication_results"]
        parts = [part.strip() for part in results.split(";")]
        methods = "; ".join(part for part in parts if part.startswith(("dkim=", "arc=")))
        mail = f"Authentication-Results: {hop}; {methods}\r\n".encode() + mail
        fields = self.python({"do": "seal_arc", "mail": coded(mail), "domain": hop, "id": hop,
                              "key": coded(self.keys[hop].path.read_bytes())})[0]
        self.assertTrue(fields, "python3-dkim made no set")
        return base64.b64decode(fields) + mail

    def mailauths(self, mail, hop):
        fields = self.mailauth({"do": "seal", "mail": coded(mail), "domain": hop,
                                "key": coded(self.keys[hop].path.read_bytes())})[0]
        return base64.b64decode(fields) + mail

    def all_say(self, wanted, mail):
        found = self.check(mail)
        self.assertEqual(wanted, found["arc"]["result"], found)
        self.assertEqual([wanted], self.python({"do": "verify_arc", "mail": coded(mail)}))
        self.assertEqual(wanted, self.mailauth({"do": "verify", "mail": coded(mail)})[0]["arc"])

    def run_hops(self, *sealers):
        mail = self.mail
        self.all_say("none", mail)
        for hop, sealer in zip(HOPS, sealers):
            mail = sealer(mail, hop)
            self.all_say("pass", mail)
        self.all_say("fail", mail.replace(b"Hello Jerry", b"Hello Spike"))
        self.all_say("fail", mail.replace(b"cv=none", b"cv=pass"))

    def test_we_they_we(self):
        self.run_hops(self.ours, self.theirs, self.ours)

    def test_they_we_they(self):
        self.run_hops(self.theirs, self.ours, self.theirs)

    def test_mailauth_among_us(self):
        self.run_hops(self.mailauths, self.ours, self.mailauths)

    def test_we_alone(self):
        self.run_hops(self.ours, self.ours, self.ours)


class SpfSuite(PeerAuthCase):
    """The suite of RFC 7208 through the command, and python3-spf beside it."""

    def scenarios(self):
        """[{"tests": {...}, "zonedata": {...}}], read by the YAML of the peer."""
        script = ("python3 -c 'import json, sys, yaml\n"
                  "class L(yaml.SafeLoader): pass\n"
                  "print(json.dumps(list(yaml.load_all(open(\"/peer/suite\", \"rb\"), L)), default=str))'")
        suite = (SUITES / "spf-rfc7208" / "rfc7208-tests.yml").read_bytes()
        done = peers.run_in(peers.debian(*TREE), script, {"suite": suite})
        self.assertEqual(0, done.returncode, peers.text_of(done.stdout))
        return json.loads(done.stdout)

    @staticmethod
    def rows(zonedata):
        """owner -> [(type, value)]: an SPF record counts as TXT where the name has no TXT of its own."""
        out = {}
        for owner, records in zonedata.items():
            rows = out[owner] = []
            own = any(isinstance(record, dict) and "TXT" in record for record in records)
            for record in records:
                kind, value = next(iter(record.items())) if isinstance(record, dict) else (record, None)
                if kind == "SPF":
                    kind = "" if own else "TXT"
                if kind == "" or value in ("NONE", []):
                    continue
                if kind == "TXT":
                    value = [text.encode() for text in (value if isinstance(value, list) else [value])]
                rows.append((kind, value))
        return out

    def zone_of(self, rows):
        def escaped(octets, plain):
            return "".join(chr(c) if chr(c) in plain else f"\\{c:03}" for c in octets)

        def name(text):
            return escaped(text.encode(), string.ascii_letters + string.digits + "-_.").rstrip(".") + "."

        def line(owner, kind, value):
            if kind == "TXT":
                plain = set(string.printable) - set('"\\') - set(string.whitespace) | {" "}
                value = " ".join(f'"{escaped(text, plain)}"' for text in value)
            elif kind == "MX":
                value = f"{value[0]} {name(value[1])}"
            elif kind in ("CNAME", "PTR"):
                value = name(value)
            elif kind == "TIMEOUT":
                kind, value = "CNAME", name(owner)  # a loop: nothing is known of what is not here
            return f"{name(owner)} {kind} {value}"
        lines = [line(owner, *row) for owner, all_of in rows.items() for row in all_of]
        lines += [f"{name(owner)} HINFO a b" for owner, all_of in rows.items() if not all_of]
        return self.file("zone", ("\n".join(lines) + "\n").encode())

    def test_the_suite(self):
        jobs, ours, wanted, names = [], [], [], []
        for scenario in self.scenarios():
            rows = self.rows(scenario["zonedata"])
            zone = self.zone_of(rows)
            peer_rows = {owner: [(kind, [coded(text) for text in value] if kind == "TXT" else value)
                                 for kind, value in all_of] for owner, all_of in rows.items()}
            for name, case in scenario["tests"].items():
                mail_from = case["mailfrom"] or ""
                found = json.loads(self.run_auth(
                    "spf", mail_from if "@" in mail_from else case["helo"] or "", "--ip", case["host"], "--helo",
                    case["helo"] or "", "--zone", zone, "--json"))
                ours.append(found["result"])
                wanted.append(case["result"] if isinstance(case["result"], list) else [case["result"]])
                names.append(name)
                jobs.append({"do": "check_spf", "zone": peer_rows, "host": case["host"], "helo": case["helo"] or "",
                             "mailfrom": mail_from})
        self.assertEqual(203, len(jobs))
        theirs = self.python(*jobs)
        rows = list(zip(names, ours, theirs, wanted))
        self.assertEqual([], [row for row in rows if row[1] not in row[3]])
        # Where the suite takes more than one result, each has one of them.
        self.assertEqual([], [row for row in rows if row[1] != row[2] and row[2] not in row[3]])
