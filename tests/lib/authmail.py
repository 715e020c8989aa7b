"""Mail to judge: keys, zone files, `mailwright auth` run as users run it."""
import base64
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib.daemon import BINARY, DEADLINE

CLIENT = "192.0.2.1"
MAIL = (b"From: Tom <tom@one.test>\r\nTo: jerry@there.test\r\nSubject: Hello\r\n"
        b"Date: Sun, 22 Nov 2026 05:00:00 +0000\r\nMessage-ID: <1@one.test>\r\n\r\nHello Jerry\r\n\r\n")


class Key:
    """An RSA or Ed25519 key in `folder`, and what p= publishes of it."""

    def __init__(self, folder, name, kind="rsa"):
        self.kind, self.path = kind, Path(folder) / f"{name}.pem"
        options = ["-pkeyopt", "rsa_keygen_bits:2048"] if kind == "rsa" else []
        subprocess.run(["openssl", "genpkey", "-algorithm", kind, *options, "-out", str(self.path)],
                       check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-in", str(self.path), "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.public = base64.b64encode(der if kind == "rsa" else der[-32:]).decode()
        self.record = f"v=DKIM1; k={kind}; p={self.public}"

    def seed(self):
        """Of an Ed25519 key: its 32 octets in base64, as python3-dkim wants them."""
        der = subprocess.run(["openssl", "pkey", "-in", str(self.path), "-outform", "DER"],
                             check=True, capture_output=True).stdout
        return base64.b64encode(der[-32:])


def txt(text):
    """TXT data in strings of 200 octets."""
    return " ".join('"' + text[at:at + 200].replace("\\", "\\\\").replace('"', '\\"') + '"'
                    for at in range(0, max(len(text), 1), 200))


class AuthCase(unittest.TestCase):
    wrapper = ()  # a command to run ours under

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.texts = {}   # name -> TXT records
        self.records = []  # lines of the zone file

    def key(self, name, kind="rsa", domain="one.test"):
        """A key that the zone publishes as selector `name`."""
        key = Key(self.folder, f"{name}.{domain}", kind)
        self.texts.setdefault(f"{name}._domainkey.{domain}", []).append(key.record)
        return key

    def publish(self, name, text):
        self.texts.setdefault(name, []).append(text)

    def zone(self):
        lines = ["$TTL 60", *self.records]
        lines += [f"{name}. TXT {txt(one)}" for name, all_of in self.texts.items() for one in all_of]
        return self.file("zone", "\n".join(lines).encode() + b"\n")

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def run_auth(self, *arguments, status=0, input=b""):
        done = subprocess.run([*self.wrapper, str(BINARY), "auth", *map(str, arguments)], capture_output=True,
                              timeout=DEADLINE, input=input, env={"MAILWRIGHT_CONFIG": "/nonexistent"})
        self.assertEqual(status, done.returncode, done.stderr.decode(errors="replace"))
        if status:
            self.assertEqual(b"", done.stdout)
            return done.stderr.decode()
        self.assertEqual(b"", done.stderr)
        return done.stdout

    def check(self, mail, mail_from="tom@one.test", helo="mail.one.test", ip=CLIENT):
        """The findings as JSON has them."""
        return json.loads(self.run_auth(
            "check", self.file("mail", mail), "--ip", ip, "--helo", helo, "--mail-from", mail_from,
            "--zone", self.zone(), "--authserv-id", "mx.ours.test", "--json"))

    def sign(self, mail, *keys, domain="one.test"):
        """keys: (selector, Key)"""
        pairs = [word for selector, key in keys for word in ("--selector", selector, "--key", key.path)]
        return self.run_auth("sign", self.file("mail", mail), "--domain", domain, *pairs)

    def seal(self, mail, selector, key, domain, authserv_id):
        return self.run_auth("seal", self.file("mail", mail), "--domain", domain, "--selector", selector,
                             "--key", key.path, "--zone", self.zone(), "--authserv-id", authserv_id)
