# SPDX-License-Identifier: MIT
"""rows.py - what is measured, how much of it a sample does, and the bound that awl is held to."""

from dataclasses import dataclass, field

PEERS = ["libuv", "Go", "Tokio", "asyncio", "uvloop"]
NAMES = ["floor", "awl"] + PEERS


@dataclass
class Metric:
	"""A line of the table. Bounds: so many times the floor and `plus`; the value; a peer's value."""

	name: str
	what: str
	floor: float = None
	plus: float = 0
	value: float = None
	peer: tuple = None
	ahead: bool = False  # of every peer
	unit: str = "ns"


@dataclass
class Sample:
	"""One run of a program, `program row count`, on that many CPUs: all its metrics at once."""

	program: str
	row: str
	count: int
	metrics: list
	peers: dict = field(default_factory=dict)  # who takes part, with how large a count
	cpus: int = 1
	rounds: int = 15
	peer_rounds: int = 15


MILLION = 1_000_000
TASKS = "Go Tokio asyncio uvloop"  # those who have tasks
SHARE = {"libuv": 1, "Go": 5, "Tokio": 5, "asyncio": 100, "uvloop": 100}  # of the count


def row(program, name, count, what, peers="", own=None, cpus=1, **bounds):
	"""A sample of one metric. Slow peers do a share of the count, so that all samples are short."""
	counts = {peer: max(count // SHARE[peer], 1) for peer in peers.split()}
	return Sample(program, name, count, [Metric(name, what, **bounds)], counts | (own or {}), cpus)


def million(program, peers, *metrics, **how):
	"""A sample of a million at once: tasks or timers. For CPython's loops a million takes too long."""
	counts = {peer: 50_000 if SHARE[peer] == 100 else MILLION for peer in peers.split()}
	row_name = metrics[0].name if len(metrics) == 1 else program
	return Sample(program, row_name, MILLION, list(metrics), counts, **how)


def python(count):
	return {"asyncio": count, "uvloop": count}


SAMPLES = [
	row("switch", "switch", 5 * MILLION, "half a switch", floor=1.1),
	row("yield", "yield-2", 3 * MILLION, "a yield, 2 tasks ready", TASKS, floor=1.5),
	row("yield", "yield-200", 3 * MILLION, "a yield, 200 ready", TASKS, floor=1.5),
	row("yield", "yield-10000", 2 * MILLION, "a yield, 10 000 ready", TASKS, python(100_000),
		floor=1.5),
	row("spawn", "spawn", MILLION, "create, run, join", TASKS, floor=1.1, ahead=True),
	million("spawn", TASKS, Metric("spawn-fan", "a task of 1 M: create all, run, join all"),
		peer_rounds=5),
	row("spawn", "spawn-group", MILLION, "a child in a group of 1000", TASKS, value=70),
	Sample("debug", "debug", 2 * MILLION, [
		Metric("debug-spawn", "create, run, join: debug mode over none", value=1.3, unit="x"),
		Metric("debug-yield", "a yield: the same", value=3, unit="x")]),
	Sample("gather", "gather", MILLION, [Metric("gather", "a job of a gather of 1000"),
		Metric("gather-group", "the same over a child of a group of 1000", value=1.2, unit="x")]),
	row("handover", "handover", MILLION, "a hand-over through a future", TASKS),
	row("lock", "lock", 10 * MILLION, "a free lock, taken and released", TASKS, floor=1.2),
	row("lock", "lock-handover", MILLION, "a lock handed over, over two switches", TASKS,
		floor=1.5),
	Sample("event", "event", 2 * MILLION, [
		Metric("event-mark", "a set event, a waiter of 10 000: made ready", value=5),
		Metric("event-run", "the same: run until it waits again"),
		Metric("event-yield", "the same over a yield of 10 000", value=1.3, unit="x")]),
	row("queue", "queue-pingpong", MILLION, "a message to and fro, over two switches", TASKS,
		floor=1.5, plus=10),
	row("queue", "queue-stream", 2 * MILLION, "a message of a stream, 128 places", TASKS,
		peer=("Go", 0.3)),
	row("timeout", "timeout", 2 * MILLION, "a timeout around a ready body, over the body", TASKS,
		value=15),
	million("timer", "libuv " + TASKS,
		Metric("timer-newest", "1 M timers: arm and cancel the newest", value=30),
		Metric("timer-random", "1 M timers: cancel one at random, arm it anew", peer=("Go", 0.6)),
		peer_rounds=5),
	row("remote", "remote-busy", MILLION, "thread to busy loop, caller's storage", "libuv", cpus=2,
		value=50),
	row("remote", "remote-alloc", 400_000, "thread to busy loop, allocated", TASKS,
		python(20_000), cpus=2, value=250),
	row("roundtrip", "roundtrip-1core", 5000, "thread, sleeping loop, back: one core",
		"libuv " + TASKS, python(1000), floor=1.1),
	row("roundtrip", "roundtrip-2core", 1000, "thread, sleeping loop, back: two cores",
		"libuv " + TASKS, python(500), cpus=2, floor=1.1),
	row("roundtrip", "coroutine-1core", 5000, "the same with a task: one core",
		"Tokio asyncio uvloop", python(1000)),
	row("roundtrip", "coroutine-2core", 1000, "the same with a task: two cores",
		"Tokio asyncio uvloop", python(500), cpus=2),
	row("to_thread", "to_thread-1core", 5000, "a task, a function in a thread, back: one core",
		floor=1.1),
	row("to_thread", "to_thread-2core", 2000, "the same on two cores", cpus=2, floor=1.1),
	Sample("stream", "stream", MILLION, [
		Metric("stream-read", "a stream's read of 64 bytes that are there, over awl_sock_recv", value=30),
		Metric("stream-recv", "the same over a bare recv")]),
	million("parked", TASKS,
		Metric("parked-time", "1 M parked tasks: create and park one"),
		Metric("parked-rss", "1 M parked tasks: resident bytes of one", value=4400, unit="B"),
		Metric("parked-total", "the same with page tables", value=4900, unit="B"),
		rounds=3, peer_rounds=3),
]

# Whose floor is another row, and where entering the kernel is the matter.
FLOOR_ROW = {"coroutine-1core": "roundtrip-1core", "coroutine-2core": "roundtrip-2core"}
SYSCALLS = ["yield-200", "spawn", "remote-busy", "roundtrip-1core", "coroutine-1core"]


@dataclass
class Cell:
	"""A load on the echo servers: connections, bytes a message, messages of each under way."""

	connections: int
	bytes: int
	depth: int

	@property
	def name(self):
		depth = f"x{self.depth}" if self.depth > 1 else ""
		return f"echo-{self.connections}x{self.bytes}{depth}"

	@property
	def buffer(self):
		"""What a server reads at once: more than a connection has under way, within reason."""
		return min(max(2 * self.bytes * self.depth, 4096), 65536)


ECHO_ALL = [Cell(connections, bytes, depth) for depth in (1, 16) for bytes in (64, 4096, 65536)
	for connections in (1, 64, 512, 5000)]
ECHO = [Cell(1, 64, 1), Cell(64, 64, 1), Cell(512, 64, 1), Cell(5000, 64, 1), Cell(64, 4096, 1),
	Cell(64, 65536, 1), Cell(64, 64, 16)]
SLOW = ["libuv", "asyncio", "asyncio-protocol", "uvloop", "uvloop-protocol"]  # not with 5000

# awl's bounds of an echo. "The better" is the bare loop that spends the least CPU in that cell.
ECHO_CALLS = 1.0  # x the system calls a message of the better bare loop
ECHO_INSTRUCTIONS = 1.05  # x its user instructions, and two switches
IDLE_BYTES = 6000  # of an idle connection, page tables included
REDIS_RATE = 0.95  # x redis-server's requests a second
