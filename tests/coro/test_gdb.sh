#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_gdb.sh [PROGRAM] - a debugger walks a parked stack to its entry and stops there, and knows the
# caller at every single instruction of a switch. PROGRAM is prog_gdb_parked. 77: no gdb to be had.
set -u
program=${1:-$AWL_BUILD/tests/coro.prog_gdb_parked}
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

if ! gdb -nx -batch -ex 'python print(1)' >/dev/null 2>&1; then
	echo "skipped: no gdb with python"
	exit 77
fi
gdb -nx -batch -ex 'set debuginfod enabled off' -x "$(dirname "$0")/gdb_walk.py" "$program" \
	>"$out" 2>&1
if grep -q -e 'ptrace: Operation not permitted' -e 'Could not trace' "$out"; then
	echo "skipped: ptrace is refused here"
	exit 77
fi
if grep -q '^1\.\.3$' "$out" && ! grep -q '^not ok' "$out"; then
	grep -e '^ok' -e '^1\.\.' "$out"
else
	cat "$out"
	exit 1
fi
