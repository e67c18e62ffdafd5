# SPDX-License-Identifier: MIT
"""telling.py - from samples to sentences: medians, ratios round by round, bounds, tables."""

import os
import platform
import statistics

from rows import NAMES, PEERS


def quartiles(values):
	"""Lower quartile, median, upper quartile; None without a value."""
	values = [v for v in values or [] if v is not None]
	if len(values) < 2:
		return values * 3 or None
	return statistics.quantiles(values, n=4, method="inclusive")


def ratio(values, a, b, plus=0):
	"""Of a's and b's samples of the same round; what a may have beyond its share is taken off."""
	pairs = zip(values.get(a, []), values.get(b, []))
	return quartiles([(x - plus) / y for x, y in pairs if x is not None and y])


def bounds(m, values):
	"""Each bound of a metric in words, and whether it is met; None: nothing to say it from."""
	awl = quartiles(values.get("awl"))
	if m.floor:
		over = ratio(values, "awl", "floor", m.plus)
		plus = f" + {number(m.plus)} {m.unit}" if m.plus else ""
		yield f"≤ {m.floor} × floor{plus}", over and over[1] <= m.floor
	if m.value:
		yield f"≤ {number(m.value)} {m.unit}", awl and awl[1] <= m.value
	if m.peer:
		name, most = m.peer
		over = ratio(values, "awl", name)
		yield f"≤ {most} × {name}", over and over[1] <= most
	if m.ahead:
		behind = [ratio(values, "awl", name) for name in PEERS if name in values]
		yield "ahead of peers", awl and behind and all(r and r[1] < 1 for r in behind)


def summary(m, values):
	words = list(bounds(m, values))
	met = [ok for _, ok in words if ok is not None]
	return {
		"metric": m.name,
		"what": m.what,
		"unit": m.unit,
		"quartiles": {name: quartiles(values[name]) for name in values},
		"awl_over_floor": ratio(values, "awl", "floor"),
		"peers_over_awl": {name: ratio(values, name, "awl") for name in PEERS if name in values},
		"bound": ", ".join(text for text, _ in words),
		"met": all(met) if met else None,
	}


def number(x):
	if abs(x) >= 999.5:
		return f"{x:,.0f}".replace(",", " ")
	if abs(x) >= 100:
		return f"{x:.0f}"
	return f"{x:.3g}" if abs(x) >= 1 else f"{x:.2f}"


def spread(q, form=number):
	return f"{form(q[1])} ({form(q[0])} - {form(q[2])})" if q else ""


def main_cells(s):
	q = s["quartiles"]
	return [
		s["metric"],
		s["what"],
		spread(q.get("floor")),
		spread(q.get("awl")),
		spread(s["awl_over_floor"], lambda x: f"{x:.2f}"),
		s["bound"],
		{True: "met", False: "MISSED", None: ""}[s["met"]],
	]


def peer_cells(s):
	def cell(name):
		q, times = s["quartiles"].get(name), s["peers_over_awl"].get(name)
		return (number(q[1]) if q else "") + (f" ({number(times[1])}×)" if times else "")
	awl = s["quartiles"].get("awl")
	return [s["metric"], number(awl[1]) if awl else ""] + [cell(name) for name in PEERS]


def syscall_table(counts, table):
	names = [name for name in NAMES if any(name in row for row in counts.values())]
	rows = [[name] + [f"{max(row[n], 0):.2f}" if n in row else "" for n in names]
		for name, row in counts.items()]
	return table(["row"] + names, rows)


def text_table(head, rows):
	widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
	rows = [head, ["-" * w for w in widths], *rows]
	return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows)


def markdown_table(head, rows):
	return "\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows])


def machine():
	with open("/proc/cpuinfo") as f:
		model = next((line for line in f if line.startswith("model name")), ": ?").split(":")[1]
	return f"{model.strip()}, {len(os.sched_getaffinity(0))} CPUs, Linux {platform.release()}"


def report(data, table, more):
	"""`more` gives the parts of those who tell their own rows."""
	version = data["versions"]
	peers = ", ".join(f"{name} {version[name]}" for name in PEERS if name in version)
	parts = [
		f"{data['machine']}. Compiler: {version.get('floor', '?')}. Peers: {peers}.",
	]
	if data["rows"]:
		parts += [
			"ns an operation, or bytes: median (quartiles) of the rounds. The ratio is the median of "
			"the rounds' own ratios.",
			table(["row", "work", "floor", "awl", "awl / floor", "bound", ""],
				[main_cells(s) for s in data["rows"]]),
			"The peers' medians, and how many times awl's that is. Where others do a million at "
			"once, asyncio and uvloop do 50 000. Blank: a peer without the notion.",
			table(["row", "awl"] + PEERS, [peer_cells(s) for s in data["rows"]]),
		]
	if data["syscalls"]:
		parts += ["System calls an operation.", syscall_table(data["syscalls"], table)]
	parts += more(table)
	parts += [f"Not taking part: {name} ({why})." for name, why in data["missing"].items()]
	return "\n\n".join(parts + data["notes"]) + "\n"
