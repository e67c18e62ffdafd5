# SPDX-License-Identifier: MIT
"""contenders.py - builds what is measured: the floor, awl's programs, each peer that is here."""

import glob
import os
import shutil
import subprocess
from pathlib import Path

from rows import FLOOR_ROW

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PYTHON = "/usr/bin/python3"  # the system's own: uvloop comes as a package for it
CRATES = "/usr/share/cargo/registry"
CC = os.environ.get("CC", "cc").split()
CFLAGS = "-std=gnu17 -O2 -g -fno-omit-frame-pointer -D_GNU_SOURCE -pthread".split()


class Missing(Exception):
	"""Why a contender does not take part."""


def command(args, **kw):
	"""What a command prints; Missing with its first error if it fails."""
	try:
		done = subprocess.run(args, capture_output=True, text=True, **kw)
	except OSError as e:
		raise Missing(f"{args[0]}: {e.strerror}")
	except subprocess.TimeoutExpired as e:
		raise Missing(f"{Path(args[0]).name}: nothing after {e.timeout} s")
	if done.returncode:
		lines = (done.stderr or done.stdout).strip().splitlines()
		telling = (line for line in lines if "error" in line or "undefined" in line)
		error = next(telling, (lines or ["failed"])[-1])
		raise Missing(f"{Path(args[0]).name}: {error.strip()}")
	return done.stdout


def fresh(target, sources):
	if not target.exists():
		return False
	return all(target.stat().st_mtime >= source.stat().st_mtime for source in sources)


def cc(target, source, flags=(), libs=(), needs=()):
	if not fresh(target, [source, *HERE.glob("*.h"), *source.parent.glob("*.h"), *needs]):
		command([*CC, *CFLAGS, f"-I{HERE}", *flags, "-o", target, source, *libs])
	return [target]


class Contenders:
	def __init__(self, build, lib):
		self.build, self.lib = build.resolve(), lib
		self.missing, self.version, self.made = {}, {}, {}
		self.version["floor"] = command([*CC, "--version"]).splitlines()[0]
		self.build.mkdir(parents=True, exist_ok=True)

	def argv(self, name, sample, count):
		"""The command of one sample, built when first asked for; None where there is none."""
		own = name == "floor" or name == "awl" and self.lib.exists()
		key = f"{name} {sample.program}" if own else name  # each peer is one program
		if key not in self.made:
			try:
				self.made[key] = self.build_one(name, sample.program)
			except Missing as why:
				self.made[key], self.missing[key] = None, str(why)
		row = FLOOR_ROW.get(sample.row, sample.row) if name == "floor" else sample.row
		if not self.made[key]:
			return None
		return [*map(str, self.made[key]), row, str(count)] + ["uvloop"] * (name == "uvloop")

	def build_one(self, name, program):
		"""Where a row has no floor, it is compared with another row of awl's."""
		if name == "floor" and not (HERE / "floor" / f"{program}.c").exists():
			return None
		return getattr(self, name.lower())(program)

	def floor(self, program):
		libs = ["-luring"] * ("uring" in program)
		return cc(self.build / f"floor-{program}", HERE / "floor" / f"{program}.c", libs=libs)

	def awl(self, program):
		if not self.lib.exists():
			raise Missing("no library, see --lib")
		flags = [f"-I{ROOT}/include", f"-I{ROOT}/src"]
		libs = [self.lib, "-luring", f"-Wl,-rpath,{self.lib.parent.resolve()}"]
		source = HERE / "awl" / f"{program}.c"
		return cc(self.build / f"awl-{program}", source, flags, libs, [self.lib])

	def libuv(self, program):
		self.version["libuv"] = command(["pkg-config", "--modversion", "libuv"]).strip()
		file = "echo_libuv" if program == "echo" else "libuv"
		return cc(self.build / f"peer-{file}", HERE / "peers" / f"{file}.c", libs=["-luv"])

	def go(self, program):
		file = "echo" if program == "echo" else "go"
		source, target = HERE / "peers" / f"{file}.go", self.build / f"peer-{file}-go"
		env = os.environ | {"GO111MODULE": "off", "GOFLAGS": "", "GOCACHE": f"{self.build}/go"}
		self.version["Go"] = command(["go", "version"]).split()[2].removeprefix("go")
		if not fresh(target, [source]):
			command(["go", "build", "-o", target, source], env=env)
		return [target]

	def tokio(self, program):
		crates = glob.glob(f"{CRATES}/tokio-[0-9]*")
		if not crates:
			raise Missing("no crate (librust-tokio-dev)")
		self.version["Tokio"] = crates[0].rpartition("-")[2]
		source, copy = HERE / "peers" / "tokio", self.build / "tokio"
		target = copy / "target" / "release" / "bench-tokio"
		cargo, env = "cargo", dict(os.environ)
		if all(os.access(f"/usr/bin/{tool}", os.X_OK) for tool in ("cargo", "rustc")):
			# Debian's pair goes before another that comes first in PATH.
			cargo = "/usr/bin/cargo"
			env |= {"RUSTC": "/usr/bin/rustc", "CARGO_HOME": f"{self.build}/cargo"}
		if not fresh(target, [source / "Cargo.toml", *source.rglob("*.rs")]):
			shutil.rmtree(copy, ignore_errors=True)
			shutil.copytree(source, copy)
			command([cargo, "build", "--release", "--offline",
				"--config", 'source.crates-io.replace-with="debian"',
				"--config", f'source.debian.directory="{CRATES}"'], cwd=copy, env=env)
		return [target]

	def python(self, name, ask):
		self.version[name] = command([PYTHON, "-c", ask]).strip()
		return [PYTHON, HERE / "peers" / "asyncio_peer.py"]

	def asyncio(self, program):
		argv = self.python("asyncio", "import platform; print(platform.python_version())")
		if [int(n) for n in self.version["asyncio"].split(".")[:2]] < [3, 11]:
			raise Missing(f"CPython {self.version['asyncio']} has no TaskGroup")
		return argv

	def uvloop(self, program):
		return self.python("uvloop", "import uvloop; print(uvloop.__version__)")
