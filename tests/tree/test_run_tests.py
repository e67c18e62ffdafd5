#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runner counts right: what crashes, hangs or falls silent has failed, what is skipped is said."""

import importlib.machinery
import importlib.util
import os
import pathlib
import sys

TOOLS = pathlib.Path(os.environ["AWL_SOURCE"]) / "tools"
sys.path.insert(0, str(TOOLS))
loader = importlib.machinery.SourceFileLoader("run_tests", str(TOOLS / "run-tests"))
run_tests = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
loader.exec_module(run_tests)

TWO = "1..2\nok 1 - a\n"
CASES = [
	# name, what the program said, its exit status, is it a script, passed, failed, skipped
	("every_case_counts", "1..2\nok 1 - a\nnot ok 2 - b\n# 1 != 2\n# not ok - group\n", 1, False,
		(1, 1, 0)),
	("a_skip_of_cmocka_is_a_skip", "1..2\nnot ok 1 # SKIP a\nok 2 - b\n", 0, False, (1, 0, 1)),
	("a_skip_of_tap_is_a_skip", "1..1\nok 1 - a # SKIP no clang\n", 0, True, (0, 0, 1)),
	("noise_before_a_case_hides_nothing", "1..1\nnoiseok 1 - a\n", 0, False, (1, 0, 0)),
	("two_groups_of_one_program_both_count", "1..1\nok 1 - a\n1..1\nok 1 - b\n", 0, False,
		(2, 0, 0)),
	("a_program_ended_by_a_signal_has_failed", TWO, -11, False, (1, 1, 0)),
	("a_program_that_hangs_has_failed", TWO, None, False, (1, 1, 0)),
	("a_program_that_ends_early_has_failed", TWO, 0, False, (1, 1, 0)),
	("a_leak_told_by_the_exit_status_is_a_failure", TWO + "ok 2 - b\n", 23, False, (2, 1, 0)),
	("a_program_without_cases_has_failed", "", 0, False, (0, 1, 0)),
	("a_failed_set_up_has_failed", "1..1\nnot ok 1 - a Could not run test: Test setup failed\n", 1,
		False, (0, 1, 0)),
	("a_script_without_cases_counts_by_its_status", "hello\n", 0, True, (1, 0, 0)),
	("a_script_may_skip_by_its_status", "", 77, True, (0, 0, 1)),
	("a_script_that_fails_has_failed", "", 1, True, (0, 1, 0)),
]

failed = False
for n, (name, said, status, is_script, expected) in enumerate(CASES, 1):
	job = run_tests.Job(run_tests.Test("room/test", [], is_script=is_script), "")
	job.output = said
	run_tests.judge(job, status, 60)
	counted = tuple(job.count(o) for o in ("ok", "failed", "skipped"))
	print(f"{'ok' if counted == expected else 'not ok'} {n} - {name}")
	if counted != expected:
		failed = True
		print(f"# expected {expected}, counted {counted}: {job.cases}")
print(f"1..{len(CASES)}")
sys.exit(failed)
