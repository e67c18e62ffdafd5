# SPDX-License-Identifier: MIT
"""test_gdb_task.py - a debugger shows where a parked task waits: its backtrace goes from the park
through the call that waits to the task's function and its entry, and stops there."""
import os
import re
import subprocess
import sys

PROGRAM = os.path.join(os.environ["AWL_BUILD"], "tests", "task.prog_gdb_task")
WAITS = ("awl_sleep", "awl_await", "awl_task_group_exit")
TAIL = ["innermost", "middle", "outermost", "task_main", "awl__switch_bottom_frame"]


def gdb():
	"""What gdb says: a backtrace each, after a line '== N'."""
	commands = ["set debuginfod enabled off", "set confirm off", "break look_here", "run"]
	for i in range(len(WAITS)):
		commands += [f"set $sp{i} = (long)sp[{i}]"]
	for i in range(len(WAITS)):
		commands += [f"echo == {i}\\n", f"set $sp = $sp{i}",
			"set $pc = (long)&awl__switch_parked", "backtrace"]
	args = [word for c in commands for word in ("-ex", c)]
	return subprocess.run(["gdb", "-nx", "-batch", *args, PROGRAM], check=False, text=True,
		stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50).stdout


def functions(backtrace):
	"""Innermost first. Without debug information gdb takes two underscores for Ada's dot."""
	found = re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?([\w.]+)", backtrace, re.M)
	return [name.replace(".", "__") for name in found]


def main():
	try:
		said = gdb()
	except FileNotFoundError:
		print("skipped: no gdb")
		sys.exit(77)
	if re.search("ptrace: Operation not permitted|Could not trace", said):
		print("skipped: ptrace is refused here")
		sys.exit(77)
	parts = re.split(r"^== \d+$", said, flags=re.M)[1:]
	failed = len(parts) != len(WAITS)
	print(f"1..{len(WAITS)}")
	for i, (wait, text) in enumerate(zip(WAITS, parts), 1):
		names = functions(text)
		good = names[-len(TAIL):] == TAIL and wait in names and "corrupt" not in text
		failed |= not good
		print(f"{'' if good else 'not '}ok {i} - the backtrace of a task parked in {wait}")
	if failed:
		print(said)
	sys.exit(failed)


main()
