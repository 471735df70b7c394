//! The runtime's own Gs: left out of dumps and counts, made of memory that is never the user's allocator's.

use std::panic::Location;
use std::ptr::NonNull;
use std::task::Context;

use crate::g::{Birth, G, Gp, Ran, Vtable};
use crate::sys_box;

#[repr(C)]
struct SystemG {
    g: G,
    body: fn() -> Ran,
}

static TASK: Vtable = vtable(true);
static GOROUTINE: Vtable = vtable(false);

const fn vtable(task: bool) -> Vtable {
    unsafe fn run(g: Gp, _: &mut Context<'_>) -> Ran {
        // SAFETY: `make` put the header at the start of a SystemG.
        let body = unsafe { (*g.as_ptr().cast::<SystemG>()).body };
        body()
    }
    unsafe fn nothing(_: Gp) {}
    Vtable {
        run,
        drop_body: nothing,
        drop_output: nothing,
        dealloc: nothing,
        task,
        blocks: false,
    }
}

/// A G that runs `body`; a task's body runs again after each wake-up, as a poll. It is never freed.
pub(crate) fn make(birth: Birth, at: &'static Location<'static>, task: bool, body: fn() -> Ran) -> Gp {
    let vtable = if task { &TASK } else { &GOROUTINE };
    let cell = sys_box::leak(SystemG {
        g: G::new(vtable, birth, at, None),
        body,
    });
    // SAFETY: leaked; only shared references to it are made from here on.
    unsafe { Gp::new(NonNull::from(cell).cast()) }
}
