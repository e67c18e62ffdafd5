#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""CPython's asyncio: ROW COUNT, and "uvloop" behind them for the same on uvloop's loop."""

import asyncio
import os
import sys
import threading
import time

OPERATIONS = 20000
LATER = 100.0


def show(metric, value):
	print(f"{metric}\t{value:.3f}", flush=True)


async def timed(run, count):
	"""ns an operation of run(count), after a tenth of it as a warm-up."""
	await run(count // 10 + 1)
	begin = time.monotonic_ns()
	await run(count)
	return (time.monotonic_ns() - begin) / count


def memory(field):
	with open("/proc/self/status") as status:
		for line in status:
			if line.startswith(field):
				return int(line.split()[1]) * 1024


def pin(nth):
	cpus = sorted(os.sched_getaffinity(0))
	os.sched_setaffinity(0, {cpus[nth % len(cpus)]})


def random(state):
	while True:
		state ^= state << 13 & 0xFFFFFFFFFFFFFFFF
		state ^= state >> 7
		state ^= state << 17 & 0xFFFFFFFFFFFFFFFF
		yield state


async def empty():
	pass


def yields(tasks):
	async def body(count):
		for _ in range(count):
			await asyncio.sleep(0)

	async def run(count):
		for task in [asyncio.create_task(body(count // tasks + 1)) for _ in range(tasks)]:
			await task

	return run


async def spawn(count):
	for _ in range(count):
		await asyncio.create_task(empty())


async def fan(count):
	for task in [asyncio.create_task(empty()) for _ in range(count)]:
		await task


async def groups(count):
	for _ in range(0, count, 1000):
		async with asyncio.TaskGroup() as group:
			for _ in range(1000):
				group.create_task(empty())


async def handover(count):
	loop = asyncio.get_running_loop()
	awaited = [loop.create_future(), loop.create_future()]

	async def body(me):
		for _ in range(count // 2):
			await awaited[me]
			awaited[me] = loop.create_future()
			awaited[1 - me].set_result(1)

	awaited[0].set_result(1)
	tasks = [asyncio.create_task(body(0)), asyncio.create_task(body(1))]
	for task in tasks:
		await task


async def lock(count):
	free = asyncio.Lock()
	for _ in range(count):
		await free.acquire()
		free.release()


async def lock_handover(count):
	contended = asyncio.Lock()

	async def body():
		await contended.acquire()
		await asyncio.sleep(0)
		for _ in range(count // 2):
			contended.release()
			await contended.acquire()
		contended.release()

	await asyncio.gather(body(), body())


async def queue_pingpong(count):
	there, back = asyncio.Queue(1), asyncio.Queue(1)

	async def echo():
		for _ in range(count // 2):
			await back.put(await there.get())

	task = asyncio.create_task(echo())
	for i in range(count // 2):
		await there.put(i)
		await back.get()
	await task


async def queue_stream(count):
	queue = asyncio.Queue(128)

	async def sink():
		for _ in range(count):
			await queue.get()

	task = asyncio.create_task(sink())
	for i in range(count):
		await queue.put(i)
	await task


async def timeout(count):
	done = asyncio.get_running_loop().create_future()
	done.set_result(0)

	async def without(count):
		for _ in range(count):
			await done

	async def scoped(count):
		for _ in range(count):
			async with asyncio.timeout(1):
				await done

	body = await timed(without, count)
	return await timed(scoped, count) - body


async def timers(count):
	loop = asyncio.get_running_loop()
	draws = random(88172645463325252)
	base = loop.time() + LATER
	armed = [loop.call_at(base + (next(draws) >> 24) / 1e9, print) for _ in range(count)]
	begin = time.monotonic_ns()
	for _ in range(OPERATIONS):
		loop.call_at(base + (next(draws) >> 24) / 1e9, print).cancel()
	show("timer-newest", (time.monotonic_ns() - begin) / OPERATIONS)
	begin = time.monotonic_ns()
	for _ in range(OPERATIONS):
		draw = next(draws)
		armed[draw % count].cancel()
		armed[draw % count] = loop.call_at(base + (draw >> 24) / 1e9, print)
	show("timer-random", (time.monotonic_ns() - begin) / OPERATIONS)
	os._exit(0)


async def parked(count):
	event = asyncio.Event()
	rss, tables, begin = memory("VmRSS:"), memory("VmPTE:"), time.monotonic_ns()
	tasks = []
	for i in range(count):
		tasks.append(asyncio.create_task(event.wait()))
		if i % 1000 == 999:
			await asyncio.sleep(0)
	await asyncio.sleep(0)
	show("parked-time", (time.monotonic_ns() - begin) / count)
	rss, tables = memory("VmRSS:") - rss, memory("VmPTE:") - tables
	show("parked-rss", rss / count)
	show("parked-total", (rss + tables) / count)
	os._exit(0)


def threads(run, busy, count):
	"""The loop turns in a thread of its own, busy or asleep; run(loop, count) calls it."""
	loop = asyncio.new_event_loop()
	stopping = False

	def again():
		if not stopping:
			loop.call_soon(again)

	def turn():
		pin(0)
		if busy:
			loop.call_soon(again)
		loop.run_forever()

	thread = threading.Thread(target=turn)
	thread.start()
	pin(1)
	run(loop, count // 10 + 1)
	begin = time.monotonic_ns()
	run(loop, count)
	ns = (time.monotonic_ns() - begin) / count
	stopping = True
	loop.call_soon_threadsafe(loop.stop)
	thread.join()
	return ns


def remote(loop, count):
	ran = 0
	done = threading.Event()

	def callback():
		nonlocal ran
		ran += 1
		if ran == count:
			done.set()

	for _ in range(count):
		loop.call_soon_threadsafe(callback)
	done.wait()


def roundtrip(loop, count):
	async def answer():
		return 42

	for _ in range(count):
		assert asyncio.run_coroutine_threadsafe(answer(), loop).result() == 42


async def in_loop(row, count):
	if row == "timer":
		await timers(count)
	elif row == "parked":
		await parked(count)
	elif row == "timeout":
		show(row, await timeout(count))
	elif row == "spawn-fan":
		await fan(count)
		begin = time.monotonic_ns()
		await fan(count)
		show(row, (time.monotonic_ns() - begin) / count)
	elif row.startswith("yield-"):
		show(row, await timed(yields(int(row[len("yield-"):])), count))
	else:
		run = {"spawn": spawn, "spawn-group": groups, "handover": handover,
			"lock": lock, "lock-handover": lock_handover, "queue-pingpong": queue_pingpong,
			"queue-stream": queue_stream}[row]
		show(row, await timed(run, count))


def main():
	row, count = sys.argv[1], int(sys.argv[2])
	if sys.argv[3:] == ["uvloop"]:
		import uvloop

		uvloop.install()
	if row.startswith("remote"):
		show(row, threads(remote, True, count))
	elif row.startswith(("roundtrip", "coroutine")):
		show(row, threads(roundtrip, False, count))
	else:
		asyncio.run(in_loop(row, count))


main()
