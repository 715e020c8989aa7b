"""Every message of the suites mime-mime4j and mime-mail-parser goes in by DATA and by BDAT, and comes out
of the mailbox byte for byte. By DATA a client turns LF into CRLF first, and ends with CRLF; what has a
bare CR left then is refused (RFC 5321 §2.3.8).
"""
import os
import re
import unittest
from pathlib import Path

from lib.daemon import ROOT, Daemon
from lib.smtp import stuffed

SUITES = Path(os.environ.get("MAILWRIGHT_SUITES", ROOT.parent / "shared" / "conformance"))
FILES = sorted(path for suite in ("mime-mime4j", "mime-mail-parser") for path in (SUITES / suite).rglob("*")
               if path.suffix in (".msg", ".eml"))
SENDER = "a@elsewhere.test"


def lines_of_network(content):
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return content if content.endswith(b"\r\n") else content + b"\r\n"


class Bodies(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(accounts=["data@yahoo.test", "bdat@yahoo.test"])
        try:
            cls.daemon.start()
            cls.daemon.setup()
        except BaseException:
            cls.daemon.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            assert cls.daemon.stop() == 0
        finally:
            cls.daemon.remove()

    def assert_kept(self, address, uid, content, path):
        raw = self.daemon.mail(address, uid)
        self.assertTrue(raw.endswith(content), f"{path}: {len(content)} octets came out otherwise")
        ours = raw[:len(raw) - len(content)]
        names = re.findall(rb"^([^\s:]+):", ours, re.MULTILINE)
        self.assertEqual([b"Return-Path", b"Delivered-To", b"Received"], names, path)

    def test_by_data(self):
        refused, uid = [], 0
        for path in FILES:
            content = lines_of_network(path.read_bytes())
            with self.daemon.connect("mx") as smtp:
                smtp.ehlo()
                smtp.cmd(f"MAIL FROM:<{SENDER}> BODY=8BITMIME", 250)
                smtp.cmd("RCPT TO:<data@yahoo.test>", 250)
                smtp.cmd("DATA", 354)
                smtp.send(stuffed(content) + b".\r\n")
                reply = smtp.reply(250, 550)
                if b"\r" in content.replace(b"\r\n", b""):
                    self.assertEqual("5.5.2", reply.enhanced(), path)
                    self.assertTrue(smtp.at_end())
                    refused.append(path.name)
                    continue
                self.assertEqual(250, reply.code, f"{path}: {reply}")
            uid += 1
            self.assert_kept("data@yahoo.test", uid, content, path)
        self.assertEqual(["049.eml"], refused)

    def test_by_bdat(self):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            for uid, path in enumerate(FILES, 1):
                content = path.read_bytes()
                smtp.cmd(f"MAIL FROM:<{SENDER}> BODY=BINARYMIME", 250)
                smtp.cmd("RCPT TO:<bdat@yahoo.test>", 250)
                half = len(content) // 2
                smtp.bdat(content[:half])
                reply = smtp.bdat(content[half:], 250, 552, last=True)
                self.assertEqual(250, reply.code, f"{path}: {reply}")
                self.assert_kept("bdat@yahoo.test", uid, content, path)

    def test_the_suites_are_there(self):
        self.assertEqual(144, len(FILES))


if not FILES and os.environ.get("MAILWRIGHT_LEAVE_OUT"):
    del Bodies  # tools/test has said that it goes on without the suites

if __name__ == "__main__":
    unittest.main()
