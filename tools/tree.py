# SPDX-License-Identifier: MIT
"""tree.py - what every guard needs: the files of the tree, the public functions as the headers
declare them, and a way to say "ok" or what to do, in TAP.

A guard is tools/guard_<what>: it prints a TAP line for each promise it checks. With --self-test it
shows on a small bad tree that it can fail."""

import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TAGS = ("AWL_ANY_THREAD", "AWL_LOOP_THREAD", "AWL_TASK", "AWL_RUNNER")
SHOWN = 30  # complaints of one case
SKIPPED_DIRS = {".git", "build", "__pycache__"}


def files(root, *suffixes, under=()):
	"""Every file of the tree, sorted; with suffixes only those, with under only in those dirs."""
	found = []
	for top in under or (".",):
		for where, dirs, names in os.walk(root / top):
			dirs[:] = sorted(d for d in dirs if d not in SKIPPED_DIRS)
			found += [pathlib.Path(where) / n for n in names
					if n not in SKIPPED_DIRS and (not suffixes or n.endswith(suffixes))]
	return sorted(found)


def blank_comments(text):
	"""The text with comments, strings and preprocessor lines blanked, every line kept."""
	def blank(m):
		return re.sub(r"[^\n]", " ", m.group(0))
	text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)
	return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


class Function:
	"""A function that a header declares: its name, tags, place, and whether a comment stands
	directly above it or above the unbroken group of lines it belongs to."""

	def __init__(self, header, line, name, words, inline, commented):
		self.header, self.line, self.name, self.inline = header, line, name, inline
		self.commented = commented
		self.tags = [w for w in words if w in TAGS]
		self.exported = not inline and bool(self.tags or "AWL_API" in words)
		self.declaration = " ".join(words)

	@property
	def place(self):
		return f"{self.header}:{self.line}"


def commented_above(lines, line):
	"""True if going up from `line` (1-based) a comment comes before an empty line does."""
	for above in reversed(lines[:line - 1]):
		if not above.strip():
			return False
		if re.match(r"\s*(/\*|\*)", above):
			return True
	return False


def functions_of(header, text):
	lines = text.split("\n")
	clean = re.sub(r"^[ \t]*AWL__(BEGIN|END)\b", lambda m: " " * len(m.group(0)),
				blank_comments(text), flags=re.M)
	found, depth, start, body = [], 0, 0, False
	for i, c in enumerate(clean):
		if c == "{":
			if depth == 0:
				body = True
				head = clean[start:i]
			depth += 1
		elif c == "}":
			depth -= 1
			# The end of an inline function ends a statement; that of a struct does not.
			if depth == 0 and re.search(r"\)\s*$", head):
				found.append((start, head, True))
				start, body = i + 1, False
		elif c == ";" and depth == 0:
			if not body:
				found.append((start, clean[start:i], False))
			start, body = i + 1, False
	for start, statement, inline in found:
		words = re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", statement, flags=re.S)
		m = re.search(r"\b(awl_\w+)\s*\(", words)
		if not m or re.match(r"\s*typedef\b", words):
			continue
		lead = len(statement) - len(statement.lstrip())
		line = clean.count("\n", 0, start + lead) + 1
		inline = inline or bool(re.search(r"\bstatic\b", words))
		yield Function(header, line, m.group(1), words.split(), inline,
					commented_above(lines, line))


def public_headers(root=ROOT):
	return files(root, ".h", under=("include",))


def functions(root=ROOT):
	for path in public_headers(root):
		yield from functions_of(str(path.relative_to(root)), path.read_text())


class Tap:
	"""Says for each promise whether it holds; exit() is the guard's exit status."""

	def __init__(self):
		self.count = self.failed = 0

	def case(self, name, complaints=()):
		self.count += 1
		complaints = list(complaints)
		self.failed += bool(complaints)
		print(f"{'not ' if complaints else ''}ok {self.count} - {name}")
		for c in complaints[:SHOWN] + [f"... {len(complaints)} in all"] * (len(complaints) > SHOWN):
			print("\n".join("# " + line for line in str(c).split("\n")))

	def skip(self, name, why):
		self.count += 1
		print(f"ok {self.count} - {name} # SKIP {why}")

	def exit(self):
		print(f"1..{self.count}", flush=True)
		sys.exit(1 if self.failed else 0)


def small_tree(contents):
	"""A tree of its own for a self-test: {path: text}; it goes when the object does."""
	place = tempfile.TemporaryDirectory(prefix="awl-guard-")
	root = pathlib.Path(place.name)
	for name, text in contents.items():
		path = root / name
		path.parent.mkdir(parents=True, exist_ok=True)
		path.write_text(text)
	return place, root


def self_test(cases):
	"""cases: (name, {path: text}, check(root) -> complaints, words that a complaint must say or
	None where there must be none)."""
	tap = Tap()
	for name, contents, check, words in cases:
		place, root = small_tree(contents)
		with place:
			said = [str(c) for c in check(root)]
		if words is None:
			tap.case(name, ["complains of a good tree: " + s for s in said])
		else:
			tap.case(name, [] if any(words in s for s in said) else
					[f"should have said {words!r}, said {said}"])
	tap.exit()


def build_dir():
	"""Where the build under test is: AWL_BUILD, set by tools/run-tests."""
	return pathlib.Path(os.environ.get("AWL_BUILD", ROOT / "build" / "check"))


if __name__ == "__main__":
	# The list of public functions for other generators: tag, name, place.
	for f in functions():
		print("inline" if f.inline else ",".join(f.tags) or "-", f.name, f.place)
