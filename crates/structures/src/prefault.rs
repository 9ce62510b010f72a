//! Huge pages that were touched before anyone waits for them.
//!
//! The first touch of a huge page makes the kernel find and clear two megabytes: some hundred
//! microseconds on bare metal, five milliseconds measured in a virtual machine whose host backs
//! memory late. A worker that holds a shard must not pay that in one go. So a thread prepares the
//! next chunk while the last one is filling; who comes too early gets a chunk of ordinary pages,
//! each of which costs its own small fault.
//!
//! ```text
//!   pool runs low ──request──► thread: map, advise, touch ──► spare
//!   pool is empty ──take─────► the spare, or none: small pages then
//!   pool is quiet for seconds ► thread: spare unmapped, long free runs given back to the kernel
//! ```
//!
//! # Invariants
//!
//! (1) There is at most one spare, and it is asked for only while the pool is growing.
//! (2) Nothing here is waited for: `take` and `request` only hold a mutex for a few instructions.
//! (3) What a pool that no longer grows holds for its growth goes back after a while: the spare and
//!     the pages of the last chunk that nobody has used yet (`Pool::trim`).

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::{mapping, pages};

/// The pool is quiet when nobody has come for so long.
const QUIET: Duration = Duration::from_secs(1);

/// A chunk on its way between threads.
struct Spare(NonNull<u8>);

// SAFETY: it is memory that nobody has yet; whoever takes it has it alone.
unsafe impl Send for Spare {}

struct State {
    spare: Option<Spare>,
    is_wanted: bool,
    has_thread: bool,
}

static STATE: Mutex<State> = Mutex::new(State { spare: None, is_wanted: false, has_thread: false });
static WANTED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().expect("nobody panics holding the spare")
}

/// Asks for a chunk of this layout to be prepared, unless there is one.
pub(crate) fn request(layout: Layout) {
    let mut state = lock();
    if state.spare.is_some() || state.is_wanted {
        return;
    }
    state.is_wanted = true;
    if state.has_thread {
        WANTED.notify_one();
        return;
    }
    let thread = std::thread::Builder::new().name("pages".into()).stack_size(64 * 1024);
    // Without a thread there are no huge pages, and everything works.
    state.has_thread = thread.spawn(move || prepare(layout)).is_ok();
}

/// The chunk that was prepared, if it is ready.
pub(crate) fn take() -> Option<NonNull<u8>> {
    lock().spare.take().map(|spare| spare.0)
}

/// The thread: one chunk for each request, as long as the process lives.
fn prepare(layout: Layout) {
    let (mut seen, mut is_trimmed) = (0, false);
    loop {
        let state = lock();
        let waited = WANTED.wait_timeout_while(state, QUIET, |state| !state.is_wanted);
        let (mut state, _) = waited.expect("nobody panics holding the spare");
        if !state.is_wanted {
            let changes = pages::changes();
            let is_quiet = changes == seen;
            if is_quiet && !is_trimmed {
                let spare = state.spare.take();
                drop(state);
                // SAFETY: it was taken with this layout, and nobody else has it.
                spare.into_iter().for_each(|s| unsafe { mapping::give_back(s.0, layout) });
                pages::trim();
            }
            (seen, is_trimmed) = (changes, is_quiet);
            continue;
        }
        drop(state);
        let memory = mapping::try_take(layout);
        if let Some(memory) = memory {
            populate(memory, layout.size());
        }
        let mut state = lock();
        state.is_wanted = false;
        state.spare = memory.map(Spare);
    }
}

/// Gives the pages of this memory back to the kernel. The memory stays: zeroed, when it is touched.
///
/// # Safety
/// It is mapped, and nobody needs what is in it.
pub(crate) unsafe fn unback(memory: NonNull<u8>, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    if cfg!(miri) {
        return;
    }
    // SAFETY: as promised. A kernel that refuses keeps the pages, no more.
    unsafe {
        let _ = madvise(memory.as_ptr().cast(), bytes, Advice::LinuxDontNeed);
    }
}

/// Asks for huge pages and has them backed and cleared now.
fn populate(memory: NonNull<u8>, bytes: usize) {
    use rustix::mm::{Advice, madvise};
    if cfg!(miri) {
        return;
    }
    // SAFETY: the range is ours alone and its bytes mean nothing yet.
    unsafe {
        // Kernels without them, and containers that forbid the calls, answer with an error; the
        // memory is as good without.
        let _ = madvise(memory.as_ptr().cast(), bytes, Advice::LinuxHugepage);
        let _ = madvise(memory.as_ptr().cast(), bytes, Advice::LinuxPopulateWrite);
    }
}
