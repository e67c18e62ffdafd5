# SPDX-License-Identifier: MIT
"""test_clients.py - the example servers are used by programs that know nothing of awl: nc, socat,
curl, redis-cli and redis-benchmark. Each port is the system's choice, and a server says on its first
line that it is ready. @reactors @timeout 120"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

if os.environ.get("AWL_REACTOR") == "sim":
	print("skipped: nobody from outside is in the simulated network")
	sys.exit(77)

EXAMPLES = os.path.join(os.environ["AWL_BUILD"], "examples")
PATIENCE = 30
BIG = os.urandom(1 << 20)


class Server:
	"""An example's server; the last word of its first line is where it listens."""

	def __init__(self, name, where="0"):
		self.name = name
		self.process = subprocess.Popen([os.path.join(EXAMPLES, name), where],
			stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
		self.port = self.process.stdout.readline().split()[-1]

	def __enter__(self):
		return self

	def __exit__(self, *failure):
		"""Ctrl-C: a civil end, with nothing to complain about."""
		self.process.send_signal(signal.SIGINT)
		_, said = self.process.communicate(timeout=PATIENCE)
		if not failure[0]:
			same(f"{self.name} after Ctrl-C", (self.process.returncode, said), (0, ""))


def same(what, got, wanted):
	if got != wanted:
		raise AssertionError(f"{what}: {got!r:.300} and not {wanted!r:.300}")


def run(*command, said=b""):
	"""What a client answers to that input."""
	if not shutil.which(command[0]):
		raise FileNotFoundError(command[0])
	p = subprocess.run(command, input=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
		timeout=PATIENCE, check=False)
	return p.returncode, p.stdout, p.stderr.decode(errors="replace")


def answer(*command, said=b""):
	status, out, err = run(*command, said=said)
	same(f"{command[0]} ({err})", status, 0)
	return out


def nc_talks_to_echo():
	with Server("echo_server") as s:
		same("TCP", answer("nc.openbsd", "-N", "127.0.0.1", s.port, said=b"hello\n"), b"hello\n")
		same("a megabyte", answer("nc.openbsd", "-N", "127.0.0.1", s.port, said=BIG), BIG)
	with tempfile.TemporaryDirectory() as place, Server("echo_server", place + "/s") as s:
		same("unix", answer("nc.openbsd", "-N", "-U", s.port, said=b"hello\n"), b"hello\n")


def socat_talks_to_echo():
	with Server("echo_server") as s:
		there = f"TCP4:127.0.0.1:{s.port}"
		same("TCP", answer("socat", "-t", "20", "-", there, said=BIG), BIG)
	with tempfile.TemporaryDirectory() as place, Server("echo_server", place + "/s") as s:
		there = f"UNIX-CONNECT:{s.port}"
		same("unix", answer("socat", "-t", "20", "-", there, said=BIG), BIG)
	name = f"awl-test-{os.getpid()}"
	with Server("echo_server", "@" + name):
		there = f"ABSTRACT-CONNECT:{name}"
		same("abstract", answer("socat", "-t", "20", "-", there, said=b"hi"), b"hi")


def a_load_is_served_and_measured():
	with Server("echo_server") as s:
		said = answer(os.path.join(EXAMPLES, "echo_client"), s.port, "20", "1", "5000")
		assert b"20 connections, 5000 bytes: " in said, said
		assert b"messages a second, half within" in said, said


def guests_of_a_room_hear_each_other():
	if not shutil.which("nc.openbsd"):
		raise FileNotFoundError("nc.openbsd")
	with Server("chat") as s:
		def guest(name):
			p = subprocess.Popen(["nc.openbsd", "-N", "127.0.0.1", s.port], stdin=subprocess.PIPE,
				stdout=subprocess.PIPE, text=True)
			p.stdin.write(name + " lobby\n")
			p.stdin.flush()
			same("welcome", p.stdout.readline(), name + " is here\n")
			return p

		ann = guest("ann")
		bob = guest("bob")
		same("ann hears", ann.stdout.readline(), "bob is here\n")
		bob.stdin.write("good evening\n")
		bob.stdin.flush()
		for who in (ann, bob):
			same("both hear", who.stdout.readline(), "bob says: good evening\n")
		bob.stdin.close()
		same("ann hears", ann.stdout.readline(), "bob is gone\n")
		ann.stdin.close()
		same("both end", (ann.wait(PATIENCE), bob.wait(PATIENCE)), (0, 0))
		ann.stdout.close()
		bob.stdout.close()


def who_does_not_read_is_shown_out_and_holds_nobody_up():
	with Server("chat") as s:
		deaf = socket.socket()
		deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		deaf.settimeout(PATIENCE)
		deaf.connect(("127.0.0.1", int(s.port)))
		deaf.sendall(b"deaf lobby\n")
		same("welcome", deaf.recv(13, socket.MSG_WAITALL), b"deaf is here\n")
		ann = socket.create_connection(("127.0.0.1", int(s.port)), PATIENCE)
		heard = ann.makefile("rb")
		ann.sendall(b"ann lobby\n")
		same("ann hears", heard.readline(), b"ann is here\n")
		line, many = b"", 32  # fewer than a room keeps: ann misses none
		while line != b"deaf is gone\n":
			ann.sendall((b"x" * 200 + b"\n") * many)
			for _ in range(many):
				line = heard.readline()
				if line == b"deaf is gone\n":
					break
				same("ann hears", line[:11], b"ann says: x")
		deaf.close()
		ann.close()


class Web:
	"""A web server of the system's Python, with one big file."""

	def __init__(self, host):
		self.place = tempfile.TemporaryDirectory()
		with open(os.path.join(self.place.name, "big"), "wb") as f:
			f.write(BIG)
		self.process = subprocess.Popen([sys.executable, "-u", "-m", "http.server", "0",
			"--bind", host, "--directory", self.place.name], stdout=subprocess.PIPE,
			stderr=subprocess.DEVNULL, text=True)
		self.port = self.process.stdout.readline().split(" port ")[1].split()[0]

	def __enter__(self):
		return self

	def __exit__(self, *_):
		self.process.kill()
		self.process.communicate()
		self.place.cleanup()


def curl(proxy, url):
	"""By name: it is the proxy that looks it up."""
	return run("curl", "-sS", "--noproxy", "", "--proxy", f"socks5h://127.0.0.1:{proxy.port}", url)


def has_ipv6():
	try:
		with socket.socket(socket.AF_INET6) as s:
			s.bind(("::1", 0))
		return True
	except OSError:
		return False


def curl_goes_through_the_socks5_proxy():
	with Server("socks5") as s, Web("127.0.0.1") as web:
		for host in ("127.0.0.1", "localhost"):
			same(host, curl(s, f"http://{host}:{web.port}/big"), (0, BIG, ""))
		if has_ipv6():
			with Web("::1") as web6:
				same("IPv6", curl(s, f"http://[::1]:{web6.port}/big"), (0, BIG, ""))


def curl_is_told_by_the_proxy_what_went_wrong():
	with Server("socks5") as s:
		with socket.socket() as nobody:
			nobody.bind(("127.0.0.1", 0))
			port = nobody.getsockname()[1]
			status, _, words = curl(s, f"http://127.0.0.1:{port}/")
			same(words, (status, "(5)" in words), (97, True))
		# A label of 64 letters is no name, and no server is asked for it.
		status, _, words = curl(s, f"http://{'a' * 64}.example/")
		same(words, (status, "(4)" in words), (97, True))


def redis_cli_sets_and_gets():
	with Server("resp") as s:
		def cli(*words, said=b""):
			return answer("redis-cli", "-p", s.port, *words, said=said)

		same("SET", cli("set", "a key", "its value"), b"OK\n")
		same("GET", cli("get", "a key"), b"its value\n")
		same("GET of none", cli("get", "none"), b"\n")
		same("a session", cli(said=b"ping\nset n 1\nset n 22\nget n\n"), b"PONG\nOK\nOK\n22\n")
		big = "x" * 1000000
		same("a long one", cli("-x", "set", "big", said=big.encode()), b"OK\n")
		same("a long one", cli("get", "big").strip(), big.encode())
		assert b"ERR" in cli("nonsense"), "an unknown command is an error"


def ten_thousand_commands_at_once_are_answered_each():
	pairs = [(f"key{i}", f"value{i}") for i in range(10000)]
	said = "".join(f"*3\r\n$3\r\nSET\r\n${len(k)}\r\n{k}\r\n${len(v)}\r\n{v}\r\n" for k, v in pairs)
	with Server("resp") as s:
		told = answer("redis-cli", "-p", s.port, "--pipe", said=said.encode())
		assert b"errors: 0, replies: 10000" in told, told
		for k, v in pairs[::1000]:
			same(k, answer("redis-cli", "-p", s.port, "get", k), v.encode() + b"\n")


def commands_may_be_typed():
	with Server("resp") as s:
		same("nc.openbsd", answer("nc.openbsd", "-N", "127.0.0.1", s.port, said=b"PING\r\nset x 1\r\n\r\nget x\n"),
			b"+PONG\r\n+OK\r\n$1\r\n1\r\n")
		same("nonsense", answer("nc.openbsd", "-N", "127.0.0.1", s.port, said=b"*1\r\n:7\r\n"),
			b"-ERR Protocol error\r\n")


def redis_benchmark_gets_all_its_answers():
	with Server("resp") as s:
		for depth in ("1", "16"):
			said = answer("redis-benchmark", "-q", "-p", s.port, "-n", "3000", "-P", depth,
				"-t", "ping,set,get")
			same(said, said.count(b"requests per second"), 4)
			assert b"rror" not in said, said


def the_prober_finds_who_listens_and_probes_nobody_else():
	prober = os.path.join(EXAMPLES, "prober")
	with Server("echo_server") as s:
		said = answer(prober, "127.0.0.1", f"{s.port}-{s.port}")
		assert f"{s.port} is open\n127.0.0.1: 1 open, 0 closed".encode() in said, said
	for host in ("192.0.2.1", "localhost", "::2"):
		same(host, run(prober, host)[0], 2)


CASES = (nc_talks_to_echo, socat_talks_to_echo, a_load_is_served_and_measured,
	guests_of_a_room_hear_each_other, who_does_not_read_is_shown_out_and_holds_nobody_up,
	curl_goes_through_the_socks5_proxy, curl_is_told_by_the_proxy_what_went_wrong,
	redis_cli_sets_and_gets, ten_thousand_commands_at_once_are_answered_each,
	commands_may_be_typed, redis_benchmark_gets_all_its_answers,
	the_prober_finds_who_listens_and_probes_nobody_else)


def main():
	failed = False
	print(f"1..{len(CASES)}")
	for i, case in enumerate(CASES, 1):
		try:
			case()
			print(f"ok {i} - {case.__name__}")
		except FileNotFoundError as e:
			print(f"ok {i} - {case.__name__} # SKIP no {e}")
		except (AssertionError, IndexError, OSError, subprocess.SubprocessError) as e:
			failed = True
			print(f"not ok {i} - {case.__name__}")
			print(f"# {e!r}")
	sys.exit(failed)


main()
