# SPDX-License-Identifier: MIT
"""redis.py - examples/resp.c against redis-server, both under redis-benchmark: PING, GET and SET,
one request under way a connection, and 16."""

import os
import shutil
import socket
import time

import telling
from contenders import ROOT, Missing, cc, command
from rows import REDIS_RATE
from servers import Server

TESTS = {"PING": "ping_mbulk", "SET": "set", "GET": "get"}
REQUESTS = {1: 40_000, 16: 400_000}  # pipeline -> how many


class Redis:
	def __init__(self, contenders, cpus, args):
		self.contenders, self.args, (self.server_cpu, self.load_cpu) = contenders, args, cpus
		self.rounds = args.rounds or (3 if args.quick else 5)
		self.version = None
		self.rate, self.cpu = {}, {}  # row -> server -> values, a round each

	def redis_server(self, port):
		"""Debian's redis-tools has the program too, under another name: it goes by the one it is
		called by. The package redis-server would also start a service."""
		program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
		if not program:
			raise Missing("redis-server: not here (redis-tools)")
		self.version = command(["redis-cli", "--version"]).split()[1]
		return Server(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "no", "--loglevel", "warning"], self.server_cpu, executable=program)

	def awl(self, port):
		source = ROOT / "examples" / "resp.c"
		if not source.exists():
			raise Missing("examples/resp.c: not here")
		lib = self.contenders.lib
		if not lib.exists():
			raise Missing("no library, see --lib")
		program = cc(self.contenders.build / "awl-resp", source, [f"-I{ROOT}/include"],
			[lib, "-luring", f"-Wl,-rpath,{lib.parent.resolve()}"], [lib])
		return Server([*program, port], self.server_cpu)

	def sample(self, server, port, test, pipeline):
		"""Requests a second, and the server's CPU a request."""
		n = REQUESTS[pipeline] // (10 if self.args.quick else 1)
		clock = ~server.pid << 3 | 2  # clock_getcpuclockid(3)
		before = time.clock_gettime_ns(clock)
		said = command(["redis-benchmark", "-p", str(port), "-t", TESTS[test], "-n", str(n), "-P",
			str(pipeline), "--csv"], timeout=60,
			preexec_fn=lambda: os.sched_setaffinity(0, {self.load_cpu}))
		cpu = (time.clock_gettime_ns(clock) - before) / n
		return float(said.splitlines()[-1].split(",")[1].strip('"')), cpu

	def run(self):
		up = {}
		try:
			for name, start in (("awl", self.awl), ("redis-server", self.redis_server)):
				try:
					port = free_port()
					up[name] = start(port), port
					wait_until_listening(port)
				except Missing as why:
					self.contenders.missing[f"{name} resp"] = str(why)
					return self.data()
			for _ in range(self.rounds):
				for pipeline in REQUESTS:
					for test in TESTS:
						row = f"redis-{test}" + (f"x{pipeline}" if pipeline > 1 else "")
						for name, (server, port) in up.items():
							rate, cpu = self.sample(server, port, test, pipeline)
							self.rate.setdefault(row, {}).setdefault(name, []).append(rate)
							self.cpu.setdefault(row, {}).setdefault(name, []).append(cpu)
		except Missing as why:
			self.contenders.missing["redis"] = str(why)
		finally:
			for server, _ in up.values():
				server.stop()
		return self.data()

	def data(self):
		return {"rate": self.rate, "cpu": self.cpu, "version": self.version}


def free_port():
	with socket.create_server(("127.0.0.1", 0)) as s:
		return s.getsockname()[1]


def wait_until_listening(port):
	for _ in range(100):
		try:
			return socket.create_connection(("127.0.0.1", port)).close()
		except OSError:
			time.sleep(0.05)
	raise Missing("the server does not listen")


def tables(data, table):
	if not data["rate"]:
		return []
	head = ["row", "awl", "redis-server", "awl / redis-server", "bound", "", "awl CPU",
		"redis-server CPU"]
	rows = [cells(row, rate, data["cpu"][row]) for row, rate in data["rate"].items()]
	return ["### Redis", f"`examples/resp.c` and redis-server {data['version']} under "
		"redis-benchmark, 50 connections, x16 with 16 requests under way on each: requests a "
		"second, and the server's CPU, ns a request.", table(head, rows)]


def cells(row, rate, cpu):
	over = telling.ratio(rate, "awl", "redis-server")
	servers = "awl", "redis-server"
	return [row, *(telling.spread(telling.quartiles(rate[name])) for name in servers),
		telling.spread(over, lambda x: f"{x:.2f}"), f"≥ {REDIS_RATE}",
		"met" if over[1] >= REDIS_RATE else "MISSED",
		*(telling.number(telling.quartiles(cpu[name])[1]) for name in servers)]
