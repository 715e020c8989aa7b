"""The table of figures, row by row; started by figures.sh, which says what it needs.

A row is one run: of the harness, all targets in turn in each round, or of a daemon of its own
(figures_daemon.py). Each figure is a median over the rounds, each ratio the median of the ratios
within a round, so that drift of the machine cancels out.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import figures_daemon

HERE = Path(__file__).resolve().parent
WORK = Path(os.environ['BENCH_WORK'])
HARNESS = Path(os.environ['BENCH_HARNESS'])
SECONDS = os.environ.get('BENCH_SECONDS', '2')  # of load in each round


class Goal:
    """What a figure must and should reach, and how it is read off the rounds."""

    def __init__(self, what, read, must=None, aim=None, least=True, unit=''):
        self.what, self.read, self.must, self.aim = what, read, must, aim
        self.least, self.unit = least, unit

    def verdict(self, value, goal):
        if goal is None or value is None:
            return ''
        met = value >= goal if self.least else value <= goal
        return f'{goal:g}{self.unit}: {"met" if met else "MISSED"}'


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def times(base):
    """Ours by `base`, round by round."""

    def read(rounds):
        return median([r['mailwright']['rate'] / r[base]['rate']
                       for r in rounds if r.get(base, {}).get('rate')])

    return read


def ours(key):
    return lambda rounds: median([r['mailwright'].get(key) for r in rounds])


def beside(must_postfix, aim_postfix, must_sink=None, aim_sink=None):
    """The goals of a row of rates: beside Postfix, beside smtp-sink."""
    goals = []
    if must_postfix:
        goals.append(Goal('x Postfix', times('postfix'), must_postfix, aim_postfix, unit='x'))
    if must_sink or aim_sink:
        goals.append(Goal('x smtp-sink', times('smtp-sink'), must_sink, aim_sink, unit='x'))
    return goals


def least(what, key, must, aim, unit=''):
    return Goal(what, ours(key), must, aim, least=True, unit=unit)


def most(what, key, must, aim, unit=''):
    return Goal(what, ours(key), must, aim, least=False, unit=unit)


def cpu(must, aim):
    return most('CPU s per 1,000', 'cpu_per_1000', must, aim)


class HarnessRow:
    """A row the harness measures: every target in turn, in each round in another order."""

    def __init__(self, title, workload, case, goals, sink=True):
        self.title, self.workload, self.case, self.goals = title, workload, case, goals
        self.targets = 'postfix,smtp-sink' if sink else 'postfix'

    def measure(self, rounds):
        out = WORK / 'run' / 'row.jsonl'
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        subprocess.run(
            [HARNESS / 'run.sh', '--target', self.targets, '--target', 'mailwright',
             '--start', f'mailwright={HERE}/peers-start.sh', '--workload', self.workload,
             '--cases', self.case, '--reps', str(rounds), '--seconds', SECONDS, '--out', out],
            check=True, stdout=sys.stderr)
        taken = [{} for _ in range(rounds)]
        for line in out.read_text().splitlines():
            one = json.loads(line)
            taken[one['rep']][one['target']] = one
        return taken


class DaemonRow:
    """A row measured on a daemon of our own; `measure` gives a dictionary of figures a round."""

    def __init__(self, title, measure, goals):
        self.title, self.take, self.goals = title, measure, goals

    def measure(self, rounds):
        return self.take(rounds)


def local_rounds(rounds):
    """Postfix delivers into Maildirs, we into our own mailboxes, in turn."""
    postfix = HarnessRow('', 'local', '4096/50/keep', [], sink=False)
    postfix.targets = 'postfix'
    taken = []
    for _ in range(rounds):
        out = WORK / 'run' / 'local.jsonl'
        out.unlink(missing_ok=True)
        subprocess.run([HARNESS / 'run.sh', '--target', 'postfix', '--workload', 'local', '--cases',
                        '4096/50/keep', '--reps', '1', '--seconds', SECONDS, '--out', out],
                       check=True, stdout=sys.stderr)
        taken.append({'postfix': json.loads(out.read_text()),
                      'mailwright': figures_daemon.local_round(50, SECONDS)})
    return taken


ROWS = {
    'persistent': HarnessRow(
        'accept, 100 persistent sessions', 'accept', '4096/100/keep',
        [*beside(12, 18, 0.8, 1.0), most('p99', 'p99_ms', 12, 7, ' ms'), cpu(0.08, 0.05)]),
    'pipelined': HarnessRow('accept, 100 persistent sessions, pipelined', 'accept', '4096/100/pipe',
                            beside(15, 25, 0.8, 0.95)),
    'each100': HarnessRow('accept, a connection per message, 100 at a time', 'accept',
                          '4096/100/one', beside(10, 14, 1.0, 1.4)),
    'each400': HarnessRow('accept, a connection per message, 400 at a time', 'accept',
                          '4096/400/one', beside(10, 14, 1.0, 1.4)),
    'one': HarnessRow('accept, one persistent session', 'accept', '4096/1/keep',
                      beside(None, None, 0.8, 0.95)),
    'large': HarnessRow('accept, 64 KiB, 100 persistent sessions', 'accept', '65536/100/keep',
                        [*beside(4, 9, None, 2), cpu(0.30, 0.12)]),
    'relay': HarnessRow('relay to a sink, 50 sessions', 'relay', '4096/50/keep',
                        [*beside(8, 14), cpu(0.18, 0.12)], sink=False),
    'relay-large': HarnessRow('relay, 64 KiB, 20 sessions', 'relay', '65536/20/keep', beside(4, 8),
                              sink=False),
    'local': DaemonRow('local delivery, 50 sessions', local_rounds, beside(20, 35)),
    'tls': HarnessRow('STARTTLS, 20 persistent sessions', 'tls', '4096/20/keep', beside(7, 12),
                      sink=False),
    'tls-each': HarnessRow('STARTTLS, a handshake per message, 20 at a time', 'tls', '4096/20/one',
                           beside(3, 5), sink=False),
    'memory': DaemonRow(
        'memory (PSS)', figures_daemon.memory_rounds,
        [most('idle', 'idle_mib', 40, 20, ' MiB'),
         most('idle session, plain', 'plain_kib', 16, 4, ' KiB'),
         most('idle session, TLS', 'tls_kib', 64, 40, ' KiB')]),
    'million': DaemonRow(
        '1,000,000 queued', figures_daemon.million_rounds,
        [most('beyond idle, filling', 'filling_mib', 300, 150, ' MiB'),
         most('beyond idle, after restart', 'after_mib', 300, 150, ' MiB'),
         most('restart to greeting, after kill -9', 'restart_s', 2, 0.5, ' s'),
         least('accept rate, by that beside an empty queue', 'accept_ratio', 0.8, 0.95),
         most('p99 of delivery to others, by that with none queued', 'p99_ratio', 1.5, 1.1)]),
    'written': DaemonRow(
        'a minute accepted and sent at full rate', figures_daemon.written_rounds,
        [most('bytes written per byte accepted', 'written', 1.5, 1.1)]),
}


def told(value):
    if value is None:
        return '-'
    return f'{value:,.0f}' if value >= 1000 else f'{value:.3g}'


def show(name, row, rounds):
    print(f'\n{name}: {row.title}', flush=True)
    targets = [t for t in ('mailwright', 'postfix', 'smtp-sink') if t in rounds[0]]
    for target in targets:
        taken = [r[target] for r in rounds if target in r]
        parts = []
        for key in ('rate', 'p50_ms', 'p99_ms', 'cpu_per_1000', 'failed', 'disk_fdatasync_per_s'):
            if any(key in t for t in taken):
                parts.append(f'{key} {told(median([t.get(key) for t in taken]))}')
        rates = [told(t['rate']) for t in taken if t.get('rate')]
        if rates:
            parts.append(f'(rates {" ".join(rates)})')
        extra = {k: told(v) if isinstance(v, (int, float)) else v
                 for k, v in taken[-1].get('beside', {}).items()}
        print(f'  {target:<12}', ', '.join(parts), extra or '')
    for goal in row.goals:
        value = goal.read(rounds)
        print(f'  {goal.what:<52} {told(value) + goal.unit:>12}   '
              f'must {goal.verdict(value, goal.must):<18} aim {goal.verdict(value, goal.aim)}')


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended
    parser = argparse.ArgumentParser(prog='bench/figures.sh')
    parser.add_argument('rows', nargs='*', metavar='ROW')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--list', action='store_true', help='name the rows')
    arguments = parser.parse_args()
    if arguments.list:
        for name, row in ROWS.items():
            print(f'{name:<12} {row.title}')
        return
    for name in arguments.rows:
        if name not in ROWS:
            parser.error(f'no row "{name}"; --list names them')
    out = Path(os.environ.get('BENCH_OUT', WORK / 'figures.jsonl'))
    out.parent.mkdir(parents=True, exist_ok=True)
    for name in arguments.rows or ROWS:
        load = os.getloadavg()[0]
        rounds = ROWS[name].measure(arguments.rounds)
        with out.open('a', encoding='utf-8') as file:
            file.write(json.dumps({'row': name, 'load_average': load, 'rounds': rounds}) + '\n')
        show(name, ROWS[name], rounds)


if __name__ == '__main__':
    main()
