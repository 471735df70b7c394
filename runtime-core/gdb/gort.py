"""gdb commands for programs that run on gort, live or dead.

    (gdb) source runtime-core/gdb/gort.py
    (gdb) info goroutines
    (gdb) goroutine 7 bt
    (gdb) goroutine 7 info locals
    (gdb) goroutine all bt

`info goroutines` lists every goroutine and task: its number, what it does, its name, where it waits and where it was made.
`goroutine N COMMAND` runs any command of gdb's where goroutine N stands. A task that waits at base has no stack.

All of it reads memory only, so a core file will do. It needs symbols, but no debug information: what it has to know of the
runtime's memory is in the table `gort_layout` (runtime-core/src/dump/layout.rs).
"""

import re

import gdb
import gdb.unwinder

VERSION = 1
# The words of gort_layout, in its order.
FIELDS = (
    "version",
    "allgs", "allgs_stride", "allgs_shards", "g_next",
    "g_state", "g_goid", "g_created_at", "g_labels", "labels_name",
    "g_vtable", "vtable_task", "vtable_blocks", "g_frames",
    "top_sp", "top_reason", "top_location",
    "allm", "nm", "m_curg", "m_tid",
    "reasons", "nreasons",
    "status_shift", "reason_shift", "frames_bit", "system_bit",
    "location_file", "location_line", "location_column",
)
WORD = 8
# state.rs
RUNNABLE, RUNNING, WAITING, DEAD = range(4)
STATUS_MASK = 0b11
REASON_MASK = 0b111
# Longer texts are taken for garbage: the memory of a G may be changing, in a core file for good.
LONGEST_TEXT = 4096


def read(address, size):
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(address, size)), "little")


def word(address):
    return read(address, WORD)


def text(address):
    """The text whose address and length lie there."""
    start, length = word(address), word(address + WORD)
    if start == 0 or length > LONGEST_TEXT:
        return None
    raw = bytes(gdb.selected_inferior().read_memory(start, length)) if length else b""
    return raw.decode(errors="replace").rstrip("\0")


class Layout:
    """The table, by name."""

    def __init__(self):
        try:
            # C's syntax: without debug information gdb only knows that it is a datum.
            answer = gdb.execute("with language c -- print/x (long) &gort_layout", to_string=True)
        except gdb.error as error:
            raise gdb.GdbError(f"no gort in this program: {error}") from None
        start = int(re.search("= (0x[0-9a-f]+)", answer)[1], 16)
        for index, field in enumerate(FIELDS):
            setattr(self, field, word(start + index * WORD))
        if self.version == 0:
            raise gdb.GdbError("the runtime is not up")
        if self.version != VERSION:
            raise gdb.GdbError(f"this script is for version {VERSION} of gort_layout, the program has {self.version}")

    def location(self, address):
        """`file:line:column`"""
        if address == 0:
            return None
        file = text(address + self.location_file)
        line, column = (read(address + at, 4) for at in (self.location_line, self.location_column))
        return f"{file}:{line}:{column}"

    def reason(self, number):
        if number >= self.nreasons:
            number = 0
        return text(self.reasons + number * 2 * WORD)

    def running(self):
        """The thread of each G that is on an M."""
        threads = {}
        for index in range(read(self.nm, 4)):
            m = word(self.allm + index * WORD)
            if m != 0 and (g := word(m + self.m_curg)) != 0:
                threads[g] = read(m + self.m_tid, 4)
        return threads

    def goroutines(self):
        """All but the runtime's own, by number."""
        threads = self.running()
        found = []
        for shard in range(self.allgs_shards):
            g = word(self.allgs + shard * self.allgs_stride)
            while g != 0:
                if not word(g + self.g_state) & self.system_bit:
                    found.append(Goroutine(self, g, threads.get(g)))
                g = word(g + self.g_next)
        return sorted(found, key=lambda goroutine: goroutine.id)


class Goroutine:
    def __init__(self, layout, g, thread):
        self.id = word(g + layout.g_goid)
        # The kernel's number of the thread that it is on.
        self.thread = thread
        # What the switch saved, if it is parked mid-stack.
        self.context = None
        vtable = word(g + layout.g_vtable)
        self.kind = "task" if read(vtable + layout.vtable_task, 1) else "goroutine"
        labels = word(g + layout.g_labels)
        self.name = text(labels + layout.labels_name) if labels else None
        self.created_at = layout.location(word(g + layout.g_created_at))
        self.waits_at = None

        state = word(g + layout.g_state)
        status = state >> layout.status_shift & STATUS_MASK
        has_frames = state & layout.frames_bit != 0
        blocks = status == RUNNING and read(vtable + layout.vtable_blocks, 1) != 0
        self.state = ("runnable", "running", "waiting", "running")[status]
        if blocks:
            self.state = "blocking"
        elif thread is None and has_frames:
            top = word(g + layout.g_frames)
            self.context = word(top + layout.top_sp)
            self.waits_at = layout.location(word(top + layout.top_location))
            if status == WAITING:
                self.state = layout.reason(read(top + layout.top_reason, 1))
            else:
                # One that has yielded has stayed running.
                self.state = "runnable"
        elif status == WAITING and not has_frames:
            self.state = layout.reason(state >> layout.reason_shift & REASON_MASK) + ", at base"
        elif status == RUNNING and thread is None:
            self.state = "runnable"

    def __str__(self):
        parts = [f"{self.kind} {self.id} [{self.state}]"]
        if self.name is not None:
            parts.append(f'"{self.name}"')
        if self.thread is not None:
            parts.append(f"on thread {self.thread}")
        if self.waits_at is not None:
            parts.append(f"waits at {self.waits_at}")
        parts.append(f"created at {self.created_at}")
        return " ".join(parts)

    def execute(self, command):
        """What gdb answers to `command` where this one stands."""
        if self.context is not None:
            return PARKED.execute(self.context, command)
        if self.thread is not None:
            return on_thread(self.thread, command)
        raise gdb.GdbError(f"{self.kind} {self.id} has no stack: it is {self.state}")


def on_thread(tid, command):
    before = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        if thread.ptid[1] == tid:
            thread.switch()
            try:
                return gdb.execute(command, to_string=True)
            finally:
                before.switch()
    raise gdb.GdbError(f"no thread {tid}")


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Parked(gdb.unwinder.Unwinder):
    """Makes the frames of a parked goroutine the callers of the selected thread's innermost frame, whatever that is. No
    register is written, so that it works on core files."""

    # Of arch/x86_64.rs: what lies at the saved stack pointer, from the lowest word up.
    SAVED = ("rbx", "rbp", "rip")
    # What gdb takes for the innermost frame must be younger, hence lower, than its caller.
    BELOW = 256

    def __init__(self):
        super().__init__("gort-parked")
        self.context = None
        # Where the thread stands of which the innermost frame is.
        self.innermost = None

    def __call__(self, pending):
        if self.context is None or int(pending.read_register("rsp")) != self.innermost:
            return None
        values = {name: word(self.context + index * WORD) for index, name in enumerate(self.SAVED)}
        values["rsp"] = self.context + len(self.SAVED) * WORD
        info = pending.create_unwind_info(
            FrameId(gdb.Value(values["rsp"] - self.BELOW), pending.read_register("rip"))
        )
        for name, value in values.items():
            info.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return info

    def execute(self, context, command):
        self.innermost = int(gdb.newest_frame().read_register("rsp"))
        self.context = context
        gdb.invalidate_cached_frames()
        try:
            frame = gdb.newest_frame()
            while frame.type() == gdb.INLINE_FRAME:
                frame = frame.older()
            frame = frame.older()
            frame.select()
            answer = gdb.execute(command, to_string=True)
            first = frame.level()
        finally:
            self.context = None
            gdb.invalidate_cached_frames()
        # Without the frames that are the thread's.
        return re.sub(rf"\A#0 .*?(?=^#{first} )", "", answer, flags=re.DOTALL | re.MULTILINE)


PARKED = Parked()
gdb.unwinder.register_unwinder(None, PARKED, replace=True)


class InfoGoroutines(gdb.Command):
    """List all goroutines and tasks: number, state, name, where they wait and where they were made."""

    def __init__(self):
        super().__init__("info goroutines", gdb.COMMAND_STACK)

    def invoke(self, _argument, _from_tty):
        for goroutine in Layout().goroutines():
            print(goroutine)


class GoroutineCommand(gdb.Command):
    """Run a command where a goroutine stands: `goroutine N COMMAND`, or `goroutine all COMMAND` for each that has a stack."""

    def __init__(self):
        super().__init__("goroutine", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        which, _, command = argument.partition(" ")
        if command == "" or not (which == "all" or which.isdecimal()):
            raise gdb.GdbError("usage: goroutine N COMMAND, or: goroutine all COMMAND")
        goroutines = Layout().goroutines()
        if which == "all":
            for goroutine in goroutines:
                if goroutine.context is not None or goroutine.thread is not None:
                    print(goroutine)
                    print(goroutine.execute(command))
            return
        for goroutine in goroutines:
            if goroutine.id == int(which):
                print(goroutine.execute(command), end="")
                return
        raise gdb.GdbError(f"no goroutine {which}")


InfoGoroutines()
GoroutineCommand()
