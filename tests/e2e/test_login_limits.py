"""What an address may fail, and an account may send (security.md 42)."""
import unittest

from lib.case import DaemonCase
from lib.daemon import Daemon, password_of
from lib.smtp import message

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"
HOME, OFFICE, STRANGER = "127.30.1.1", "127.31.1.1", "127.32.1.1"


class FailedLogins(DaemonCase):
    options = {"accounts": [TOM, JERRY]}

    def client(self, source):
        smtp = self.daemon.connect("submission", "implicit", source=source)
        smtp.ehlo()
        return smtp

    def test_ten_wrong_passwords_and_the_address_must_wait(self):
        smtp = self.client(STRANGER)
        for guess in range(10):
            smtp.auth_plain(JERRY, f"guess {guess}", 535)
        reply = smtp.auth_plain(JERRY, password_of(JERRY), 421)
        self.assertEqual("4.7.0", reply.enhanced())
        self.assertTrue(smtp.at_end())
        self.daemon.wait_for("smtpd.login_throttled", where=lambda line: line["client"] == STRANGER)
        self.client(STRANGER).auth_plain(TOM, "another user", 421)
        self.client(HOME).auth_plain(JERRY, password_of(JERRY), 235)

    def test_one_phone_with_an_old_password_does_not_lock_out_its_office(self):
        for _ in range(3):
            phone = self.client(OFFICE)
            for _ in range(15):
                phone.auth_plain(JERRY, "the old one", 535)
        self.client(OFFICE).auth_plain(TOM, password_of(TOM), 235)
        # Somebody has logged in there: ten times the limit, and Tom's own logins are counted apart.
        for attempt in range(6):
            smtp = self.client(OFFICE)
            for guess in range(19 if attempt < 5 else 4):
                smtp.auth_plain(JERRY, f"guess {attempt} {guess}", 535)
        self.client(OFFICE).auth_plain(JERRY, password_of(JERRY), 421)
        self.client(OFFICE).auth_plain(TOM, password_of(TOM), 235)


class RecipientCap(unittest.TestCase):
    def test_an_account_reaches_so_many_recipients_an_hour(self):
        with Daemon(accounts=[JERRY, TOM], routes={"hold.test": "hold"},
                    extra="[limits]\nrecipients_per_hour = 5") as daemon:
            smtp = daemon.login(JERRY)
            smtp.send_mail(JERRY, [f"friend{n}@hold.test" for n in range(4)], message("to four"))
            smtp.cmd(f"MAIL FROM:<{JERRY}>", 250)
            smtp.cmd(f"RCPT TO:<{TOM}>", 250)
            self.assertEqual("4.7.0", smtp.cmd("RCPT TO:<friend5@hold.test>", 450).enhanced())
            smtp.data(message("to the fifth"))  # who was taken gets it
            line = daemon.wait_for("smtpd.account_over_limit")
            self.assertEqual(JERRY, line["account"])
            again = daemon.login(JERRY)
            again.cmd(f"MAIL FROM:<{JERRY}>", 250)
            again.cmd(f"RCPT TO:<{TOM}>", 450)
            daemon.login(TOM).send_mail(TOM, [JERRY], message("from Tom"))
            mx = daemon.connect("mx")
            mx.ehlo()
            mx.send_mail("a@elsewhere.test", [JERRY], message("from outside"))
            self.assertEqual(["to the fifth"], [row["subject"] for row in daemon.mailbox(TOM)])
            self.assertEqual({"from Tom", "from outside"}, {row["subject"] for row in daemon.mailbox(JERRY)})
