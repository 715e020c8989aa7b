#!/usr/bin/env bash
# bench/instructions.sh [A] [B]   instructions the daemon executes per message of 4 KiB (all threads,
# the kernel not counted): two runs under callgrind with A and B messages (default 200 and 1200), the
# difference divided by B - A, so that start and stop cancel out. Also names the costliest functions.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

few=${1:-200}
many=${2:-1200}
sessions=${SESSIONS:-10}
recipient=${RECIPIENT:-u@hold.test}
"$ROOT/tools/build" mailwright bench_accept >&2

# Debian's valgrind cannot read the debug information of clang 19; names of functions are enough.
work=$(mktemp -d "${TMPDIR:-/tmp}/mailwright-callgrind.XXXXXX")
trap 'bench_stop; rm -rf "$work"' EXIT
strip --strip-debug -o "$work/mailwright" "$BENCH_PROGRAM"
BENCH_PROGRAM=$work/mailwright

# one_run N OUT: sets `spent` to the instructions of the whole life of a daemon that takes N messages.
one_run() {
  local dir
  dir=$(mktemp -d "${TMPDIR:-/tmp}/mailwright-bench.XXXXXX")
  bench_config "$dir" 127.0.0.1:0
  bench_start "$dir" valgrind --tool=callgrind --callgrind-out-file="$2" --quiet
  if [[ $recipient == *@local.test ]]; then bench_accounts "$dir" 1; fi
  "$BENCH_LOAD" --port "$BENCH_PORT" --sessions "$sessions" --messages "$1" --recipient "$recipient" >&2
  bench_stop
  rm -rf "$dir"
  spent=$(awk '/^(totals|summary):/ { sum = $2 } END { print sum }' "$2")
}

one_run "$few" "$work/few"
a=$spent
one_run "$many" "$work/many"
b=$spent
say "instructions per message ($recipient, $sessions sessions, 4 KiB): $(((b - a) / (many - few)))"
say "(whole runs: $a for $few messages, $b for $many)" "" "costliest in the longer run:"
callgrind_annotate "$work/many" 2>/dev/null | sed -n '/file:function/,$p' | head -n "${LINES_SHOWN:-25}"
