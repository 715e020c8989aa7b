"""What our TLS offers and refuses, as clients of others see it (security.md 44, 45)."""
import socket
import ssl
import subprocess
import threading

from lib.case import DaemonCase
from lib.daemon import DEADLINE


def context(version=None, alpn=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


class Policy(DaemonCase):
    options = {"listeners": (("submission", "implicit"), ("submission", "implicit"), ("mx", "starttls"))}

    def talk(self, number, made, name="mx.yahoo.test", session=None):
        """Says QUIT on the n-th listener of implicit TLS; the connection, which is closed, still knows all."""
        port = self.daemon.ports[("submission", "implicit")][number]
        plain = socket.create_connection(("127.0.0.1", port), DEADLINE)
        with made.wrap_socket(plain, server_hostname=name, session=session) as client:
            self.assertTrue(client.recv(1000).startswith(b"220 "))
            client.sendall(b"QUIT\r\n")
            self.assertTrue(client.recv(1000).startswith(b"221 "))
            return {"session": client.session, "reused": client.session_reused, "compression": client.compression(),
                    "alpn": client.selected_alpn_protocol(), "certificate": client.getpeercert(binary_form=True)}

    def test_a_ticket_opens_its_own_listener_only(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                made = context(version)
                session = self.talk(0, made)["session"]
                self.assertTrue(self.talk(0, made, session=session)["reused"])
                session = self.talk(0, made)["session"]
                self.assertFalse(self.talk(1, made, session=session)["reused"])

    def test_nothing_is_compressed(self):
        for version in VERSIONS:
            self.assertIsNone(self.talk(0, context(version))["compression"])

    def test_nothing_is_negotiated_again(self):
        port = self.daemon.ports[("submission", "implicit")][0]
        with subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-crlf"], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            # Its input stays open until it has its answer: at the end of it it would leave.
            limit = threading.Timer(DEADLINE, client.kill)
            limit.start()
            # Asked before the greeting was read, it would take the greeting for a fault of ours.
            self.assertTrue(any(line.startswith("220 ") for line in iter(client.stdout.readline, "")))
            client.stdin.write("R\n")
            client.stdin.flush()
            said = "".join(iter(client.stdout.readline, ""))
            limit.cancel()
        self.assertIn("RENEGOTIATING", said)
        self.assertIn("no renegotiation", said)

    def test_alpn_for_another_protocol_is_refused(self):
        for version in VERSIONS:
            with self.subTest(version=version):
                with self.assertRaises(ssl.SSLError):
                    self.talk(0, context(version, ["http/1.1", "imap"]))
                self.talk(0, context(version))  # who names none is served

    def test_an_unknown_name_gets_the_certificate_there_is(self):
        usual = self.talk(0, context())["certificate"]
        for name in ("elsewhere.test", "x" * 60 + ".test", "127.0.0.1"):
            self.assertEqual(usual, self.talk(0, context(), name)["certificate"])

    def test_versions_before_1_2_are_refused(self):
        port = self.daemon.ports[("submission", "implicit")][0]
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
            input="", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("alert protocol version", done.stdout)
