#!/usr/bin/env bash
# Breaks rules of the shell, one at a time, and requires that the replay of what the servers recorded notices.
#
#   tests/shell_mutants.sh QUORATE CHECKS
#
# QUORATE is the program built with its feature `mutants`, CHECKS is quorate-checks. Without a broken rule the same
# run must be replayed without a complaint.
set -euo pipefail
quorate=$1 checks=$2
port=${SHELL_MUTANTS_PORT:-25181}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

run() { # run RULE: servers that break it, under load, one of them killed; their recordings in $dir/RULE
    local rule=$1 ensemble pid
    QUORATE_BROKEN=$rule "$quorate" ensemble --voters 3 --observers 1 --client-port "$port" --tick-time 200 \
        --record "$dir/$rule" >"$dir/$rule.out" 2>"$dir/$rule.err" &
    ensemble=$!
    for _ in $(seq 150); do
        grep -q '^ready' "$dir/$rule.out" && break
        kill -0 "$ensemble" 2>/dev/null || break
        sleep 0.2
    done
    # With a broken rule it may fail.
    "$quorate" --log error bench load --connections 8 --value-size 100 --keys 200 --read-ratio 50 --warmup 200ms \
        --duration 2s --servers "127.0.0.1:$port,127.0.0.1:$((port + 1)),127.0.0.1:$((port + 2))" \
        >"$dir/$rule.load" 2>&1 || true
    pid=$(awk '$NF == "leader" { print $(NF - 1) }' "$dir/$rule.out" | head -1)
    if [ -n "$pid" ]; then
        kill -KILL "$pid" 2>/dev/null || true
        sleep 2
    fi
    kill -INT "$ensemble" 2>/dev/null || true
    wait "$ensemble" || true
}

failed=0
run None
if ! "$checks" replay "$dir/None" >"$dir/None.replay" 2>&1; then
    tail -n 3 "$dir/None.replay" >&2
    echo "no rule is broken, and the replay complains" >&2
    exit 1
fi
tail -n 1 "$dir/None.replay"
for rule in SentBeforeSync LinkReordered OldConnectionDelivered; do
    run "$rule"
    if "$checks" replay "$dir/$rule" >"$dir/$rule.replay" 2>&1; then
        echo "$rule: SURVIVED: $(tail -n 1 "$dir/$rule.replay")"
        failed=1
    elif told=$(grep -a '^CONTRACT BROKEN' "$dir/$rule.replay"); then
        echo "$rule: killed by replay: ${told:0:220}"
    else
        echo "$rule: NOT JUDGED: $(tail -n 3 "$dir/$rule.replay")"
        failed=1
    fi
done
# What never reaches core is in no recording: clients notice.
if QUORATE_BROKEN=RepliesSwapped "$quorate" bench chaos --seconds 10 --no-replay --keep "$dir/chaos" \
    >"$dir/swapped" 2>&1; then
    echo "RepliesSwapped: SURVIVED"
    failed=1
elif told=$(grep -a 'INVALID RUN.* was first' "$dir/swapped"); then
    echo "RepliesSwapped: killed by bench chaos: ${told:0:220}"
else
    echo "RepliesSwapped: NOT JUDGED: $(tail -n 3 "$dir/swapped")"
    failed=1
fi
exit $failed
