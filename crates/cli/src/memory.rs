//! This module tells the allocator to keep the long vectors of very wide networks, which come and go at every step.
//!
//! The GNU allocator maps every block of 32 MiB and more anew and gives it back when it is freed, so the system clears all its pages again
//! at every step. Here it keeps what the main thread has had, on which `solve` and `bench` train, until the program ends. The threads of a
//! study's trials have arenas of their own, which map large blocks as before.

/// Keeps freed memory of the main thread for the blocks to come; on other systems the allocator stays as it is.
pub(crate) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers of the allocator, before there are threads.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}
