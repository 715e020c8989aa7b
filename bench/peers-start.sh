#!/usr/bin/env bash
# Starts Mailwright as a target of a bench harness, which gives: BENCH_DIR (fresh folder), BENCH_PORT,
# BENCH_MODE, BENCH_CERT, BENCH_KEY, BENCH_KEEP (1: the state is kept, this is a restart).
#   accept, tls           a relay listener on 127.0.0.1:BENCH_PORT that holds everything for hold.test
#   local                 the same with mailboxes of our own, u0..u99@local.test (no Maildir: ask
#                         `mailwright mailbox list` for what arrived)
#   relay, memory         mail for hold.test goes on to 127.0.0.1:BENCH_SINK_PORT, over at most 100
#                         connections, as the harness lets Postfix have
# Runs in the foreground, as shipped: synced, log on (to BENCH_DIR/log).
set -euo pipefail
source "$(dirname "$0")/lib.sh"

dir=$BENCH_DIR
[[ -x $BENCH_PROGRAM ]] || die "$BENCH_PROGRAM is not built (tools/build)"
if [[ ${BENCH_MODE:-accept} == local && ${BENCH_KEEP:-0} != 1 ]]; then
  port=$BENCH_PORT  # accounts first, on another port: nobody may begin before they are there
  bench_config "$dir" 127.0.0.1:0
  bench_start "$dir"
  bench_accounts "$dir" 100
  bench_stop
  BENCH_PORT=$port
fi
if [[ ${BENCH_MODE:-accept} == relay || ${BENCH_MODE:-accept} == memory ]]; then
  BENCH_NEXT_HOP=smtp://127.0.0.1:$BENCH_SINK_PORT
fi
bench_config "$dir" "127.0.0.1:$BENCH_PORT"
if [[ -n ${BENCH_NEXT_HOP:-} ]]; then
  printf '[outbound]\nconnections_per_site = 100\n' >>"$dir/mailwright.toml"
fi
exec "$BENCH_PROGRAM" serve --config "$dir/mailwright.toml" </dev/null >/dev/null 2>>"$dir/log"
