# SPDX-License-Identifier: MIT
"""servers.py - the echo servers and their load: built, started on one CPU and loaded from another,
and what they spend counted: by the load itself, or, where the kernel does not let it, by strace and
valgrind around the server."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from contenders import HERE, PYTHON, Missing, cc, command

FLOORS = {"epoll": "echo_epoll", "uring": "echo_uring", "uring-recv": "echo_uring_recv"}
AWL = {"awl": ("read", None), "awl-epoll": ("read", "epoll"), "awl-uring": ("read", "uring"),
	"awl-peek": ("peek", None)}
PYTHONS = {"asyncio": ("streams", "asyncio"), "asyncio-protocol": ("protocol", "asyncio"),
	"uvloop": ("streams", "uvloop"), "uvloop-protocol": ("protocol", "uvloop")}
ECHO_PEERS = ["libuv", "Go", "Tokio", *PYTHONS]
SERVERS = [*FLOORS, *AWL, *ECHO_PEERS]
NATIVE = [*FLOORS, "awl", "awl-epoll", "awl-uring"]  # whose user instructions are counted


class Server:
	"""A server that runs: where it listens, and what it is."""

	def __init__(self, argv, cpu, env=None, **how):
		self.process = subprocess.Popen([*map(str, argv)], stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL, env=os.environ | (env or {}),
			preexec_fn=lambda: os.sched_setaffinity(0, {cpu}), **how)
		self.pid = self.process.pid

	def port(self):
		said = self.process.stdout.readline().split()
		if said[:1] != [b"port"]:
			self.stop()
			raise Missing("the server ended before it listened")
		return int(said[1])

	def stop(self, how=signal.SIGTERM):
		"""Ends it: the child, where strace is around it, which would only let go of it."""
		children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
		with contextlib.suppress(OSError):
			for pid in list(map(int, children.read_text().split())) or [self.pid]:
				os.kill(pid, how)
		try:
			self.process.wait(timeout=10)
		except subprocess.TimeoutExpired:
			self.process.kill()
			self.process.wait()
		self.process.stdout.close()


class Servers:
	def __init__(self, contenders, cpus):
		self.contenders, self.build, self.lib = contenders, contenders.build, contenders.lib
		self.server_cpu, self.load_cpu = cpus
		self.made, self.missing = {}, contenders.missing
		self.load_program, = cc(self.build / "load", HERE / "load" / "load.c")

	def argv(self, name):
		"""The command, without the size of its buffer; None where it cannot be had."""
		if name not in self.made:
			try:
				self.made[name] = self.build_one(name)
			except Missing as why:
				self.made[name], self.missing[f"{name} echo"] = None, str(why)
		return self.made[name]

	def build_one(self, name):
		if name in FLOORS:
			return self.contenders.floor(FLOORS[name])
		if name in AWL:
			return self.contenders.awl("echo")
		if name in PYTHONS:
			self.contenders.build_one(PYTHONS[name][1], "echo")
			return [PYTHON, HERE / "peers" / "echo.py"]
		program = self.contenders.build_one(name, "echo")
		return [program[0].parent / "echo"] if name == "Tokio" else program

	def start(self, name, buffer, wrap=()):
		argv = self.argv(name)
		if not argv:
			return None
		form, reactor = AWL.get(name, (None, None))
		forms = PYTHONS.get(name) or ([form] if form else [])
		env = {"AWL_REACTOR": reactor} if reactor else {}
		return Server([*wrap, *argv, buffer, *forms], self.server_cpu, env)

	def load(self, *args):
		"""What the load prints: metric -> value."""
		said = command([self.load_program, *map(str, args)], timeout=120,
			preexec_fn=lambda: os.sched_setaffinity(0, {self.load_cpu}))
		return {key: float(value) for key, value in
			(line.split("\t") for line in said.splitlines())}

	def system_calls(self, name, buffer, args, messages):
		"""A message's, by strace: what twice the messages take more than once, so that all else
		drops out."""
		out, totals = self.build / "strace", []
		for n in (messages, 2 * messages):
			server = self.start(name, buffer, ["strace", "-f", "-c", "-o", out])
			try:
				self.load("-p", server.port(), *args, "-n", n)
			finally:
				server.stop()
			totals.append(int(out.read_text().splitlines()[-1].split()[3]))
		return (totals[1] - totals[0]) / messages

	def instructions(self, name, buffer, args, messages):
		"""A message's, by callgrind, in the same manner. It takes no signal while the program is in
		io_uring_enter, but always the command to write down what it has counted."""
		out = self.build / "callgrind"
		for old in self.build.glob("callgrind.*"):
			old.unlink()
		server = self.start(name, buffer, callgrind(out))
		try:
			port = server.port()
			for n in (messages, messages, 2 * messages):
				self.load("-p", port, *args, "-n", n)
				command(["vgdb", f"--pid={server.pid}", "dump"], timeout=30)
		finally:
			server.stop(signal.SIGKILL)
		once, twice = (callgrind_total(f"{out}.{i}") for i in (2, 3))
		return (twice - once) / messages

	def a_switch(self):
		"""The user instructions of half a switch of the floor's."""
		out, count, totals = self.build / "callgrind", 100_000, []
		program, = self.contenders.floor("switch")
		for n in (count, 2 * count):
			command([*map(str, callgrind(out)), str(program), "switch", str(n)])
			totals.append(callgrind_total(out))
		return (totals[1] - totals[0]) / (1.1 * count)  # a tenth is warm-up


def callgrind(out):
	return ["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out}"]


def callgrind_total(path):
	lines = Path(path).read_text().splitlines()
	return int(next(line for line in lines if line.startswith("summary:")).split()[1])
