//! Threads: ids, stack bounds, making and naming them. Called by rt0 and by `m` when it starts an M.
//! A thread made here is not one of std's, and must never need the global allocator to start.

use super::auxv;
use crate::sys::{last_os_error, os_error, page_size};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the kernel keeps of a thread's name, NUL included (TASK_COMM_LEN, linux/sched.h).
const NAME_LEN: usize = 16;

/// The links of a directory of procfs that has no others in it, itself included (fs/proc/base.c).
const BARE_LINKS: libc::nlink_t = 2;

/// What a first thread without a limit is taken to have: what Linux gives by default.
const UNLIMITED_STACK: usize = 8 << 20;

/// The threads that [`spawn_thread`] made and that have not ended.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// How many threads the process has, whoever made them. One system call, no memory.
///
/// # Errors
/// When procfs is not there.
pub fn thread_count() -> io::Result<usize> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the path ends in NUL, and `stat` is ours to write.
    if unsafe { libc::stat(c"/proc/self/task".as_ptr(), stat.as_mut_ptr()) } != 0 {
        return Err(last_os_error("counting threads"));
    }
    // SAFETY: the call succeeded.
    let links = unsafe { stat.assume_init() }.st_nlink;
    // One for each thread (fs/proc/base.c, proc_task_getattr).
    Ok(links.saturating_sub(BARE_LINKS) as usize)
}

/// How many of them [`spawn_thread`] made. Never more than there are: one counts once its maker knows of it, and no
/// longer when its entry returns.
pub fn threads_made() -> usize {
    // Wrapped while a thread ends whose maker has not counted it yet.
    MADE.load(Ordering::Acquire)
}

/// The kernel's id of the calling thread.
pub fn gettid() -> u32 {
    // SAFETY: no arguments; it always succeeds.
    unsafe { libc::gettid() as u32 }
}

/// Where a thread's stack lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackBounds {
    /// The lowest usable address. On the first thread it depends on RLIMIT_STACK and is not mapped yet.
    pub lo: usize,
    /// One past the highest address.
    pub hi: usize,
    /// Bytes of guard right below `lo`, as the C library tells. 0 on the first thread, where the kernel
    /// keeps a gap (1 MiB, `stack_guard_gap`) instead. Before glibc 2.27 the guard lay inside, from `lo`.
    pub guard: usize,
}

/// The bounds of the calling thread's stack.
///
/// # Errors
/// When the C library cannot tell.
pub fn stack_bounds() -> io::Result<StackBounds> {
    let attr = Attr::new(|attr| {
        // SAFETY: `attr` is ours to initialise, and pthread_self is alive.
        unsafe { libc::pthread_getattr_np(libc::pthread_self(), attr) }
    });
    let mut attr = match attr {
        Ok(attr) => attr,
        // For the first thread it reads /proc/self/maps, which need not be there.
        Err(_) if gettid() == std::process::id() => return Ok(first_stack_bounds()),
        Err(code) => return Err(os_error(code, "asking for the bounds of the thread's stack")),
    };
    let mut lo = std::ptr::null_mut();
    let mut size = 0;
    let mut guard = 0;
    // SAFETY: the attribute is initialised and the three places are ours. Both calls always succeed.
    unsafe {
        libc::pthread_attr_getstack(attr.get(), &mut lo, &mut size);
        libc::pthread_attr_getguardsize(attr.get(), &mut guard);
    }
    let lo = lo as usize;
    Ok(StackBounds {
        lo,
        hi: lo + size,
        guard,
    })
}

/// Those of the first thread, by what the kernel has put above its stack, and how far that may grow.
fn first_stack_bounds() -> StackBounds {
    let hi = auxv::above_first_stack().next_multiple_of(page_size());
    StackBounds {
        lo: hi.saturating_sub(rlimit_stack().unwrap_or(UNLIMITED_STACK)),
        hi,
        guard: 0,
    }
}

/// Starts a detached thread with this name and at least this much stack, which runs `entry(arg)`.
///
/// The thread inherits the caller's signal mask. The name is cut after 15 bytes.
///
/// # Errors
/// `EAGAIN` when no thread can be had, `ENOMEM`, or a stack size that the C library refuses.
pub fn spawn_thread(
    name: &CStr,
    stack_size: usize,
    entry: extern "C" fn(*mut c_void) -> *mut c_void,
    arg: *mut c_void,
) -> io::Result<()> {
    const WHAT: &str = "starting a thread";
    let mut attr = Attr::new(|attr| {
        // SAFETY: `attr` is ours to initialise.
        unsafe { libc::pthread_attr_init(attr) }
    })
    .map_err(|code| os_error(code, WHAT))?;
    let page = page_size();
    let size = stack_size.max(libc::PTHREAD_STACK_MIN).next_multiple_of(page);
    // SAFETY: the attribute is initialised.
    let code = unsafe {
        libc::pthread_attr_setdetachstate(attr.get(), libc::PTHREAD_CREATE_DETACHED);
        libc::pthread_attr_setstacksize(attr.get(), size)
    };
    if code != 0 {
        return Err(os_error(code, WHAT));
    }
    let start = Start::new(name, entry, arg)?;
    let mut thread = MaybeUninit::uninit();
    // SAFETY: the attribute is initialised; `start` is valid and now the new thread's to free.
    let code = unsafe { libc::pthread_create(thread.as_mut_ptr(), attr.get(), run, start.cast::<c_void>()) };
    if code != 0 {
        // SAFETY: no thread was made, so `start` is still ours.
        unsafe { Start::free(start) };
        return Err(os_error(code, WHAT));
    }
    MADE.fetch_add(1, Ordering::Release);
    Ok(())
}

/// What a new thread is told. It names itself: a detached thread may be gone before its maker could.
struct Start {
    name: [u8; NAME_LEN],
    entry: extern "C" fn(*mut c_void) -> *mut c_void,
    arg: *mut c_void,
}

impl Start {
    const LAYOUT: Layout = Layout::new::<Start>();

    fn new(
        name: &CStr,
        entry: extern "C" fn(*mut c_void) -> *mut c_void,
        arg: *mut c_void,
    ) -> io::Result<*mut Start> {
        // SAFETY: the layout is not of size zero.
        let start = unsafe { System.alloc(Self::LAYOUT) }.cast::<Start>();
        if start.is_null() {
            return Err(os_error(libc::ENOMEM, "starting a thread"));
        }
        // SAFETY: just allocated with this type's layout.
        unsafe {
            start.write(Start {
                name: cut(name),
                entry,
                arg,
            })
        };
        Ok(start)
    }

    /// # Safety
    /// `start` comes from [`Start::new`] and is not used again.
    unsafe fn free(start: *mut Start) {
        // SAFETY: by the contract, allocated with this layout and not freed before.
        unsafe { System.dealloc(start.cast(), Self::LAYOUT) }
    }
}

extern "C" fn run(start: *mut c_void) -> *mut c_void {
    let start = start.cast::<Start>();
    // SAFETY: spawn_thread passed a valid Start and gave it up.
    let Start { name, entry, arg } = unsafe { start.read() };
    // SAFETY: it was read out, nobody else has it.
    unsafe { Start::free(start) };
    if let Ok(name) = CStr::from_bytes_until_nul(&name) {
        set_thread_name(name);
    }
    let result = entry(arg);
    MADE.fetch_sub(1, Ordering::Release);
    result
}

/// Names the calling thread, cut after 15 bytes.
pub fn set_thread_name(name: &CStr) {
    let name = cut(name);
    // SAFETY: `cut` ends in NUL; PR_SET_NAME copies at most 16 bytes of it.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
}

fn cut(name: &CStr) -> [u8; NAME_LEN] {
    let mut short = [0; NAME_LEN];
    let bytes = name.to_bytes();
    let len = bytes.len().min(NAME_LEN - 1);
    short[..len].copy_from_slice(&bytes[..len]);
    short
}

/// The base of the FS segment, where x86-64 keeps the thread's control block.
///
/// # Errors
/// `ENOSYS` where there is no such thing, or when the kernel refuses.
#[cfg(target_arch = "x86_64")]
pub fn fs_base() -> io::Result<usize> {
    /// asm/prctl.h
    const ARCH_GET_FS: libc::c_int = 0x1003;
    let mut base = 0_usize;
    // SAFETY: ARCH_GET_FS writes one word to the place it is given.
    let result = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_GET_FS, &mut base) };
    if result != 0 {
        return Err(last_os_error("asking for the FS base"));
    }
    Ok(base)
}

/// The base of the FS segment: other architectures have none.
///
/// # Errors
/// Always `ENOSYS`.
#[cfg(not(target_arch = "x86_64"))]
pub fn fs_base() -> io::Result<usize> {
    Err(os_error(libc::ENOSYS, "asking for the FS base"))
}

/// The soft RLIMIT_STACK in bytes; `None` if unlimited or unknown.
pub fn rlimit_stack() -> Option<usize> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is ours to write.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_STACK, &mut limit) };
    (result == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur as usize)
}

/// A pthread attribute object, destroyed on drop.
struct Attr(MaybeUninit<libc::pthread_attr_t>);

impl Attr {
    /// An attribute that `init` initialises; `init` returns 0 exactly if it did.
    fn new(init: impl FnOnce(*mut libc::pthread_attr_t) -> libc::c_int) -> Result<Attr, i32> {
        let mut attr = MaybeUninit::uninit();
        match init(attr.as_mut_ptr()) {
            0 => Ok(Attr(attr)),
            code => Err(code),
        }
    }

    fn get(&mut self) -> *mut libc::pthread_attr_t {
        self.0.as_mut_ptr()
    }
}

impl Drop for Attr {
    fn drop(&mut self) {
        // SAFETY: initialised in `new`, destroyed once.
        unsafe { libc::pthread_attr_destroy(self.get()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

    #[test]
    fn a_local_lies_within_the_bounds() {
        let bounds = stack_bounds().unwrap();
        let local = &raw const bounds as usize;
        assert!((bounds.lo..bounds.hi).contains(&local), "{bounds:x?} {local:x}");
    }

    static DONE: AtomicU32 = AtomicU32::new(0);
    static SIZE: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn body(arg: *mut c_void) -> *mut c_void {
        let mut name = [0_u8; NAME_LEN];
        // SAFETY: PR_GET_NAME writes at most 16 bytes.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        let bounds = stack_bounds().unwrap();
        SIZE.store(bounds.hi - bounds.lo, Ordering::Relaxed);
        let as_told = arg as usize == 7 && &name == b"a-name-of-over-\0" && bounds.guard > 0;
        DONE.store(1 + u32::from(as_told), Ordering::Release);
        crate::sys::futex_wake(&DONE, 1);
        std::ptr::null_mut()
    }

    #[test]
    fn a_thread_gets_its_name_its_argument_and_its_stack() {
        const WANTED: usize = 300_000;
        spawn_thread(c"a-name-of-over-15", WANTED, body, 7 as *mut c_void).unwrap();
        while DONE.load(Ordering::Acquire) == 0 {
            crate::sys::futex_wait(&DONE, 0, None);
        }
        assert_eq!(DONE.load(Ordering::Relaxed), 2);
        assert!(SIZE.load(Ordering::Relaxed) >= WANTED);
    }

    static LEAVE: AtomicU32 = AtomicU32::new(0);

    extern "C" fn stay(_: *mut c_void) -> *mut c_void {
        while LEAVE.load(Ordering::Acquire) == 0 {
            crate::sys::futex_wait(&LEAVE, 0, None);
        }
        std::ptr::null_mut()
    }

    /// In a child: here other tests make threads.
    #[test]
    fn threads_are_counted_by_us_and_by_the_kernel() {
        /// How long a thread that has ended may be listed: the child's alarm, in seconds.
        const LIMIT: u32 = 60;
        fn count() -> (usize, usize) {
            (thread_count().unwrap(), threads_made())
        }
        /// Whose test failed: the child's exit status.
        fn body() -> i32 {
            let made = threads_made();
            if count() != (1, made) {
                return 1;
            }
            for n in 1..=3 {
                spawn_thread(c"counted", 0, stay, std::ptr::null_mut()).unwrap();
                if count() != (1 + n, made + n) {
                    return 2;
                }
            }
            LEAVE.store(1, Ordering::Release);
            crate::sys::futex_wake(&LEAVE, u32::MAX);
            while count() != (1, made) {
                crate::sys::usleep(1000);
            }
            0
        }
        // SAFETY: the child makes threads by the C library alone, which is in order after a fork, and exits.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: ends the child in time.
            unsafe { libc::alarm(LIMIT) };
            let status = body();
            // SAFETY: ends the child.
            unsafe { libc::_exit(status) };
        }
        assert!(pid > 0);
        let mut status = -1;
        // SAFETY: waits for the child just made.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        assert_eq!(status, 0);
    }

    #[test]
    fn an_impossible_stack_is_an_error() {
        let error = spawn_thread(c"x", usize::MAX / 4, body, std::ptr::null_mut()).unwrap_err();
        assert!(crate::sys::context(&error).is_some(), "{error}");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_fs_base_is_the_control_blocks_self_pointer() {
        let base = fs_base().unwrap();
        // SAFETY: the x86-64 ABI puts the block's own address at its start.
        assert_eq!(unsafe { *(base as *const usize) }, base);
    }
}
