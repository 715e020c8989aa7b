"""Every message of the suites mime-mime4j and mime-mail-parser goes in by DATA and by BDAT, and comes out
of the mailbox byte for byte. By DATA a client turns LF into CRLF first, and ends with CRLF; what has a
bare CR left then is refused (RFC 5321 §2.3.8).
"""
import os
import re
import unittest
from pathlib import Path

from lib.case import DaemonCase
from lib.daemon import ROOT
from lib.smtp import stuffed

SUITES = Path(os.environ.get("MAILWRIGHT_SUITES", ROOT.parent / "shared" / "conformance"))
FILES = sorted(path for suite in ("mime-mime4j", "mime-mail-parser") for path in (SUITES / suite).rglob("*")
               if path.suffix in (".msg", ".eml"))
SENDER, JERRY = "a@elsewhere.test", "jerry@yahoo.test"


def lines_of_network(content):
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return content if content.endswith(b"\r\n") else content + b"\r\n"


class Bodies(DaemonCase):
    options = {"accounts": ["data@yahoo.test", "bdat@yahoo.test"]}

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


class Odd(DaemonCase):
    """What is strange or too much for a reader of messages, not for who carries them."""
    options = {"accounts": [JERRY], "domains": ["yahoo.test"]}

    def deliver(self, content, code=250):
        with self.daemon.connect("mx") as smtp:
            smtp.ehlo()
            smtp.envelope(SENDER, [JERRY])
            return smtp.data(content, code)

    def newest(self):
        return self.daemon.mail(JERRY, self.daemon.mailbox(JERRY)[-1]["uid"])

    def test_mime_beyond_its_limits_is_taken(self):
        header = f"From: <{SENDER}>\r\nSubject: odd\r\nMIME-Version: 1.0\r\nContent-Type: "
        deep = header + "".join(f"multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\nContent-Type: "
                                for n in range(150)) + "text/plain\r\n\r\nhere\r\n"
        many = header + "multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\nx\r\n" * 12_000 + "--b--\r\n"
        parameters = header + "text/plain" + "".join(f";\r\n p{n}=v" for n in range(150)) + "\r\n\r\nhere\r\n"
        for content in (deep, many, parameters):
            self.deliver(content)
            self.assertTrue(self.newest().endswith(content.encode()))

    def test_a_hundred_and_one_hops_are_a_loop(self):
        def hops(count):
            return (f"Received: from a.test by b.test; Mon, 01 Jan 2024 00:00:00 +0000\r\n" * count
                    + f"From: <{SENDER}>\r\nSubject: {count} hops\r\n\r\n")
        self.deliver(hops(100))
        self.assertTrue(self.newest().endswith(hops(100).encode()))
        self.assertEqual("5.4.6", self.deliver(hops(101), 554).enhanced())
        self.assertNotIn("101 hops", [row["subject"] for row in self.daemon.mailbox(JERRY)])


if not FILES and os.environ.get("MAILWRIGHT_LEAVE_OUT"):
    del Bodies  # tools/test has said that it goes on without the suites

if __name__ == "__main__":
    unittest.main()
