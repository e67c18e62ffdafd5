# SPDX-License-Identifier: MIT
"""echo.py - the echo servers under load, the server on one CPU and the load on another: what a
message costs, how many go, how long they take; connections that come and go; idle ones."""

import sys

import telling
from contenders import Missing
from rows import ECHO, ECHO_ALL, ECHO_CALLS, ECHO_INSTRUCTIONS, IDLE_BYTES, SLOW
from servers import AWL, ECHO_PEERS, FLOORS, NATIVE, SERVERS, Servers
from telling import number

# What the load says of each sample, and how it is told.
MEASURES = {
	"cpu": "Server CPU a message, ns: median (quartiles)",
	"calls": "System calls a message",
	"instructions": "User instructions a message",
	"rate": "Messages a second",
	"p50": "p50, µs",
	"p99": "p99, µs",
	"p99.9": "p99.9, µs",
	"load": "CPU of the load, %",
}
COUNTED = ["calls", "instructions"]
IDLE = 5000  # connections
NOISE = 0.05  # system calls a message that equal loops differ by: each batches as it comes
COUNTS = 11  # rounds in which the load counts: how much comes at once differs from one to the next


class Echo:
	"""One run of all the rows: measure -> row -> server -> values, a round each."""

	def __init__(self, contenders, cpus, args):
		self.servers, self.args, self.notes = Servers(contenders, cpus), args, []
		self.ms = 100 if args.quick else 200
		self.rounds = args.rounds or (3 if args.quick else 9)
		self.values = {measure: {} for measure in [*MEASURES, "rss", "total"]}
		self.switch = None

	def keep(self, row, name, got):
		for measure, value in got.items():
			self.values[measure].setdefault(row, {}).setdefault(name, []).append(value)

	def lost(self, row, name, why):
		"""A server that fails once in a row has no part in it: rounds stay pairs."""
		self.notes.append(f"{row}: {name} dropped: {why}.")
		for rows in self.values.values():
			rows.get(row, {}).pop(name, None)

	def rows(self, row, names, buffer, args, messages):
		"""The servers stay up for all the rounds; one at a time is under load."""
		up = {}
		try:
			for name in names:
				try:
					if server := self.servers.start(name, buffer):
						up[name] = server, server.port()
				except Missing as why:
					self.lost(row, name, why)
			for _ in range(self.rounds):
				for name in list(up):
					self.sample(row, name, up, [*args, "-t", self.ms])
			for _ in range(1 if self.args.quick else COUNTS):
				for name in list(up):
					self.count(row, name, up, args)
			for name in list(up):
				self.count_otherwise(row, name, buffer, args, messages)
		finally:
			for server, _ in up.values():
				server.stop()

	def sample(self, row, name, up, args):
		server, port = up[name]
		try:
			got = self.servers.load("-p", port, "-s", server.pid, *args)
		except Missing as why:
			self.lost(row, name, why)
			up.pop(name)[0].stop()
			return
		self.keep(row, name, got)

	def count(self, row, name, up, args):
		"""What the kernel lets the load count."""
		server, port = up[name]
		try:
			got = self.servers.load("-p", port, "-s", server.pid, *args, "-t", self.ms, "-k")
		except Missing as why:
			self.lost(row, name, why)
			up.pop(name)[0].stop()
			return
		self.keep(row, name, {measure: got[measure] for measure in COUNTED if measure in got})

	def count_otherwise(self, row, name, buffer, args, messages):
		"""The rest, around a server of its own, which would take its time with 5000 connections."""
		means = {"calls": self.servers.system_calls, "instructions": self.servers.instructions}
		for measure in COUNTED:
			if self.values[measure].get(row, {}).get(name) or self.args.quick or 5000 in args \
					or row == "accept" or measure == "instructions" and name not in NATIVE:
				continue
			try:
				self.keep(row, name, {measure: means[measure](name, buffer, args, messages)})
			except (Missing, OSError, ValueError, IndexError) as why:
				self.notes.append(f"{row}: {name}'s {measure} not counted: {why}.")

	def echo(self, cell, names):
		args = ["-c", cell.connections, "-b", cell.bytes, "-d", cell.depth]
		if cell.connections >= 5000 and not self.args.echo_all:
			names = [name for name in names if name not in SLOW]
		messages = 2000 if cell.connections == 1 else 8000 * min(cell.depth, 4)
		self.rows(cell.name, names, cell.buffer, args, messages)

	def accept(self, names):
		self.rows("accept", names, 4096, ["-a", "-c", 16], 1000)

	def idle(self, names):
		"""A server anew each time: memory once touched stays."""
		connections = IDLE // (10 if self.args.quick else 1)
		for name in names:
			for _ in range(1 if self.args.quick else 3):
				server = None
				try:
					if server := self.servers.start(name, 4096):
						self.keep("idle", name, self.servers.load("-p", server.port(), "-s",
							server.pid, "-i", "-c", connections))
				except Missing as why:
					self.lost("idle", name, why)
					break
				finally:
					if server:
						server.stop()

	def run(self):
		wanted = tuple(self.args.row or [""])
		names = [n for n in SERVERS if not self.args.only or group(n) in self.args.only]
		ran = []
		for cell in ECHO_ALL if self.args.echo_all else ECHO:
			if cell.name.startswith(wanted):
				print(cell.name, "...", file=sys.stderr, flush=True)
				self.echo(cell, names)
				ran.append(cell.name)
		for row in ("accept", "idle"):
			if row.startswith(wanted):
				print(row, "...", file=sys.stderr, flush=True)
				getattr(self, row)(names)
		if any(self.values["instructions"].values()):
			self.switch = self.servers.a_switch()
		return self.data()

	def data(self):
		return {"values": self.values, "switch": self.switch, "bounds": list(self.bounds()),
			"notes": self.notes}

	# --- the bounds

	def median(self, measure, row, name):
		q = telling.quartiles(self.values[measure].get(row, {}).get(name))
		return q and q[1]

	def better(self, row):
		"""The bare loop that spends the least CPU here."""
		cpu = {name: self.median("cpu", row, name) for name in FLOORS}
		return min((n for n in cpu if cpu[n]), key=cpu.get, default=None)

	def bounds(self):
		"""(row, what, awl's, the bound, whether it is met)."""
		for row, cpu in self.values["cpu"].items():
			if "awl" not in cpu:
				continue
			if (better := self.better(row)) and row != "accept":
				yield from self.calls_bound(row, better)
				yield from self.instructions_bound(row, better)
			over = {peer: telling.ratio(cpu, "awl", peer) for peer in ECHO_PEERS if peer in cpu}
			if over:
				peer = max(over, key=lambda peer: over[peer][1])
				yield (row, "server CPU: ahead of every peer", f"{over[peer][1]:.2f} × {peer}",
					"< 1", over[peer][1] < 1)
		if own := self.median("total", "idle", "awl-peek"):
			yield ("idle", "bytes of an idle connection (peek)", number(own),
				f"≤ {number(IDLE_BYTES)}", own <= IDLE_BYTES)

	def calls_bound(self, row, better):
		own, bare = (self.median("calls", row, name) for name in ("awl", better))
		if own is not None and bare is not None:
			most = ECHO_CALLS * bare
			yield (row, f"system calls: as {better}, the better bare loop", number(own),
				f"≤ {number(most)}", own <= most + NOISE)

	def instructions_bound(self, row, better):
		own, bare = (self.median("instructions", row, name) for name in ("awl", better))
		if own and bare and self.switch:
			most = ECHO_INSTRUCTIONS * bare + 2 * self.switch
			yield (row, f"user instructions: {ECHO_INSTRUCTIONS} × {better}, and two switches",
				number(own), f"≤ {number(most)}", own <= most)


def group(name):
	"""What --only calls it."""
	if name in FLOORS or name in AWL:
		return "floor" if name in FLOORS else "awl"
	return name.partition("-")[0]


# --- the tables

HEAD = """Rows are echo-CONNECTIONSxBYTES, and xDEPTH where a connection has several messages under
way. In `accept` a message is a connection: connect, one byte to and fro, close. `uring` is the bare
loop with multishot receives into provided buffers, `uring-recv` the one with plain receives; `awl` is
the default reactor with a buffer on the task's stack, `awl-peek` has none. asyncio and uvloop have a
task a connection with streams, and none with protocols.""".replace("\n", " ")


def tables(data, table):
	values, parts = data["values"], ["### Echo, a task a connection", HEAD]
	if not values["cpu"] and not values["total"]:
		return data["notes"]
	for measure, title in MEASURES.items():
		if values[measure]:
			parts += [f"{title}.", one_table(values[measure], table, measure == "cpu")]
	if data["switch"]:
		parts.append(f"Half a switch of the floor's: {number(data['switch'])} instructions.")
	if values["total"]:
		parts += ["Bytes of an idle connection of 5000 that has had a message: resident, and with "
			"page tables.", one_table({"resident": values["rss"]["idle"],
				"with page tables": values["total"]["idle"]}, table, False)]
	if data["bounds"]:
		rows = [[*words, "met" if ok else "MISSED"] for *words, ok in data["bounds"]]
		parts += ["Bounds.", table(["row", "what", "awl", "bound", ""], rows)]
	return parts + data["notes"]


def one_table(rows, table, spread):
	names = [name for name in SERVERS if any(name in row for row in rows.values())]

	def cell(values):
		q = telling.quartiles(values)
		return telling.spread(q) if spread else number(q[1]) if q else ""
	return table(["row"] + names, [[name] + [cell(row.get(n)) for n in names]
		for name, row in rows.items()])
