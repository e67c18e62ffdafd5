#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second oracle: what docs/asyncio.md calls "same" is acted out in awl (prog_scenarios.c) and,
here, in the asyncio of the system's Python, each in virtual time; both must say the same, line by
line. Where asyncio's own way of saying it differs (an exception for a code), the words are made
equal here.

What only a newer asyncio does has its trace written down, with the version that it was recorded
from: an older one is not asked, and a newer one must still say it. AWL_TEST_PYTHON: another Python;
with --record it prints those traces."""

import asyncio
import difflib
import os
import pathlib
import platform
import subprocess
import sys

PYTHON = os.environ.get("AWL_TEST_PYTHON", "/usr/bin/python3")
OLDEST = (3, 11)  # task groups and timeouts
GIVE_UP_SKIPPED = 77

if os.path.realpath(sys.executable) != os.path.realpath(PYTHON) and os.path.exists(PYTHON):
	os.execv(PYTHON, [PYTHON, *sys.argv])
if sys.version_info < OLDEST:
	print(f"# {PYTHON} is older than {OLDEST}: it has no task groups")
	sys.exit(GIVE_UP_SKIPPED)


class VirtualTime(asyncio.SelectorEventLoop):
	"""A loop whose clock jumps to the next deadline when there is nothing else to do."""

	def __init__(self):
		super().__init__()
		self.virtual = 0.0
		look = self._selector.select

		def select(timeout=None):
			if timeout:
				self.virtual = round(self.virtual + timeout, 9)
			return look(0)
		self._selector.select = select

	def time(self):
		return self.virtual


class Failed(Exception):
	pass


SCENARIOS = []
lines = []


def scenario(fn):
	SCENARIOS.append(fn)
	return fn


def since(*version, recorded):
	"""A scenario that older Pythons act otherwise: its doc string is the trace that the recorded
	version said, and stands for it there."""
	def decorate(fn):
		fn.since, fn.recorded = version, recorded
		return scenario(fn)
	return decorate


def trace_of(fn):
	return [line.strip() for line in fn.__doc__.splitlines()]


def say(*words):
	lines.append("".join(str(int(w) if isinstance(w, bool) else w) for w in words))


def soon(word):
	return asyncio.get_running_loop().call_soon(say, word)


def after_ms(ms, word):
	return asyncio.get_running_loop().call_later(ms / 1000, say, word)


def future():
	return asyncio.get_running_loop().create_future()


def task(coro):
	return asyncio.get_running_loop().create_task(coro)


def failure_word(e):
	"""A failure, as both sides say it; of a group the first."""
	if isinstance(e, asyncio.CancelledError):
		return "cancelled"
	if isinstance(e, TimeoutError):
		return "timeout"
	if isinstance(e, BaseExceptionGroup):
		return failure_word(e.exceptions[0])
	if isinstance(e, Failed):
		return "failed"
	return "refused"


async def word(awaitable):
	"""What it gave, or how it failed."""
	try:
		r = await awaitable
	except BaseException as e:
		return failure_word(e)
	return str(r or 0)


def call(fn, *args):
	try:
		r = fn(*args)
	except BaseException as e:
		return failure_word(e)
	return str(r or 0)


async def sleep_ms(ms):
	await asyncio.sleep(ms / 1000)


async def yield_():
	await asyncio.sleep(0)


async def tell_end(name, t):
	say(name, ": ", await word(t))


async def sleeper(name, ms=0, ends=0, cleanup=0, cancelled=0):
	say(name, " begins")
	try:
		await (yield_() if ms < 0 else sleep_ms(ms))
	except asyncio.CancelledError:
		say(name, " slept: cancelled")
		if cleanup:
			await sleep_ms(cleanup)
			say(name, " cleaned up")
		if cancelled == "failed":
			raise Failed
		if cancelled:
			return cancelled
		raise
	say(name, " slept: 0")
	if ends == "failed":
		raise Failed
	return ends


# --- callbacks and timers ---


@scenario
async def callbacks_run_in_order_and_what_they_add_later():
	def adds_one():
		say("adds")
		soon("added")
	soon("a")
	asyncio.get_running_loop().call_soon(adds_one)
	soon("b")
	say("before")
	await yield_()
	say("after one")
	await yield_()
	say("after two")


@scenario
async def timers_run_by_deadline():
	after_ms(30, "30")
	after_ms(10, "10")
	after_ms(20, "20")
	soon("soon")
	await sleep_ms(40)


@scenario
async def a_cancelled_handle_does_not_run():
	a, b = soon("a"), after_ms(1, "b")
	soon("c")
	a.cancel()
	b.cancel()
	say("cancelled: ", a.cancelled(), " ", b.cancelled())
	await sleep_ms(5)


# --- futures ---


class Done:
	"""A done callback that equals another of the same word."""

	def __init__(self, name):
		self.name = name

	def __call__(self, f):
		say(self.name, ": ", call(f.result))

	def __eq__(self, other):
		return self.name == other.name


@scenario
async def done_callbacks_come_through_the_ready_list():
	f = future()
	for w in "abcb":
		f.add_done_callback(Done(w))
	say("removed: ", f.remove_done_callback(Done("b")))
	soon("soon")
	f.set_result(5)
	say("set")
	f.add_done_callback(Done("late"))
	await yield_()
	say("after")


@scenario
async def a_result_comes_once():
	f, g = future(), future()
	say(call(f.result))
	say(call(f.set_result, 7))
	say(call(f.set_result, 8))
	say(call(f.set_exception, Failed()))
	say("cancel: ", f.cancel())
	soon("not yet")
	say(await word(f))
	say("cancel: ", g.cancel())
	say("cancel: ", g.cancel())
	say(call(g.result))
	say(call(g.set_result, 1))
	await yield_()


async def waiter(name, f):
	say(name, " waits")
	say(name, ": ", await word(f))


@scenario
async def waiters_wake_in_the_order_they_came():
	f = future()
	tasks = [task(waiter(w, f)) for w in "abc"]
	await yield_()
	f.set_exception(Failed())
	say("set")
	await tasks[2]
	say("all")


# --- tasks ---


@scenario
async def tasks_take_turns():
	async def counts(name):
		for i in range(3):
			say(name, " ", i)
			await yield_()
		return 3
	a, b = task(counts("a")), task(counts("b"))
	say("created")
	await counts("main")
	await tell_end("a", a)
	await tell_end("b", b)


async def fails():
	raise Failed


@scenario
async def an_outcome_is_what_the_body_ended_with():
	async def says_cancelled():
		raise asyncio.CancelledError
	a, b = task(fails()), task(says_cancelled())
	say(call(a.set_result, 1))
	say(call(a.result))
	await yield_()
	say(call(a.result), " ", a.cancelled())
	say(call(b.result), " ", b.cancelled())
	say("cancel: ", a.cancel())
	await tell_end("a", a)
	await tell_end("b", b)


# --- cancellation ---


@scenario
async def a_cancel_ends_a_wait_once():
	t = task(sleeper("t", 50, cleanup=10, cancelled=4))
	await sleep_ms(5)
	say("cancel: ", t.cancel())
	say("done: ", t.done())
	await tell_end("t", t)


@scenario
async def a_cancel_goes_down_to_what_is_awaited():
	f = future()
	t = task(waiter("t", f))
	await yield_()
	say("cancel: ", t.cancel())
	say("future: ", f.cancelled())
	await tell_end("t", t)


@scenario
async def a_cancel_goes_through_tasks_to_the_bottom():
	async def awaits(t):
		try:
			await t
		except asyncio.CancelledError:
			say("outer: cancelled")
			raise
	inner = task(sleeper("inner", 50, cleanup=10))
	outer = task(awaits(inner))
	await sleep_ms(5)
	say("cancel: ", outer.cancel())
	await asyncio.wait([outer])
	say("inner ", inner.cancelled(), ", outer ", outer.cancelled())


@scenario
async def requests_of_one_moment_are_one_delivery():
	async def counts_requests():
		me = asyncio.current_task()
		say("first: ", await word(sleep_ms(50)))
		say("cancelling: ", me.cancelling())
		say("second: ", await word(sleep_ms(10)))
		for _ in range(3):
			say("uncancel: ", me.uncancel())
		return 9
	t = task(counts_requests())
	await sleep_ms(5)
	t.cancel()
	t.cancel()
	await tell_end("t", t)


@scenario
async def who_cancels_itself_hears_of_it_at_its_next_wait():
	async def cancels_itself():
		say("cancel: ", asyncio.current_task().cancel())
		say("still here")
		say("yield: ", await word(yield_()))
		say("yield: ", await word(yield_()))
		return 6
	await tell_end("t", task(cancels_itself()))


@scenario
async def a_cancel_after_the_end_changes_nothing():
	t = task(sleeper("t", 5, ends=2))
	await sleep_ms(10)
	say("cancel: ", t.cancel())
	await tell_end("t", t)


@since(3, 13, recorded="3.13.0")
async def a_request_taken_back_is_never_told():
	"""uncancel: 0
	then: 0
	uncancel: 1
	then: cancelled
	and then: 0
	uncancel: 0"""
	t = asyncio.current_task()
	t.cancel()
	say("uncancel: ", t.uncancel())
	say("then: ", await word(yield_()))
	t.cancel()
	t.cancel()
	say("uncancel: ", t.uncancel())
	say("then: ", await word(yield_()))
	say("and then: ", await word(yield_()))
	say("uncancel: ", t.uncancel())


# --- timeouts ---


async def inside(ms):
	"""A body that says how its sleep went and passes it on."""
	try:
		await sleep_ms(ms)
	except asyncio.CancelledError:
		say("inside: cancelled")
		raise
	say("inside: 0")


@scenario
async def a_timeout_ends_the_body():
	async def within(body):
		async with asyncio.timeout(0.01) as scope:
			scopes.append(scope)
			await body
	scopes = []
	w = await word(within(inside(50)))
	say("exit: ", w, ", expired: ", scopes[0].expired())
	w = await word(within(sleep_ms(5)))
	say("exit: ", w, ", expired: ", scopes[1].expired())
	say("cancelling: ", asyncio.current_task().cancelling())


@scenario
async def nested_timeouts_answer_for_themselves():
	async def inner(ms):
		async with asyncio.timeout(ms / 1000):
			await sleep_ms(50)

	async def outer(ms, inner_ms):
		async with asyncio.timeout(ms / 1000):
			try:
				await inner(inner_ms)
			except TimeoutError:
				say("inner: timeout")
				await sleep_ms(1)
			except asyncio.CancelledError:
				say("inner: cancelled")
				raise
	say("outer: ", await word(outer(20, 10)))
	say("outer: ", await word(outer(10, 20)))


@scenario
async def a_cancel_in_a_timeout_is_no_timeout():
	async def in_a_timeout():
		try:
			async with asyncio.timeout(0.01):
				await inside(50)
		except asyncio.CancelledError:
			say("exit: cancelled")
			raise
	t = task(in_a_timeout())
	await sleep_ms(5)
	t.cancel()
	await tell_end("t", t)


@scenario
async def a_deadline_can_be_moved():
	async def body():
		loop = asyncio.get_running_loop()
		async with asyncio.timeout(0.01) as scope:
			scope.reschedule(loop.time() + 0.03)
			await inside(20)
			scope.reschedule(loop.time() + 0.005)
			await inside(20)
	say("exit: ", await word(body()))


@scenario
async def wait_for_gives_what_the_body_made_of_it():
	async def swallows():
		say("first: ", await word(sleep_ms(50)))
		return 3
	for body in (swallows(), sleeper("s", 5, ends=2), sleeper("s", 15), fails()):
		say(await word(asyncio.wait_for(body, 0.01)))


@scenario
async def a_slow_clean_up_is_still_a_timeout():
	async def cleans_up_slowly():
		try:
			async with asyncio.timeout(0.01):
				try:
					await inside(50)
				finally:
					say("clean-up: ", await word(sleep_ms(10)))
		except TimeoutError:
			say("exit: timeout")
			raise
	await tell_end("t", task(cleans_up_slowly()))


# --- groups ---


class InOrder(dict):
	"""The set of a group's children in the order they came: asyncio leaves that open, awl does
	not."""

	def add(self, t):
		self[t] = None

	def discard(self, t):
		self.pop(t, None)


def group():
	g = asyncio.TaskGroup()
	g._tasks = InOrder()
	return g


def child(group, *args, **how):
	coro = sleeper(*args, **how)
	try:
		return group.create_task(coro)
	except RuntimeError:
		coro.close()
		say(args[0], ": refused")


async def body_of(group, body):
	async with group:
		return await body(group)


@scenario
async def a_group_waits_for_all_of_its_children():
	async def body(g):
		async def adder():
			await sleep_ms(5)
			child(g, "added", 10)
		child(g, "a", 20)
		child(g, "b", 10)
		g.create_task(adder())
		say("body ends")
	say("exit: ", await word(body_of(group(), body)))


async def sleeping_body(ms):
	try:
		await sleep_ms(ms)
	except asyncio.CancelledError:
		say("body: cancelled")
		raise


@scenario
async def a_failure_stops_children_and_body():
	async def body(g):
		child(g, "a", 50, cleanup=5)
		child(g, "b", 10, ends="failed")
		child(g, "c", 50)
		await sleeping_body(30)
	say("exit: ", await word(body_of(group(), body)))
	say("cancelling: ", asyncio.current_task().cancelling())


@scenario
async def a_failing_body_stops_its_children():
	async def body(g):
		child(g, "a", 50, cleanup=5)
		child(g, "b", 50)
		await sleep_ms(5)
		raise Failed
	say("exit: ", await word(body_of(group(), body)))


@scenario
async def a_stopping_group_takes_no_child():
	async def body(g):
		child(g, "a", 5, ends="failed")
		try:
			await sleep_ms(50)
		finally:
			child(g, "b", 5)
	g = group()
	say("exit: ", await word(body_of(g, body)))
	child(g, "c", 5)


@scenario
async def a_child_cancelled_alone_is_no_failure():
	async def body(g):
		a = child(g, "a", 50)
		child(g, "b", 20)
		await sleep_ms(5)
		a.cancel()
	say("exit: ", await word(body_of(group(), body)))


async def joins_two(**second):
	async def body(g):
		child(g, "a", 50, cleanup=5)
		child(g, "b", 50, **second)
	failure = None
	try:
		await body_of(group(), body)
	except BaseException as e:
		failure = e
	say("exit: ", failure_word(failure))
	say("cancelling: ", asyncio.current_task().cancelling())
	say("then: ", await word(yield_()))
	raise failure


@scenario
async def a_parent_cancelled_while_it_joins_stops_its_children():
	t = task(joins_two())
	await sleep_ms(5)
	t.cancel()
	await tell_end("t", t)


@since(3, 13, recorded="3.13.0")
async def a_failure_of_a_stopped_child_wins():
	"""a begins
	b begins
	a slept: cancelled
	b slept: cancelled
	a cleaned up
	exit: failed
	cancelling: 1
	then: cancelled
	t: failed"""
	t = task(joins_two(cancelled="failed"))
	await sleep_ms(5)
	t.cancel()
	await tell_end("t", t)


@scenario
async def a_timeout_around_a_group_stops_it():
	async def body(g):
		child(g, "a", 50, cleanup=5)
		child(g, "b", 50)

	async def around():
		async with asyncio.timeout(0.01):
			try:
				await body_of(group(), body)
			except asyncio.CancelledError:
				say("group: cancelled")
				raise
	say("timeout: ", await word(around()))
	say("cancelling: ", asyncio.current_task().cancelling())


# --- gather, wait, as_completed ---


def three():
	return [task(sleeper("a", 30, ends=1)), task(sleeper("b", 10, ends="failed")),
		task(sleeper("c", 20, ends=3))]


async def wait(tasks, how=asyncio.ALL_COMPLETED, timeout=None):
	return len((await asyncio.wait(tasks, timeout=timeout, return_when=how))[0])


@scenario
async def wait_returns_when_it_was_told_to():
	t = three()
	say(await wait(t, asyncio.FIRST_COMPLETED))
	say(t[0].done(), " ", t[1].done(), " ", t[2].done())
	say(await wait(t, timeout=0.005))
	say(await wait(t))
	say(call(t[1].result))
	t = three()
	await yield_()
	t[2].cancel()
	say(await wait(t, asyncio.FIRST_EXCEPTION))
	say(call(t[1].result))
	say(await wait(t))


@scenario
async def gather_gives_results_in_their_places():
	results = await asyncio.gather(*three(), return_exceptions=True)
	say("all: ", " ".join(failure_word(r) if isinstance(r, BaseException) else str(r)
		for r in results))
	t = three()
	say(await word(asyncio.gather(*t)))
	say(t[0].done(), " ", t[1].done(), " ", t[2].done())
	await asyncio.wait(t)


@scenario
async def a_cancelled_gather_cancels_its_children():
	async def gathers(t):
		try:
			await asyncio.gather(*t)
		except asyncio.CancelledError:
			say("gather: cancelled")
			raise
	g = task(gathers(three()))
	await sleep_ms(5)
	g.cancel()
	await tell_end("g", g)


@scenario
async def as_completed_gives_them_as_they_come():
	for next_one in asyncio.as_completed(three()):
		say(await word(next_one))
	say("exit: 0")


# --- locks and queues ---


@scenario
async def a_lock_goes_round_in_the_order_of_asking():
	lock = asyncio.Lock()

	async def locker(name):
		try:
			await lock.acquire()
		except asyncio.CancelledError:
			say(name, ": cancelled")
			raise
		say(name, ": 0")
		await sleep_ms(10)
		say(name, " releases")
		lock.release()
	t = [task(locker(w)) for w in "abcd"]
	await sleep_ms(5)
	t[1].cancel()
	await sleep_ms(100)
	say("locked: ", lock.locked())


async def waits(name, awaitable):
	async def truth():
		return 0 if await awaitable else -1
	say(name, ": ", await word(truth()))


@scenario
async def an_event_wakes_all_in_order():
	event = asyncio.Event()
	kept = [task(waits(w, event.wait())) for w in "abc"]
	await yield_()
	event.set()
	event.clear()
	say("set and cleared: ", event.is_set())
	await sleep_ms(5)
	t = task(waits("late", event.wait()))
	await sleep_ms(5)
	t.cancel()
	await tell_end("late", t)
	del kept


@scenario
async def a_semaphore_serves_in_order():
	semaphore = asyncio.BoundedSemaphore(2)

	async def acquirer(name):
		await waits(name, semaphore.acquire())
		await sleep_ms(10)
		semaphore.release()
	kept = [task(acquirer(w)) for w in "abcde"]
	await yield_()
	say("locked: ", semaphore.locked())
	await sleep_ms(100)
	say("one too many: ", call(semaphore.release))
	del kept


@scenario
async def a_condition_wakes_as_many_as_were_notified():
	condition = asyncio.Condition()

	async def waiter_(name):
		async with condition:
			w = "0"
			try:
				await condition.wait()
			except asyncio.CancelledError:
				w = "cancelled"
			say(name, ": ", w, ", locked: ", condition.locked())
	say("without: ", call(condition.notify, 1))
	t = [task(waiter_(w)) for w in "abcd"]
	await sleep_ms(5)
	async with condition:
		condition.notify(2)
		say("notified")
	await sleep_ms(5)
	t[2].cancel()
	await sleep_ms(5)
	async with condition:
		condition.notify_all()
	await sleep_ms(5)


@scenario
async def a_barrier_lets_all_pass_together():
	barrier = asyncio.Barrier(2)

	async def passer(name):
		try:
			await barrier.wait()
		except asyncio.BrokenBarrierError:
			say(name, ": refused")
		else:
			say(name, ": passes")
	kept = []
	for w in "abcde":
		kept.append(task(passer(w)))
		await sleep_ms(5)
	say("waiting: ", barrier.n_waiting)
	await barrier.reset()
	await sleep_ms(5)


@scenario
async def a_queue_serves_in_order_and_loses_nothing():
	queue = asyncio.Queue(1)

	async def getter(name):
		say(name, ": ", await word(queue.get()))

	async def putter():
		for i in (1, 2, 3):
			await queue.put(i)
	say("empty: ", call(queue.get_nowait))
	a, b, c = (task(getter(w)) for w in "abc")
	await sleep_ms(5)
	b.cancel()
	await sleep_ms(5)
	p = task(putter())
	await sleep_ms(5)
	say("full: ", call(queue.put_nowait, 9))
	say("size: ", queue.qsize())
	say("got ", await queue.get())
	del a, c, p


@scenario
async def a_join_waits_for_the_last_task_done():
	queue = asyncio.Queue()

	async def joiner():
		say("joined: ", await word(queue.join()))
	queue.put_nowait(1)
	queue.put_nowait(1)
	t = task(joiner())
	for i in range(2):
		await queue.get()
		await sleep_ms(5)
		say("done ", i)
		queue.task_done()
	await sleep_ms(5)
	say("too often: ", call(queue.task_done))
	del t


@scenario
async def queues_of_other_orders():
	for queue in (asyncio.LifoQueue(), asyncio.PriorityQueue()):
		for i in range(5):
			queue.put_nowait(i * 3 % 5)
		for i in range(5):
			say(await queue.get())


@since(3, 13, recorded="3.13.0")
async def a_shut_queue_is_drained():
	"""p: refused
	q: refused
	got 1
	got 2
	joined: 0
	get: refused"""
	queue = asyncio.Queue(2)

	async def put(name, item):
		say(name, ": ", await word(queue.put(item)))

	async def joiner():
		say("joined: ", await word(queue.join()))
	for item in (1, 2):
		queue.put_nowait(item)
	task(put("p", 3))
	task(joiner())
	await sleep_ms(5)
	queue.shutdown()
	await sleep_ms(5)
	await put("q", 4)
	for _ in range(2):
		say("got ", await word(queue.get()))
		queue.task_done()
	await sleep_ms(5)
	say("get: ", await word(queue.get()))


@since(3, 13, recorded="3.13.0")
async def a_queue_shut_at_once_is_empty():
	"""joined: 0
	g: refused
	size: 0
	h: refused"""
	queue, idle = asyncio.Queue(), asyncio.Queue()

	async def get(name, q):
		say(name, ": ", await word(q.get()))

	async def joiner():
		say("joined: ", await word(queue.join()))
	for item in (1, 2):
		queue.put_nowait(item)
	task(joiner())
	task(get("g", idle))
	await sleep_ms(5)
	queue.shutdown(immediate=True)
	idle.shutdown(immediate=True)
	await sleep_ms(5)
	say("size: ", queue.qsize())
	await get("h", queue)


def act(fn):
	"""The lines of a scenario in asyncio."""
	if sys.version_info < getattr(fn, "since", (0,)):
		return trace_of(fn)
	lines.clear()
	loop = VirtualTime()
	loop.set_exception_handler(lambda loop, context: None)
	try:
		loop.run_until_complete(fn())
		said = list(lines)
		left = asyncio.all_tasks(loop)
		for t in left:
			t.cancel()
		if left:
			loop.run_until_complete(asyncio.wait(left))
	finally:
		loop.close()
	return said


def acted_in_awl():
	"""name -> lines."""
	program = pathlib.Path(os.environ["AWL_BUILD"]) / "tests" / "oracle.prog_scenarios"
	done = subprocess.run([program], capture_output=True, text=True, check=True, timeout=30)
	found = {}
	for part in done.stdout.split("== ")[1:]:
		name, *rest = part.splitlines()
		found[name] = rest
	return found


def record():
	"""Prints what this Python says where older ones say something else."""
	for fn in SCENARIOS:
		if hasattr(fn, "since"):
			print(f"{fn.__name__}, recorded={platform.python_version()!r}", *act(fn), "",
				sep="\n")


def main():
	if "--record" in sys.argv:
		record()
		return
	awl = acted_in_awl()
	names = [fn.__name__ for fn in SCENARIOS]
	print(f"1..{len(SCENARIOS) + 1}")
	print(f"{'ok' if names == list(awl) else 'not ok'} 1 - both_act_the_same_scenarios")
	bad = names != list(awl)
	for n, fn in enumerate(SCENARIOS, 2):
		asyncio_says = act(fn)
		awl_says = awl.get(fn.__name__, [])
		same = asyncio_says == awl_says
		if hasattr(fn, "since") and trace_of(fn) != asyncio_says:
			print(f"# Python {platform.python_version()} no longer says what was recorded "
				f"from {fn.recorded}")
			same = False
		bad |= not same
		print(f"{'ok' if same else 'not ok'} {n} - {fn.__name__}")
		if not same:
			diff = difflib.unified_diff(asyncio_says, awl_says, "asyncio", "awl", n=20)
			print("".join(f"# {line.rstrip()}\n" for line in diff), end="")
	sys.exit(1 if bad else 0)


if __name__ == "__main__":
	main()
