"""Senders that we write anew are read by Debian's postsrsd, and the other way round, with one secret."""
import socket
import subprocess
import time
import unittest

from lib.daemon import DEADLINE, Daemon
from lib.hop import Hop
from lib.peers import debian
from lib.smtp import message

SECRET = "a secret that two servers share"
ANN = "Ann.Elk+tag=x@other.test"


class Postsrsd:
    """The two look-up services of postsrsd, as Postfix asks them."""

    def __init__(self, folder, domain):
        tree = debian("postsrsd")
        secret = folder / "postsrsd.secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        self.ports = {"forward": free_port(), "reverse": free_port()}
        self.process = subprocess.Popen(
            [tree / "usr/sbin/postsrsd", "-s", str(secret), "-d", domain, "-l", "127.0.0.1",
             "-f", str(self.ports["forward"]), "-r", str(self.ports["reverse"])],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.ask("forward", "tom@gmail.test", patience=DEADLINE)

    def ask(self, way, address, patience=0):
        limit = time.monotonic() + patience
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.ports[way]), 10) as connection:
                    connection.sendall(f"get {address}\n".encode())
                    code, _, text = connection.recv(4096).decode().strip().partition(" ")
                    return text if code == "200" else None
            except ConnectionRefusedError:
                if time.monotonic() > limit or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def close(self):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Srs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hop = cls.enterClassContext(Hop())
        cls.daemon = Daemon(accounts=["jerry@yahoo.test"], listeners=(("mx", "none"),),
                            routes={"elsewhere.test": f"smtp://127.0.0.1:{cls.hop.port}",
                                    "other.test": f"smtp://127.0.0.1:{cls.hop.port}"},
                            extra='[outbound]\nretry_min = "1s"\n')
        secrets = cls.daemon.folder / "srs.secret"
        secrets.write_text(f"{SECRET}\nan older one\n")
        secrets.chmod(0o600)
        cls.daemon.extra += f'[forwarding]\nsrs_secret_file = "{secrets}"\n'
        cls.enterClassContext(cls.daemon)
        cls.daemon.ctl("alias", "add", "friend@yahoo.test", "bob@elsewhere.test")
        cls.postsrsd = Postsrsd(cls.daemon.folder, "yahoo.test")
        cls.addClassCleanup(cls.postsrsd.close)

    def forwarded(self, sender):
        """The return path that our server gives mail of this sender."""
        count = len(self.hop.mails)
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.send_mail(sender, ["friend@yahoo.test"], message(sender="ann@other.test"))
        return self.hop.wait_for(count + 1)[-1].sender

    def test_both_write_the_same_and_each_reads_the_other(self):
        for sender in (ANN, "SRS0=AbCd=XY=first.test=tom@other.test", "SRS0+AbCd=XY=first.test=tom@other.test",
                       "SRS1=AbCd=first.test==EfGh=XY=orig.test=tom@other.test"):
            with self.subTest(sender=sender):
                ours = self.forwarded(sender)
                theirs = self.postsrsd.ask("forward", sender)
                self.assertEqual(ours, theirs)
                behind = self.postsrsd.ask("reverse", ours)
                if sender == ANN:
                    self.assertEqual(behind, ANN)
                elif sender.startswith("SRS0"):
                    self.assertEqual(behind, sender)
                else:
                    self.assertEqual(behind, "SRS0=EfGh=XY=orig.test=tom@first.test")

    def test_a_bounce_to_what_postsrsd_wrote_comes_back_through_us(self):
        count = len(self.hop.mails)
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.send_mail("", [self.postsrsd.ask("forward", ANN)], message(subject="Returned"))
        mail = self.hop.wait_for(count + 1)[-1]
        self.assertEqual((mail.sender, mail.recipients), ("", [ANN]))

    def test_neither_takes_what_nobody_wrote(self):
        forged = self.postsrsd.ask("forward", ANN).replace("Ann.Elk", "Victim")
        self.assertIsNone(self.postsrsd.ask("reverse", forged))
        with self.daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.cmd("MAIL FROM:<>", 250)
            smtp.cmd(f"RCPT TO:<{forged}>", 550)


if __name__ == "__main__":
    unittest.main()
