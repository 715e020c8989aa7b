#!/usr/bin/env bash
# bench/figures.sh [--rounds 3] [ROW...]   the table of figures, or the rows named (`--list` names them):
# medians, ratios taken round by round, and beside each what it must and should reach: met or missed.
# BENCH_HARNESS names the folder of the harness of the peers' figures (run.sh, loadgen.cc, sink.cc);
# it needs root, and Postfix for the rows beside Postfix. Each row takes at most four minutes; nothing
# else should run. The program is built first, unless BENCH_PROGRAM names one.
# What was measured is appended to BENCH_OUT (default: figures.jsonl in BENCH_WORK, /tmp/mtabench).
# In little, to try it: BENCH_SECONDS of load in a round (2), BENCH_QUEUED messages for the row
# `million` (1000000), BENCH_MINUTE seconds for the row `written` (60).
set -euo pipefail
given=${BENCH_PROGRAM:-}
source "$(dirname "$0")/lib.sh"

[[ -x ${BENCH_HARNESS:-}/run.sh ]] || die "BENCH_HARNESS must name the folder of the harness"
[[ -n $given ]] || "$ROOT/tools/build" mailwright bench_accept >&2
export BENCH_PROGRAM BENCH_LOAD
export BENCH_WORK=${BENCH_WORK:-/tmp/mtabench}
exec python3 "$ROOT/bench/figures.py" "$@"
