"""What a server says of the world when it starts: whether its DNS answers, and whether port 25 leads out."""
import unittest

from lib.daemon import Daemon
from lib.dns_world import DnsWorld
from lib.hop import Hop
from lib.netns import Network
from sending import quoted

# The root's servers, which a server without root hints knows (https://www.internic.net/domain/named.root);
# b.root-servers.net by its addresses of before 2023 too.
ROOTS = """
198.41.0.4 170.247.170.2 199.9.14.201 192.33.4.12 199.7.91.13 192.203.230.10 192.5.5.241 192.112.36.4
198.97.190.53 192.36.148.17 192.58.128.30 193.0.14.129 199.7.83.42 202.12.27.33 2001:503:ba3e::2:30
2801:1b8:10::b 2001:500:200::b 2001:500:2::c 2001:500:2d::d 2001:500:a8::e 2001:500:2f::f 2001:500:12::d0d
2001:500:1::53 2001:7fe::53 2001:503:c27::2:30 2001:7fd::1 2001:500:9f::42 2001:dc3::35
""".split()


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = cls.enterClassContext(Network("dns", "mail", "other"))
        dns, mail, other = (cls.net[name] for name in ("dns", "mail", "other"))
        for address in ROOTS:
            dns.run(["ip", "addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else [])])
        for family in ("-4", "-6"):
            mail.run(["ip", family, "route", "add", "default", "dev", "eth0"])
        zones = {name: ["@ MX 10 mx", f"mx A {other.address}"] for name in ("gmail.com", "outlook.com")}
        cls.dns = cls.enterClassContext(DnsWorld(zones, addresses=ROOTS, host=dns))

    def said(self, event, dns=""):
        """The line that a server logs soon after its start."""
        daemon = Daemon(hostname="mx.gmail.test", wrapper=self.net["mail"].wrapper)
        self.addCleanup(daemon.remove)
        daemon.write_config("\n".join([
            'hostname = "mx.gmail.test"', f"state = {quoted(daemon.state)}", "[[listener]]",
            'address = "127.0.0.1:0"', 'role = "relay"', 'tls = "none"', "[routes]", '"*" = "mx"', "[dns]",
            f"trust_anchor = {quoted(self.dns.trust_anchor)}", dns, ""]))
        daemon.start()
        line = daemon.wait_for(event, timeout=60)
        daemon.stop()
        return line, [each["event"] for each in daemon.log]

    def test_port_25_that_leads_nowhere_is_told_with_what_to_do(self):
        line, events = self.said("serve.port25_blocked")  # nobody listens there
        self.assertIn("mx.outlook.com", line["why"])
        self.assertIn("refused", line["why"])
        self.assertIn("smarthost", line["remedy"])
        self.assertIn("serve.dns", events)

    def test_where_all_is_well_it_says_that_the_dns_validates(self):
        with self.net["other"].inside():
            hop = self.enterContext(Hop(port=25, address="0.0.0.0"))
        line, events = self.said("serve.dns")
        self.assertEqual((line["validates"], line["says"]), ("yes", "DNS: recursion works, DNSSEC validates"))
        self.assertNotIn("serve.port25_blocked", events)
        self.assertEqual(hop.lines, [], "a connection is all that is tried")

    def test_recursion_that_does_not_work_is_told_with_what_to_do(self):
        self.net.unplug("dns")
        try:
            line, _ = self.said("serve.dns_trouble")
        finally:
            self.net.plug("dns")
        self.assertIn("recursion does not work", line["why"])
        self.assertIn("[dns] servers", line["why"])

    def test_so_is_a_forwarder_that_does_not_answer(self):
        line, _ = self.said("serve.dns_trouble", f'servers = ["{self.net["other"].address}"]')
        self.assertIn("forwarding does not work", line["why"])


if __name__ == "__main__":
    unittest.main()
