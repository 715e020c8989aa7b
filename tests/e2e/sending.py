"""What the tests of sending share: a daemon with routes to hops of lib/hop.py, and ways to look."""
import json
import time

import sums
from lib.daemon import DEADLINE, Daemon
from lib.smtp import message

TOM, JERRY = "tom@gmail.test", "jerry@yahoo.test"
QUICK = '[outbound]\nretry_min = "1s"\nretry_max = "1s"\n'


def sender(routes, extra="", **options):
    """A daemon whose listeners without TLS may relay for us."""
    options.setdefault("accounts", [TOM, JERRY])
    options.setdefault("listeners", (("relay", "none"), ("mx", "none")))
    return Daemon(routes=routes, extra=extra, **options)


def submit(daemon, recipients, sender_path=TOM, content=None, parameters="", rcpt=""):
    """Hands mail over and returns its id."""
    recipients = [recipients] if isinstance(recipients, str) else recipients
    with daemon.connect("relay", "none") as smtp:
        smtp.ehlo()
        smtp.cmd(f"MAIL FROM:<{sender_path}>{parameters}", 250)
        for recipient in recipients:
            smtp.cmd(f"RCPT TO:<{recipient}>{rcpt}", 250)
        reply = smtp.data(content if content is not None else message(to=recipients[0]))
    return reply.text.split()[-1]


def until(found, what, timeout=None):
    """Waits until `found()` is true and returns it; what the store says can be asked for only."""
    limit = time.monotonic() + (timeout or DEADLINE * 2)
    while not (result := found()):
        if time.monotonic() > limit:
            raise AssertionError(f"never: {what() if callable(what) else what}")
        time.sleep(0.05)
    return result


def tried(daemon, count=1):
    """The rows of the queue once `count` wait after a try. The reason is known while the try is still
    being settled, when the row says `sending`."""
    def rows():
        found = [row for row in waits(daemon) if row["reason"] and row["state"] != "sending"]
        return found if len(found) == count else None
    return until(rows, lambda: waits(daemon))


def states(daemon, message_id):
    """{recipient: state} as `message show` has it."""
    rows = daemon.json("message", "show", message_id)["recipients"]
    return {row["address"]: row["state"] for row in rows}


def becomes(daemon, message_id, timeout=None, **expected):
    """Waits until the recipients are in these states; the first words before "@" are the names."""
    def now():
        return {address.split("@")[0]: state for address, state in states(daemon, message_id).items()}
    return until(lambda: now() == expected, lambda: f"{expected}, but {now()}; "
                 f"{daemon.ctl('message', 'trace', message_id)}\n" + "\n".join(daemon.raw_log[-8:]),
                 timeout)


def events(daemon, message_id, kind):
    return [event for event in daemon.json("message", "trace", message_id) if event["kind"] == kind]


def waits(daemon, *selection):
    return daemon.json("queue", "list", *selection)


def notice_to(daemon, address, count=1):
    """The text of the newest notice in a mailbox, once there are so many messages."""
    rows = until(lambda: len(rows := daemon.mailbox(address)) >= count and rows,
                 lambda: f"{count} messages for {address}: {daemon.mailbox(address)}; "
                 + "\n".join(daemon.raw_log[-8:]))
    return daemon.mail(address, rows[-1]["uid"])


def adds_up(daemon):
    """The sums of security.md 17, once what is under way is written."""
    until(lambda: not sums.differences(daemon), lambda: sums.differences(daemon))


def quoted(value):
    return json.dumps(str(value))
