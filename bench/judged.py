#!/usr/bin/env python3
"""What bench/judged.sh measures; see there. Each server is started afresh for each round, loaded for a moment
and then measured; of what it stored some messages are read back, and each must have its dmarc=pass."""
import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from lib.authmail import Key, txt  # noqa: E402
from lib.netns import Host, die_with_parent  # noqa: E402
from lib.peers import World, debian, text_of  # noqa: E402

SIZE = 10 << 10
CASES = [(10, "persistent"), (10, "one each"), (100, "persistent"), (100, "one each")]
PORT = 2525  # of Postfix
# libunbound, which opendkim has, asks nobody at 127.0.0.1 and nobody about .test.
RESOLVER = "192.0.2.53"
RECIPIENT = "u0@local.example"
SOURCES = range(1, 201)  # the load comes from 127.0.1.1-200
GROUP = Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")

KNOT = """
server:
    rundir: "{folder}"
    listen: {address}@53
database:
    storage: "{folder}/db"
zone:
  - domain: "."
    file: "{folder}/zone"
    semantic-checks: off
"""

# As Debian configures them, but for names, sockets, and what is done for clients on loopback. The milters
# see what policyd-spf found in the field that it adds.
MAIN = f"""
compatibility_level = 3.6
myhostname = mx.local.example
mydestination =
mynetworks = 192.0.2.1/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = local.example
relay_recipient_maps =
default_process_limit = 400
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
in_flow_delay = 0s
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/policyd-spf,
  check_recipient_access static:HOLD
policyd-spf_time_limit = 3600
smtpd_milters = unix:/peer/opendkim.sock, unix:/peer/opendmarc.sock
milter_default_action = tempfail
"""
OPENDKIM = f"""
Syslog no
Socket local:/peer/opendkim.sock
UMask 000
Mode v
AuthservID mx.local.example
AlwaysAddARHeader yes
InternalHosts /peer/nobody
Nameservers {RESOLVER}
"""
OPENDMARC = """
Syslog no
Socket local:/peer/opendmarc.sock
UMask 000
AuthservID mx.local.example
TrustedAuthservIDs mx.local.example
IgnoreHosts /peer/nobody
"""
POLICYD_SPF = """
debugLevel = 0
TestOnly = 1
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = False
skip_addresses = 192.0.2.1/32
"""
POSTFIX_SCRIPT = f"""
echo nameserver {RESOLVER} >/etc/resolv.conf
printf 'hosts: files dns\\n' >>/etc/nsswitch.conf
sed -i '/^hosts: files$/d' /etc/nsswitch.conf
mkdir -p /var/lib/postfix /var/spool/postfix/pid /etc/postfix /etc/postfix-policyd-spf-python
cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
cp /peer/main.cf /etc/postfix/main.cf
cp /peer/policyd-spf.conf /etc/postfix-policyd-spf-python/policyd-spf.conf
cd /peer/spool
mkdir -p pid
mkdir -m 700 active bounce corrupt defer deferred flush hold incoming private saved trace
mkdir -m 1730 maildrop
mkdir -m 710 public
chown postfix /var/lib/postfix active bounce corrupt defer deferred flush hold incoming private saved trace
chown postfix:postdrop maildrop public
postconf queue_directory=/peer/spool
postconf -F '*/*/chroot=n'
postconf -MX smtp/inet
postconf -M {PORT}/inet='127.0.0.1:{PORT} inet n - n - - smtpd'
postconf -M policyd-spf/unix='policyd-spf unix - n n - 0 spawn user=spfd argv=/usr/bin/python3 /usr/bin/policyd-spf'
opendkim -f -x /peer/opendkim.conf &
opendmarc -f -c /peer/opendmarc.conf &
/usr/lib/postfix/sbin/master -w
wait -n  # a filter that ends is no filter any more
"""

# As shipped, but that the load comes from loopback, and from few addresses.
CONFIG = """
hostname = "mx.local.example"
state = "{state}"
[[listener]]
address = "127.0.0.1:0"
role = "mx"
tls = "none"
[relay]
networks = ["192.0.2.1/32"]
[limits]
connections_per_client = 1000
connections_per_network = 10000
connection_rate = 1000000
network_connection_rate = 1000000
message_rate = 1000000
network_message_rate = 1000000
sender_message_rate = 1000000
recipient_message_rate = 1000000
[policy]
judge_loopback = true
[dns]
servers = ["{resolver}"]
"""


def signed_message(folder, program, keys):
    body = "".join(f"Line {number} of a letter that is as long as letters are, more or less.\r\n"
                   for number in range(SIZE))
    head = ("From: Tom <tom@gen.example>\r\nTo: <u0@local.example>\r\nSubject: Judged\r\n"
            "Date: Sun, 22 Nov 2026 05:00:00 +0000\r\nMessage-ID: <judged@gen.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n")
    room = SIZE - len(head) - 1200  # the two signatures
    path = folder / "message"
    path.write_bytes((head + body[:room // 72 * 72].rsplit("\r\n", 1)[0] + "\r\n").encode())
    for selector, key in keys.items():
        done = subprocess.run([program, "auth", "sign", path, "--domain", "gen.example", "--selector", selector,
                               "--key", key.path], capture_output=True, check=True, stdin=subprocess.DEVNULL)
        path.write_bytes(done.stdout)
    return path


def zone(keys):
    lines = ["$ORIGIN .", "$TTL 3600", "@ SOA ns. root. 1 600 60 86400 60", "@ NS ns.", f"ns A {RESOLVER}",
             "gen.example MX 10 mx.gen.example.", f"gen.example TXT {txt('v=spf1 ip4:127.0.1.0/24 -all')}",
             f"_dmarc.gen.example TXT {txt('v=DMARC1; p=reject')}",
             "local.example MX 10 mx.local.example.", "mx.local.example A 127.0.0.1"]
    lines += [f"{selector}._domainkey.gen.example TXT {txt(key.record)}" for selector, key in keys.items()]
    for number in SOURCES:
        lines += [f"{number}.1.0.127.in-addr.arpa PTR c{number}.gen.example.",
                  f"c{number}.gen.example A 127.0.1.{number}"]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def knot(host, folder, text):
    host.run(["ip", "addr", "add", f"{RESOLVER}/32", "dev", "lo"])
    (folder / "db").mkdir()
    (folder / "zone").write_text(text)
    (folder / "knot.conf").write_text(KNOT.format(folder=folder, address=RESOLVER))
    tree = debian("knot")
    libraries = os.pathsep.join(str(path) for path in tree.glob("usr/lib/*-linux-gnu*"))
    with open(folder / "knot.out", "wb") as out:
        process = subprocess.Popen([*host.wrapper, tree / "usr/sbin/knotd", "-c", folder / "knot.conf"], stdout=out,
                                   stderr=out, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                                   env={**os.environ, "LD_LIBRARY_PATH": libraries})
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Cpu:
    """The CPU seconds of all processes started with `wrapper`, those that have ended included."""

    def __init__(self):
        root = GROUP[0] if GROUP[0].is_dir() else GROUP[1]
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-bench-", dir=root))
        self.wrapper = ["/bin/sh", "-c", f'echo $$ > {self.folder / "cgroup.procs"} && exec "$@"', "sh"]

    def seconds(self):
        usage = self.folder / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text()) / 1e9
        return int((self.folder / "cpu.stat").read_text().split()[1]) / 1e6

    def close(self):
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                return self.folder.rmdir()
            time.sleep(0.05)


class Ours:
    name = "mailwright"

    def __init__(self, host, cpu, program):
        self.program = program
        self.wrapper = [*host.wrapper, *cpu.wrapper]

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailwright-bench-"))
        self.config, self.log = self.folder / "mailwright.toml", self.folder / "log"
        self.config.write_text(CONFIG.format(state=self.folder / "state", resolver=RESOLVER))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*self.wrapper, self.program, "serve", "--config", self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=die_with_parent)
        try:
            self.wait_until_it_listens()
            self.ctl("domain", "add", "local.example")
            self.ctl("account", "add", RECIPIENT, "--password-stdin", given="load and nothing else\n")
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_it_listens(self):
        until = time.monotonic() + 30
        while '"event":"serve.ready"' not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"mailwright did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)
        listening = next(line for line in self.log.read_text().splitlines() if '"serve.listening"' in line)
        self.port = int(json.loads(listening)["address"].rsplit(":", 1)[1])

    def ctl(self, *words, given=""):
        return subprocess.run([self.program, *words, "--config", self.config], input=given, capture_output=True,
                              text=True, check=True, timeout=60).stdout

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def samples(self):
        rows = json.loads(self.ctl("mailbox", "list", RECIPIENT, "--json"))
        for row in rows[::max(1, len(rows) // 20)]:
            yield self.ctl("mailbox", "show", RECIPIENT, str(row["uid"]), "--raw")


class Postfix(World):
    name = "postfix"
    tree = None
    port = PORT

    def __init__(self, host, cpu, _):
        self.tree = debian("postfix", "opendkim", "opendkim-tools", "opendmarc", "postfix-policyd-spf-python")
        files = {"main.cf": MAIN, "opendkim.conf": OPENDKIM, "opendmarc.conf": OPENDMARC,
                 "policyd-spf.conf": POLICYD_SPF, "nobody": "192.0.2.1\n"}
        super().__init__(self.tree, "mkdir -p /peer/spool\n" + POSTFIX_SCRIPT,
                         files={name: text.encode() for name, text in files.items()},
                         users={"postfix": 20101, "postdrop": 20102, "spfd": 20103},
                         prefix=[*host.wrapper, *cpu.wrapper])

    def __enter__(self):
        self.wait_until_it_listens()
        return self

    def wait_until_it_listens(self):
        until = time.monotonic() + 30
        wanted = [self.folder / "opendkim.sock", self.folder / "opendmarc.sock", self.folder / "spool/pid/master.pid"]
        while not all(path.exists() for path in wanted):
            if self.process.poll() is not None or time.monotonic() > until:
                words = text_of(self.output())
                self.__exit__()
                raise AssertionError(f"Postfix did not start:\n{words}")
            time.sleep(0.05)
        time.sleep(1)

    def samples(self):
        held = sorted(path for path in (self.folder / "spool/hold").rglob("*") if path.is_file())
        for path in held[::max(1, len(held) // 20)]:
            words = subprocess.run(["strings", "-n", "3", path], capture_output=True, text=True, check=True).stdout
            yield words


def load(words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def measure(server, host, cpu, options, message, sessions, kind):
    words = [*host.wrapper, options.load, "--port", str(server.port), "--sessions", str(sessions), "--content",
             str(message), "--sender", "tom@gen.example", "--recipient", RECIPIENT]
    if kind == "one each":
        words.append("--one")
    load([*words, "--messages", str(5 * sessions)])  # until all processes are there and know the DNS
    before = cpu.seconds()
    row = load([*words, "--seconds", str(options.seconds)])
    return {"target": server.name, "sessions": sessions, "kind": kind, "rate": row["rate"], "p50_ms": row["p50_ms"],
            "p99_ms": row["p99_ms"], "messages": row["messages"], "failed": row["failed"],
            "cpu_s_per_1000": round((cpu.seconds() - before) / row["messages"] * 1000, 3)}


def check(server):
    count = 0
    for text in server.samples():
        count += 1
        head = text.split("\r\n\r\n", 1)[0]
        for wanted in ("dmarc=pass", "dkim=pass"):
            assert wanted in head, f"{server.name} stored a message without {wanted}:\n{head[:4000]}"
    assert count > 0, f"{server.name} stored nothing"
    return count


def table(rows):
    print("| sessions | | Mailwright | Postfix | x | p99 ms: ours, Postfix | CPU s/1000: ours, Postfix |")
    print("|---|---|---|---|---|---|---|")
    for sessions, kind in CASES:
        of = {target: [row for row in rows if (row["target"], row["sessions"], row["kind"]) == (target, sessions, kind)]
              for target in ("mailwright", "postfix")}
        if not all(of.values()):
            continue
        median = {(target, key): statistics.median(row[key] for row in some) for target, some in of.items()
                  for key in ("rate", "p99_ms", "cpu_s_per_1000")}
        ratio = statistics.median(a["rate"] / b["rate"] for a, b in zip(of["mailwright"], of["postfix"]))
        print(f"| {sessions} | {kind} | {median['mailwright', 'rate']:,.0f} | {median['postfix', 'rate']:,.0f} "
              f"| {ratio:.1f} | {median['mailwright', 'p99_ms']:.1f}, {median['postfix', 'p99_ms']:.1f} "
              f"| {median['mailwright', 'cpu_s_per_1000']:.3f}, {median['postfix', 'cpu_s_per_1000']:.2f} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailwright-bench-"))
    rows = []
    host = Host("judged")
    try:
        keys = {"rsa": Key(folder, "rsa"), "ed": Key(folder, "ed", "ed25519")}
        message = signed_message(folder, options.program, keys)
        print(json.dumps({"message": message.stat().st_size}), flush=True)
        with knot(host, folder, zone(keys)):
            for number in range(options.rounds):
                for target in ((Ours, Postfix), (Postfix, Ours))[number % 2]:
                    cpu = Cpu()
                    try:
                        with target(host, cpu, options.program) as server:
                            for sessions, kind in CASES:
                                rows.append(measure(server, host, cpu, options, message, sessions, kind))
                                print(json.dumps({"round": number, **rows[-1]}), flush=True)
                            print(json.dumps({"target": server.name, "read back, each with dmarc=pass":
                                              check(server)}), flush=True)
                    finally:
                        cpu.close()
    finally:
        host.close()
        shutil.rmtree(folder, ignore_errors=True)
    table(rows)


main()
