//! What processes take of the machine, from `/proc`.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::time::{ClockId, clock_gettime};

use super::failure::Failure;

/// More of the machine than this, taken by others, and the run is not a quiet one (cores).
pub(super) const QUIET: f64 = 0.25;

/// A moment: what all processes have taken until then.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    at: Instant,
    own: Duration,
    servers: Vec<Duration>,
    machine: Duration,
}

/// What was taken between two moments.
#[derive(Clone, Debug)]
pub(super) struct Spent {
    /// The time between them.
    pub(super) wall: Duration,
    /// This process's processor time.
    pub(super) own: Duration,
    /// The processor time of each server's process.
    pub(super) servers: Vec<Duration>,
    /// Cores that neither this process nor a server had.
    pub(super) other_cores: f64,
}

impl Spent {
    /// This and what was spent in another, separate time.
    pub(super) fn and(&self, other: &Spent) -> Spent {
        let wall = self.wall + other.wall;
        let others =
            self.other_cores * self.wall.as_secs_f64() + other.other_cores * other.wall.as_secs_f64();
        Spent {
            wall,
            own: self.own + other.own,
            servers: self.servers.iter().zip(&other.servers).map(|(one, two)| *one + *two).collect(),
            other_cores: others / wall.as_secs_f64(),
        }
    }
}

impl Moment {
    /// Now.
    ///
    /// # Errors
    /// A process is not there.
    pub(super) fn now(pids: &[u32]) -> Result<Moment, Failure> {
        let servers = pids.iter().map(|pid| cpu(*pid)).collect::<Result<_, _>>()?;
        let machine = machine().map_err(|why| Failure::System { what: "reading /proc/stat", why })?;
        Ok(Moment { at: Instant::now(), own: own_cpu(), servers, machine })
    }

    /// What was taken since an earlier moment.
    pub(super) fn since(&self, earlier: &Moment) -> Spent {
        let wall = self.at - earlier.at;
        let own = self.own.saturating_sub(earlier.own);
        let servers: Vec<Duration> =
            self.servers.iter().zip(&earlier.servers).map(|(now, then)| now.saturating_sub(*then)).collect();
        let known = own + servers.iter().sum::<Duration>();
        let others = self.machine.saturating_sub(earlier.machine).saturating_sub(known);
        Spent { wall, own, servers, other_cores: others.as_secs_f64() / wall.as_secs_f64() }
    }
}

/// This process's processor time.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// A process's processor time, all its threads together, those that have ended included.
pub(super) fn cpu(pid: u32) -> Result<Duration, Failure> {
    read(pid, "stat", |text| {
        // The name, in parentheses, may contain anything; utime and stime are fields 14 and 15.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
        Some(ticks(field(14)? + field(15)?))
    })
}

/// A process's resident memory in bytes.
pub(super) fn resident(pid: u32) -> Result<u64, Failure> {
    read(pid, "statm", |text| {
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * page_size() as u64)
    })
}

/// The most memory a process had resident, in bytes.
pub(super) fn peak_resident(pid: u32) -> Result<u64, Failure> {
    read(pid, "status", |text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    })
}

fn read<T>(pid: u32, file: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"));
    let parsed = text.and_then(|text| parse(&text).ok_or_else(|| io::ErrorKind::InvalidData.into()));
    parsed.map_err(|why| Failure::Process { pid, why })
}

/// The time all processors together were not idle.
fn machine() -> io::Result<Duration> {
    busy(&fs::read_to_string("/proc/stat")?).map(ticks).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Everything in the first line of `/proc/stat` but idle, iowait and the guests, which are in user already.
fn busy(stat: &str) -> Option<u64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let fields: Vec<u64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let wanted = [0, 1, 2, 5, 6, 7];
    wanted.into_iter().map(|n| fields.get(n)).sum()
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_and_guests_do_not_count_as_busy() {
        assert_eq!(busy("cpu  1 20 300 4000 50000 600000 7000000 80000000 9 9\ncpu0 ..."), Some(87_600_321));
        assert_eq!(busy("cpu0 1 2 3"), None);
        assert_eq!(busy(""), None);
    }

    #[test]
    fn this_process_can_be_looked_at() {
        let me = std::process::id();
        let before = Moment::now(&[me]).unwrap();
        let until = Instant::now() + Duration::from_millis(100);
        let mut n = 0u64;
        while Instant::now() < until {
            n = std::hint::black_box(n + 1);
        }
        let spent = Moment::now(&[me]).unwrap().since(&before);
        assert!(spent.own > Duration::ZERO && spent.wall >= Duration::from_millis(100));
        assert!(resident(me).unwrap() > 100_000);
        assert!(peak_resident(me).unwrap() >= resident(me).unwrap() / 2);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        // Above the largest pid there is.
        let error = cpu(u32::MAX).unwrap_err();
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
