# SPDX-License-Identifier: MIT
"""Run by gdb for test_gdb.sh: walks the stacks of prog_gdb_parked, parked and in mid-switch."""
import gdb

BOTTOM = "awl__switch_bottom_frame"
MAY_BE_INLINE = {"flow_yield", "flow_resume", "awl__context_switch", "awl__context_exit"}
failures = cases = 0


def case(title):
    """A line for the runner: how it went since the line before."""
    global failures, cases
    cases += 1
    print("\n%s %d - %s" % ("not ok" if failures else "ok", cases, title))
    failures = 0


def name(frame):
    """Without debug information gdb takes two underscores for Ada's dot."""
    return (frame.name() or "?").replace(".", "__")


def walk():
    """The functions from the newest frame on, but for those, and why the walk ended there."""
    names, frame = [], gdb.newest_frame()
    while True:
        if name(frame) not in MAY_BE_INLINE:
            names.append(name(frame))
        older = frame.older()
        if older is None:
            return names, frame.unwind_stop_reason()
        frame = older


def expect(what, names, stop, tails):
    global failures
    text = gdb.execute("backtrace", to_string=True)
    good = stop == gdb.FRAME_UNWIND_OUTERMOST if names[-1] == BOTTOM else names[-1] == "main"
    if good and any(names[-len(t):] == t for t in tails) and "corrupt" not in text:
        return
    failures += 1
    print("%s: stopped by %s:\n%s" % (what, gdb.frame_stop_reason_string(stop), text))


def walk_parked(what, sp, tail):
    """As an inspector does it: sp from the context, pc where every parked one stands."""
    saved = {r: int(gdb.parse_and_eval("(long)$" + r)) for r in ("sp", "pc")}
    gdb.execute("set $sp = %d" % sp)
    gdb.execute("set $pc = (long)&awl__switch_parked")
    names, stop = walk()
    expect(what, names, stop, [tail])
    for register, value in saved.items():
        gdb.execute("set $%s = %d" % (register, value))


entry = ["flow_entry", BOTTOM]
inside = ["innermost", "middle", "outermost"] + entry
gdb.execute("break look_here")
gdb.execute("run", to_string=True)
parked, unborn = (int(gdb.parse_and_eval("(long)" + a)) for a in ("parked_sp", "unborn_sp"))
walk_parked("parked", parked, ["awl__switch"] + inside)
case("a_walk_from_a_parked_stack_ends_at_its_entry")
walk_parked("not begun", unborn, ["awl__switch", BOTTOM])
case("a_stack_that_has_not_begun_can_be_walked")

# From here to the end of the program, one instruction at a time while in the machine's part.
steps = 0
gdb.execute("break awl__switch")
gdb.execute("break awl__switch_last")
gdb.execute("continue", to_string=True)
while gdb.selected_inferior().pid:
    while name(gdb.newest_frame()).startswith("awl__switch"):
        names, stop = walk()
        here = names[0]
        at = "%s at 0x%x" % (here, gdb.newest_frame().pc())
        if here == BOTTOM:
            expect(at, names, stop, [[BOTTOM]])
        elif here == "awl__switch":
            expect(at, names, stop, [[here] + inside, [here, "main"], [here, BOTTOM]])
        else:
            expect(at, names, stop, [[here] + entry, [here, "main"]])
        steps += 1
        gdb.execute("stepi", to_string=True)
    gdb.execute("continue", to_string=True)

failures += steps < 100
case("every_instruction_of_a_switch_knows_its_caller")
print("1..%d" % cases)
