#!/usr/bin/env bash
# bench/instructions.sh [held|local|relayed ...]   what the daemon executes per message of 4 KiB (all threads,
# the kernel not counted), and how often it asks the heap for memory (malloc, calloc, realloc; RocksDB's share
# included): two runs under callgrind with FEW and MANY messages (default 200 and 1200) over SESSIONS (10)
# persistent sessions, the difference divided by MANY - FEW, so that start and stop cancel out.
#   held      accepted and kept      local     into a mailbox      relayed   accepted and sent on, to another
#             daemon on this machine, which is not counted
# Also names the costliest functions (LINES_SHOWN=25). BENCH_PROGRAM=... measures another build.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

few=${FEW:-200}
many=${MANY:-1200}
sessions=${SESSIONS:-10}
kinds=("$@")
((${#kinds[@]})) || kinds=(held local relayed)
if [[ $BENCH_PROGRAM == "$ROOT"/build/release/* ]]; then "$ROOT/tools/build" mailwright bench_accept >&2; fi

# Debian's valgrind cannot read the debug information of clang 19; names of functions are enough.
work=$(mktemp -d "${TMPDIR:-/tmp}/mailwright-callgrind.XXXXXX")
hop=
trap 'bench_stop; [[ -z $hop ]] || kill "$hop"; rm -rf "$work"' EXIT
strip --strip-debug -o "$work/mailwright" "$BENCH_PROGRAM"
BENCH_PROGRAM=$work/mailwright

# A daemon that takes what is relayed; sets BENCH_NEXT_HOP and `hop`.
start_hop() {
  mkdir "$work/hop"
  bench_config "$work/hop" 127.0.0.1:0
  bench_start "$work/hop"
  hop=$BENCH_PID
  BENCH_NEXT_HOP=smtp://127.0.0.1:$BENCH_PORT
}

# one_run KIND N OUT: the whole life of a daemon that takes N messages; its profile into OUT.
one_run() {
  local dir recipient=u@hold.test tries=0
  dir=$(mktemp -d "$work/run.XXXXXX")
  bench_config "$dir" 127.0.0.1:0
  bench_start "$dir" valgrind --tool=callgrind --callgrind-out-file="$3" --compress-strings=no --quiet
  if [[ $1 == local ]]; then
    bench_accounts "$dir" 1
    recipient=u0@local.test
    callgrind_control --zero "$BENCH_PID" >/dev/null  # making the keys of a domain takes as long as it pleases
  fi
  "$BENCH_LOAD" --port "$BENCH_PORT" --sessions "$sessions" --messages "$2" --recipient "$recipient" >&2
  if [[ $1 == relayed ]]; then
    until (($(grep -c '"event":"queue.delivered"' "$dir/log") == $2)); do
      ((++tries < 600)) || die "not all was sent on within 60 s"
      sleep 0.1
    done
  fi
  bench_stop
  rm -rf "$dir"
}

instructions_in() { awk '/^(totals|summary):/ { sum = $2 } END { print sum }' "$1"; }
allocations_in() {
  awk '/^cfn=/ { counts = $0 ~ /^cfn=(malloc|calloc|realloc)$/ }
       /^calls=/ && counts { split($0, words, /[= ]/); sum += words[2] } END { print sum }' "$1"
}

for kind in "${kinds[@]}"; do
  [[ $kind == held || $kind == local || $kind == relayed ]] || die "no such kind: $kind"
  unset BENCH_NEXT_HOP
  if [[ $kind == relayed ]]; then start_hop; fi
  one_run "$kind" "$few" "$work/few"
  one_run "$kind" "$many" "$work/many"
  instructions=$((($(instructions_in "$work/many") - $(instructions_in "$work/few")) / (many - few)))
  allocations=$((($(allocations_in "$work/many") - $(allocations_in "$work/few")) / (many - few)))
  say "$kind, $sessions sessions, 4 KiB, per message: $instructions instructions, $allocations allocations"
  if ((${LINES_SHOWN:-25} > 0)); then
    callgrind_annotate "$work/many" 2>/dev/null | sed -n '/file:function/,$p' | head -n "${LINES_SHOWN:-25}"
  fi
done
