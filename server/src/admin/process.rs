//! What the system says of this process.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Figures of the process. What the system does not say is −1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    /// Resident memory.
    pub(crate) resident_bytes: i64,
    /// Time on the processors, in all threads.
    pub(crate) cpu_seconds: f64,
    /// When it was started, in seconds since 1970.
    pub(crate) started_seconds: f64,
    /// Open file descriptors.
    pub(crate) open_files: i64,
    /// How many there may be.
    pub(crate) max_files: i64,
}

impl Process {
    /// The figures of this moment, of a process that was started then.
    pub(crate) fn now(started: SystemTime) -> Process {
        let (open_files, max_files) = descriptors();
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Process {
            resident_bytes: resident().unwrap_or(-1),
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            started_seconds: started.duration_since(UNIX_EPOCH).map_or(-1.0, |since| since.as_secs_f64()),
            open_files,
            max_files,
        }
    }
}

fn resident() -> Option<i64> {
    let pages: i64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(i64::try_from(rustix::param::page_size()).ok()?)
}

/// Open file descriptors and how many there may be; −1 where the system does not say.
pub(super) fn descriptors() -> (i64, i64) {
    // Recent kernels give the number as the directory's size; others have to be counted.
    let open = match fs::metadata("/proc/self/fd").map(|data| data.len()) {
        Ok(0) => fs::read_dir("/proc/self/fd").map_or(-1, |entries| entries.count() as i64),
        Ok(count) => count as i64,
        Err(_) => -1,
    };
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| i64::try_from(limit).ok());
    (open, limit.unwrap_or(-1))
}
