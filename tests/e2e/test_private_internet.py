"""What the tests between hosts stand on: the private internet of lib/netns.py and its signed DNS."""
import random
import socket
import struct
import threading
import unittest

from lib.dns_world import RRSIG, DnsWorld, question_of, records_of
from lib.netns import Network

A, TXT = 1, 16


def query(name, kind, dnssec=False):
    wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    opt = b"\0" + struct.pack("!2HIH", 41, 1232, 0x8000 if dnssec else 0, 0)
    return (struct.pack("!6H", random.randrange(65536), 0, 1, 0, 0, 1) + wire
            + struct.pack("!2H", kind, 1) + opt)


class PrivateInternet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(Network("dns", "gmail"))
        cls.dns = cls.enterClassContext(DnsWorld(
            {"yahoo.test": ["@ A 192.0.2.7"],
             "big.test": ["@ TXT " + " ".join(["k" * 250] * 6)],
             "plain.test": {"signed": False, "records": ["@ A 192.0.2.9"]}}, host=cls.net["dns"]))

    def ask(self, name, kind=A, dnssec=False, timeout=10, server=None):
        """(rcode, {type: [RDATA]}, truncated) as gmail sees it"""
        server = server or self.net["dns"].address
        with self.net["gmail"].inside(), socket.socket(
                socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.connect((server, 53))
            client.send(query(name, kind, dnssec))
            message = client.recv(65535)
        self.assertEqual(question_of(message), (name, kind))
        flags, = struct.unpack_from("!H", message, 2)
        found = {}
        for number, begin, end in records_of(message):
            found.setdefault(number, []).append(message[begin:end])
        return flags & 15, found, bool(flags & 0x200)

    def test_hosts_reach_each_other_and_nothing_else(self):
        gmail, dns = self.net["gmail"], self.net["dns"]
        for address in (dns.address, dns.address6):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with dns.inside():
                listener = socket.create_server((address, 0), family=family)
            with listener:
                threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
                with gmail.inside():
                    socket.create_connection((address, listener.getsockname()[1]), 10).close()
        with gmail.inside(), self.assertRaises(OSError):
            socket.create_connection(("198.51.100.1", 53), 10)  # no route

    def test_an_unplugged_host_is_silent(self):
        self.net.unplug("dns")
        try:
            with self.assertRaises(TimeoutError):
                self.ask("yahoo.test", timeout=0.2)
        finally:
            self.net.plug("dns")
        self.assertEqual(self.ask("yahoo.test")[0], 0)

    def test_zones_are_signed_but_for_those_that_are_not(self):
        for server in (self.net["dns"].address, self.net["dns"].address6):
            _, found, _ = self.ask("yahoo.test", dnssec=True, server=server)
            self.assertEqual(found[A], [socket.inet_aton("192.0.2.7")])
            self.assertIn(RRSIG, found)
        self.assertNotIn(RRSIG, self.ask("plain.test", dnssec=True)[1])
        self.assertTrue(self.ask("big.test", TXT)[2], "what does not fit is truncated")

    def test_records_change_and_stay_signed(self):
        self.dns.set("plain.test", ["@ A 192.0.2.10"])
        self.assertEqual(self.ask("plain.test")[1][A], [socket.inet_aton("192.0.2.10")])
        self.dns.set("yahoo.test", ["@ A 192.0.2.7", "new A 192.0.2.8"])
        _, found, _ = self.ask("new.yahoo.test", dnssec=True)
        self.assertEqual(found[A], [socket.inet_aton("192.0.2.8")])
        self.assertIn(RRSIG, found)

    def test_faults_hit_their_name_and_below_until_healed(self):
        whole = self.ask("yahoo.test", dnssec=True)[1][RRSIG]
        for kind, rcode in (("servfail", 2), ("refused", 5)):
            self.dns.fault("yahoo.test", kind)
            self.assertEqual(self.ask("any.yahoo.test")[0], rcode)
            self.assertEqual(self.ask("plain.test")[0], 0)
        self.dns.fault("yahoo.test", "silent")
        with self.assertRaises(TimeoutError):
            self.ask("yahoo.test", timeout=0.2)
        self.dns.fault("yahoo.test", "bogus")
        self.assertNotEqual(self.ask("yahoo.test", dnssec=True)[1][RRSIG], whole)
        self.dns.heal("yahoo.test")
        self.assertEqual(self.ask("yahoo.test", dnssec=True)[1][RRSIG], whole)

    def test_questions_are_counted(self):
        before = len(self.dns.questions("counted.yahoo.test"))
        self.ask("counted.yahoo.test", TXT)
        self.assertEqual(self.dns.questions("Counted.Yahoo.Test.")[before:], ["TXT"])


if __name__ == "__main__":
    unittest.main()
