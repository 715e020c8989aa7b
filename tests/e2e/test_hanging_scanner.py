"""A scanner beside us that hangs: it is left alone after a while and tried again later, and a stop does not
wait for it."""
import socket
import threading
import time
import unittest

from lib.daemon import Daemon
from lib.smtp import message
from sending import until


class HangingScanner(unittest.TestCase):
    """A scanner that takes what it is given and says nothing."""

    def setUp(self):
        self.socket = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        self.lines = []
        self.answers = False
        thread = threading.Thread(target=self.serve, daemon=True)
        thread.start()

    def serve(self):
        try:
            while True:
                line, _ = self.socket.accept()
                self.lines.append(line)
                if self.answers:
                    while not line.recv(65536).endswith(bytes(4)):
                        pass
                    line.sendall(b"stream: OK\0")
        except OSError:
            pass  # the test is over

    def daemon(self, timeout, **options):
        port = self.socket.getsockname()[1]
        return self.enterContext(Daemon(
            accounts=["jerry@yahoo.test"], listeners=(("mx", "none"),),
            extra=f'[clamd]\naddress = "127.0.0.1:{port}"\ntimeout = "{timeout}"\n', **options))

    def send(self, daemon):
        with daemon.connect("mx", "none") as smtp:
            smtp.ehlo()
            smtp.envelope("tom@gmail.test", ["jerry@yahoo.test"])
            return smtp.data(message(), 250, 451)

    def test_it_is_left_alone_after_five_in_a_row_and_tried_again_later(self):
        daemon = self.daemon("1s", test_clock=True)
        replies = []
        threads = [threading.Thread(target=lambda: replies.append(self.send(daemon))) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([reply.code for reply in replies], [451] * 5)
        daemon.wait_for("judge.given_up")
        asked = len(self.lines)
        for _ in range(3):
            self.assertEqual(self.send(daemon).enhanced(), "4.3.0")
        self.assertEqual(len(self.lines), asked)
        self.answers = True
        daemon.advance(30)
        self.assertEqual(self.send(daemon).code, 250)
        daemon.wait_for("judge.back")
        self.assertEqual(self.send(daemon).code, 250)

    def test_a_stop_does_not_wait_for_it(self):
        daemon = self.daemon("10m")
        replies = []
        thread = threading.Thread(target=lambda: replies.append(self.send(daemon)))
        thread.start()
        until(lambda: self.lines, "a message it is asked about")
        begin = time.monotonic()
        self.assertEqual(daemon.stop(), 0)
        self.assertLess(time.monotonic() - begin, 20)  # not 10 minutes
        thread.join(60)
        self.assertEqual([reply.code for reply in replies], [451])
