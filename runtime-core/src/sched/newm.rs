//! Making an M. Go: newm, allocm. The thread comes from the system directly, never through std, which would enter the
//! user's allocator on g0 (rule 8).

use std::ffi::{CStr, c_void};
use std::fmt::Write;
use std::io;
use std::ptr;
use std::sync::atomic::Ordering;

use crate::m::{M, Presence};
use crate::p::P;
use crate::sched::{SCHED, block, idle, mstart, stacks, threads};
use crate::stack::{self, Class};
use crate::{arch, sys, sys_box};

/// g0 runs the scheduler, and what blocks its thread runs on g0 of its own M, as on any thread: as large as std's.
pub(crate) const THREAD_STACK: usize = 2 << 20;

/// Makes an M that runs `p`. `spinning`: it looks for work, and has been counted.
///
/// # Errors
/// When there is no thread or no stack to be had. Nothing is kept then.
#[cold]
pub(crate) fn newm(p: &'static P, spinning: bool) -> io::Result<()> {
    let spare = stacks::get(Some(p), Class::TASK)?;
    let m = {
        let mut shared = SCHED.lock.lock();
        match shared.unused_ms.pop_front() {
            Some(m) => m,
            None => {
                if threads::is_full(&shared) {
                    drop(shared);
                    threads::exhausted();
                }
                let id = SCHED.nm.load(Ordering::Relaxed);
                let m: &'static M = sys_box::leak(M::new(id, arch::cputicks()));
                SCHED.set_m(m);
                SCHED.nm.store(id + 1, Ordering::Release);
                SCHED.adopt_home(&mut shared, m);
                m
            }
        }
    };
    m.spare.set(Some(spare));
    m.spinning.set(spinning);
    idle::grant(m, p);
    let mut name = Name::new();
    let _ = write!(name, "gort-m{}", m.id);
    let arg = ptr::from_ref(m).cast_mut().cast::<c_void>();
    if let Err(error) = sys::spawn_thread(name.as_c_str(), THREAD_STACK, thread, arg) {
        m.spare.set(None);
        // SAFETY: taken above, never used.
        unsafe { stack::free(spare) };
        m.spinning.set(false);
        m.nextp.store(ptr::null_mut(), Ordering::Relaxed);
        m.set_presence(Presence::Away);
        let mut shared = SCHED.lock.lock();
        block::give_starts_back(&mut shared, m);
        shared.unused_ms.push_front(m);
        return Err(error);
    }
    Ok(())
}

extern "C" fn thread(m: *mut c_void) -> *mut c_void {
    // SAFETY: `newm` passes an M that is never freed.
    mstart::mstart_thread(unsafe { &*m.cast::<M>() })
}

/// A thread's name, without the allocator.
pub(crate) struct Name {
    bytes: [u8; 16],
    len: usize,
}

impl Name {
    pub(crate) fn new() -> Name {
        Name {
            bytes: [0; 16],
            len: 0,
        }
    }

    pub(crate) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or(c"gort-m")
    }
}

impl Write for Name {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        // The last byte stays 0.
        let n = s.len().min(self.bytes.len() - 1 - self.len);
        self.bytes[self.len..self.len + n].copy_from_slice(&s.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}
