#!/usr/bin/env bash
# bench/accept.sh [SECONDS]   messages a second that are accepted and synced, 4 KiB each, at 1, 10 and 100
# persistent sessions, held (route hold) and into local mailboxes; three rounds each, a line of JSON per round.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

seconds=${1:-3}
"$ROOT/tools/build" mailwright bench_accept >&2
for kind in hold local; do
  for sessions in 1 10 100; do
    for round in 1 2 3; do
      dir=$(mktemp -d "${TMPDIR:-/tmp}/mailwright-bench.XXXXXX")
      trap 'bench_stop; rm -rf "$dir"' EXIT
      bench_config "$dir" 127.0.0.1:0
      bench_start "$dir"
      recipient=u@hold.test
      if [[ $kind == local ]]; then bench_accounts "$dir" 1; recipient=u0@local.test; fi
      "$BENCH_LOAD" --port "$BENCH_PORT" --sessions "$sessions" --messages 200 --recipient "$recipient" >/dev/null
      before=$(awk '{ print $14 + $15 }' "/proc/$BENCH_PID/stat")
      line=$("$BENCH_LOAD" --port "$BENCH_PORT" --sessions "$sessions" --seconds "$seconds" \
        --recipient "$recipient" --label "$kind $sessions round $round")
      after=$(awk '{ print $14 + $15 }' "/proc/$BENCH_PID/stat")
      python3 - "$line" $((after - before)) "$(getconf CLK_TCK)" <<'P'
import json, sys
row = json.loads(sys.argv[1])
row["cpu_s_per_1000"] = round(int(sys.argv[2]) / int(sys.argv[3]) / row["messages"] * 1000, 4)
print(json.dumps(row), flush=True)
P
      bench_stop
      rm -rf "$dir"
    done
  done
done
