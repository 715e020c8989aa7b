"""Rows of the table that are measured on a daemon of our own: figures.py has the table.

Everything on loopback, in a folder of its own that is gone afterwards. Memory is PSS of the one
process, bytes written are write_bytes of /proc/PID/io.
"""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import socketserver
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PROGRAM = os.environ['BENCH_PROGRAM']
LOAD = os.environ['BENCH_LOAD']
HARNESS = Path(os.environ['BENCH_HARNESS'])
WORK = Path(os.environ['BENCH_WORK'])
MILLION = int(os.environ.get('BENCH_QUEUED', '1000000'))
MILLION_A_TIME = 1_000_000  # a session of the hundred may begin 100,000 messages and no more (MAILMAX)


def median(values):
    return statistics.median(values)


def free_port():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return taken.getsockname()[1]


class Daemon:
    """As shipped, with a certificate: hold.test stays, `routes` go where they say."""

    def __init__(self, routes=None, extra=''):
        self.folder = Path(tempfile.mkdtemp(prefix='mailwright-figures-'))
        self.port = free_port()
        self.process = None
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
             '-nodes', '-days', '30', '-subj', '/CN=bench.test', '-keyout', self.folder / 'key.pem',
             '-out', self.folder / 'cert.pem'], check=True, capture_output=True)
        rows = {'hold.test': 'hold', **(routes or {})}
        (self.folder / 'mailwright.toml').write_text('\n'.join([
            'hostname = "bench.test"', f'state = "{self.folder}/state"', '[[listener]]',
            f'address = "127.0.0.1:{self.port}"', 'role = "relay"', 'tls = "starttls"', '[tls]',
            f'certificate = "{self.folder}/cert.pem"', f'key = "{self.folder}/key.pem"', '[relay]',
            'networks = ["127.0.0.0/8"]', '[routes]',
            *(f'"{domain}" = "{to}"' for domain, to in rows.items()), '"*" = "hold"', extra, '']))

    def start(self):
        """Gives the seconds to the greeting."""
        began = time.monotonic()
        with (self.folder / 'log').open('ab') as log:
            self.process = subprocess.Popen(
                [PROGRAM, 'serve', '--config', self.folder / 'mailwright.toml'],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        while time.monotonic() - began < 120 and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(
                    ('127.0.0.1', self.port), 60) as one:
                if one.recv(100).startswith(b'220'):
                    return time.monotonic() - began
            time.sleep(0.005)
        raise RuntimeError('the daemon did not start: ' + (self.folder / 'log').read_text()[-500:])

    def stop(self, how=signal.SIGTERM):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def ctl(self, *words, given=None):
        done = subprocess.run([PROGRAM, *words, '--config', self.folder / 'mailwright.toml'],
                              input=given, text=True, capture_output=True, check=True)
        return done.stdout

    def sums(self):
        return json.loads(self.ctl('status', '--json'))['sums']

    def pss_mib(self):
        text = Path(f'/proc/{self.process.pid}/smaps_rollup').read_text()
        return int(re.search(r'^Pss:\s+(\d+)', text, re.M).group(1)) / 1024

    def written(self):
        text = Path(f'/proc/{self.process.pid}/io').read_text()
        return int(re.search(r'^write_bytes: (\d+)', text, re.M).group(1))

    def cpu(self):
        parts = Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf('SC_CLK_TCK')

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def load(port, recipient, sessions=100, **how):
    """One run of bench_accept; how: seconds, messages, size."""
    words = [LOAD, '--port', port, '--sessions', sessions, '--recipient', recipient]
    for name, value in how.items():
        words += [f'--{name}', value]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    row = json.loads(done.stdout)
    if row['failed']:
        raise RuntimeError('mail was refused: ' + done.stderr)
    return row


def harness_tool(name, libraries=()):
    """A tool of the harness, built where the harness builds it."""
    out, source = WORK / 'bin' / name, HARNESS / f'{name}.cc'
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        out.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(['g++', '-O2', '-std=c++17', '-o', out, source, *libraries], check=True)
    return out


# --- local delivery ---


def local_round(sessions, seconds):
    """Into mailboxes of our own, counted by the store; the harness's generator."""
    generator = harness_tool('loadgen', ['-lssl', '-lcrypto'])
    with Daemon() as daemon:
        daemon.ctl('domain', 'add', 'local.test')
        with concurrent.futures.ThreadPoolExecutor(4) as adders:
            list(adders.map(lambda number: daemon.ctl(
                'account', 'add', f'u{number}@local.test', '--password-stdin',
                given='load-and-nothing-else\n'), range(100)))

        def run(*how):
            words = [generator, '-p', daemon.port, '-d', 'local.test', '-s', sessions, '-l', 4096,
                     '-k', 0, *how]
            return json.loads(subprocess.run([str(w) for w in words], capture_output=True,
                                             check=True).stdout)

        warm = run('-m', sessions * 2)
        before = daemon.cpu()
        row = run('-t', seconds)
        row['cpu_per_1000'] = (daemon.cpu() - before) / row['ok'] * 1000
        # Delivered before the 250: the store's own count has to say the same.
        delivered = daemon.sums()['delivered']
        if delivered != warm['ok'] + row['ok'] or row['failed']:
            raise RuntimeError(f'{row["ok"]} accepted after {warm["ok"]}, {delivered} delivered')
        return row


# --- memory ---


def with_sessions(daemon, count, tls):
    """PSS with `count` idle sessions open that have said EHLO."""
    open_ones = []
    context = ssl.create_default_context(cafile=None)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for number in range(count):
        one = socket.socket()
        one.bind((f'127.0.2.{1 + number % 200}', 0))
        one.settimeout(30)
        one.connect(('127.0.0.1', daemon.port))
        one.recv(1000)
        if tls:
            one.sendall(b'EHLO x.test\r\n')
            one.recv(1000)
            one.sendall(b'STARTTLS\r\n')
            one.recv(1000)
            one = context.wrap_socket(one)
        one.sendall(b'EHLO x.test\r\n')
        one.recv(1000)
        open_ones.append(one)
    time.sleep(2)
    mib = daemon.pss_mib()
    for one in open_ones:
        one.close()
    return mib


def memory_rounds(rounds, sessions=1000):
    taken = []
    for _ in range(rounds):
        row = {}
        for kind, tls in (('plain_kib', False), ('tls_kib', True)):
            with Daemon() as daemon:
                load(daemon.port, 'u@hold.test', sessions=2, messages=20)
                time.sleep(2)
                row['idle_mib'] = daemon.pss_mib()
                row[kind] = (with_sessions(daemon, sessions, tls) - row['idle_mib']) * 1024 / sessions
        taken.append({'mailwright': row})
    return taken


# --- a full queue ---


class Arrivals(socketserver.ThreadingTCPServer):
    """A next hop that takes everything and notes when each numbered message came."""

    allow_reuse_address = True
    daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self):
            self.wfile.write(b'220 sink.test ESMTP\r\n')
            for line in self.rfile:
                verb = line[:4].upper()
                if verb == b'DATA':
                    self.wfile.write(b'354 go\r\n')
                    self.server.take(self.rfile)
                self.wfile.write(b'221 bye\r\n' if verb == b'QUIT' else b'250 ok\r\n')
                if verb == b'QUIT':
                    return

    def __init__(self):
        super().__init__(('127.0.0.1', 0), self.Handler)
        self.seen = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def take(self, lines):
        number = None
        for line in lines:
            if line.startswith(b'Subject: '):
                number = int(line[9:])
            if line == b'.\r\n':
                self.seen[number] = time.monotonic()
                return


def delivery_p99(daemon, arrivals, count=600, pause=0.004):
    """Milliseconds from the 250 to the arrival, of a message each `pause` seconds."""
    arrivals.seen.clear()
    accepted = {}
    with socket.create_connection(('127.0.0.1', daemon.port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = client.makefile('rb')

        def say(text, expected):
            client.sendall(text)
            while (line := replies.readline())[3:4] == b'-':
                pass
            if not line.startswith(expected):
                raise RuntimeError(f'{text[:40]} was answered {line}')

        say(b'', b'220')
        say(b'EHLO x.test\r\n', b'250')
        for number in range(count):
            say(b'MAIL FROM:<load@gen.test>\r\n', b'250')
            say(b'RCPT TO:<u@live.test>\r\n', b'250')
            say(b'DATA\r\n', b'354')
            say(b'From: <load@gen.test>\r\nSubject: %d\r\n\r\n%s\r\n.\r\n' % (number, b'x' * 70),
                b'250')
            accepted[number] = time.monotonic()
            time.sleep(pause)
    end = time.monotonic() + 30
    while len(arrivals.seen) < count and time.monotonic() < end:
        time.sleep(0.01)
    if len(arrivals.seen) < count:
        raise RuntimeError(f'{count - len(arrivals.seen)} of {count} did not arrive')
    waits = sorted((arrivals.seen[n] - at) * 1000 for n, at in accepted.items())
    return waits[int(count * 0.99)]


def fill(daemon, messages):
    """Queues mail for a site that is dead; gives the highest PSS on the way, and the rate."""
    peak, done = [0.0], threading.Event()

    def watch():
        while not done.wait(0.25):
            peak[0] = max(peak[0], daemon.pss_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    parts = [min(MILLION_A_TIME, messages - at) for at in range(0, messages, MILLION_A_TIME)]
    try:
        rows = [load(daemon.port, 'u@dead.test', messages=part) for part in parts]
    finally:
        done.set()
        watcher.join()
    rate = messages / sum(row['seconds'] for row in rows)
    return max(peak[0], daemon.pss_mib()), rate


def accept_rate(daemon, seconds=3):
    return load(daemon.port, 'u@hold.test', seconds=seconds)['rate']


def million_rounds(rounds):
    """One fill; then each round: kill -9, restart, accept, deliver to others."""
    arrivals = Arrivals()
    routes = {'dead.test': 'smtp://127.0.0.1:1',
              'live.test': f'smtp://127.0.0.1:{arrivals.server_address[1]}'}
    with Daemon(routes) as daemon:
        load(daemon.port, 'u@hold.test', sessions=2, messages=20)
        time.sleep(2)
        idle = daemon.pss_mib()
        empty = [(accept_rate(daemon), delivery_p99(daemon, arrivals)) for _ in range(rounds)]
        peak, rate = fill(daemon, MILLION)
        waiting = daemon.sums()['queued']
        if waiting != MILLION:
            raise RuntimeError(f'{waiting} queued instead of {MILLION}')
        taken = []
        for accept_empty, p99_empty in empty:
            daemon.stop(signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.sync()
                Path('/proc/sys/vm/drop_caches').write_text('3\n')
            restart = daemon.start()
            time.sleep(5)
            after = daemon.pss_mib()
            p99, accept = delivery_p99(daemon, arrivals), accept_rate(daemon)
            taken.append({'mailwright': {
                'filling_mib': peak - idle, 'after_mib': after - idle, 'restart_s': restart,
                'accept_ratio': accept / accept_empty, 'p99_ratio': p99 / p99_empty,
                'beside': {'idle MiB': idle, 'fill/s': rate, 'accept/s empty': accept_empty,
                           'accept/s full': accept, 'p99 ms empty': p99_empty, 'p99 ms full': p99},
            }})
            print(json.dumps(taken[-1]), file=sys.stderr, flush=True)
        return taken


# --- bytes written ---


def written_rounds(rounds, seconds=None):
    """Accepted and sent on at once; counted until the last has arrived."""
    seconds = seconds or float(os.environ.get('BENCH_MINUTE', '60'))
    sink = harness_tool('sink')
    taken = []
    for _ in range(rounds):
        port, count = free_port(), WORK / 'figures.count'
        with subprocess.Popen([sink, str(port), count]) as process:
            try:
                with Daemon({'live.test': f'smtp://127.0.0.1:{port}'}) as daemon:
                    before = daemon.written()
                    row = load(daemon.port, 'u@live.test', seconds=seconds)
                    while struct.unpack('QQ', count.read_bytes()[:16])[0] < row['messages']:
                        time.sleep(0.05)
                    wrote = daemon.written() - before
                    log = (daemon.folder / 'log').stat().st_size
            finally:
                process.kill()
        accepted = row['messages'] * 4096
        taken.append({'mailwright': {
            # The log is a file here; where it goes is not the program's to say.
            'written': (wrote - log) / accepted, 'rate': row['rate'],
            'beside': {'with the log': wrote / accepted, 'messages': row['messages']}}})
    return taken
