#!/usr/bin/env python3
"""bench/phases.py [PORT]   where the time of one persistent session goes: microseconds from a command to its
reply, medians of 3,000 messages of 4 KiB. PORT: a server that runs already (smtp-sink, say); without it a
daemon of our own (BENCH_PROGRAM, or build/release)."""
import os
import socket
import statistics
import sys
import time
from pathlib import Path

BODY = b'Subject: x\r\n\r\n' + (b'y' * 76 + b'\r\n') * 50 + b'.\r\n'
STEPS = {'MAIL': b'MAIL FROM:<a@gen.test>\r\n', 'RCPT': b'RCPT TO:<u@hold.test>\r\n', 'DATA': b'DATA\r\n',
         'dot': BODY}


def phases(port, messages=3000):
    taken = {step: [] for step in STEPS}
    with socket.create_connection(('127.0.0.1', port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = client.makefile('rb')

        def ask(text):
            client.sendall(text)
            while (line := replies.readline())[3:4] == b'-':
                pass
            if line[:1] not in (b'2', b'3'):
                raise RuntimeError(f'{text[:30]} was answered {line}')

        ask(b'')
        ask(b'EHLO gen.test\r\n')
        for _ in range(messages):
            for step, text in STEPS.items():
                begin = time.perf_counter()
                ask(text)
                taken[step].append((time.perf_counter() - begin) * 1e6)
    return {step: round(statistics.median(each)) for step, each in taken.items()}


if len(sys.argv) > 1:
    print(phases(int(sys.argv[1])))
else:
    ROOT = Path(__file__).resolve().parents[1]
    os.environ.setdefault('BENCH_PROGRAM', str(ROOT / 'build/release/bin/mailwright'))
    os.environ.setdefault('BENCH_LOAD', str(ROOT / 'build/release/bin/bench_accept'))
    os.environ.setdefault('BENCH_WORK', '/tmp/mtabench')
    import figures_daemon
    with figures_daemon.Daemon({'hold.test': 'hold'}) as daemon:
        print(phases(daemon.port))
