//! CPU time of a process and of each of its threads, out of `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// What a process had spent at one moment.
pub struct CpuTime {
    ticks: u64,
    /// By thread id: name and ticks.
    threads: BTreeMap<u32, (String, u64)>,
}

/// What it spent between two moments.
pub struct Spent {
    pub secs: f64,
    /// Name and seconds, the busiest first. Threads that began meanwhile are not in it.
    pub threads: Vec<(String, f64)>,
}

impl CpuTime {
    /// # Errors
    /// The process is gone, or its files cannot be read.
    pub fn of(pid: u32) -> Result<Self, String> {
        let (_, ticks) = stat(&format!("/proc/{pid}/stat"))?;
        let mut threads = BTreeMap::new();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_err(|e| format!("process {pid}: {e}"))?;
        for task in tasks.flatten() {
            // A thread may end between the listing and this.
            if let (Ok(id), Ok(stat)) =
                (task.file_name().to_string_lossy().parse(), stat(&task.path().join("stat").to_string_lossy()))
            {
                threads.insert(id, stat);
            }
        }
        Ok(CpuTime { ticks, threads })
    }

    pub fn since(&self, earlier: &CpuTime) -> Spent {
        let mut threads: Vec<(String, f64)> = self
            .threads
            .iter()
            .filter_map(|(id, (name, ticks))| {
                let (_, before) = earlier.threads.get(id)?;
                Some((name.clone(), seconds(ticks.saturating_sub(*before))))
            })
            .collect();
        threads.sort_by(|a, b| b.1.total_cmp(&a.1));
        Spent { secs: seconds(self.ticks.saturating_sub(earlier.ticks)), threads }
    }
}

/// Largest resident size so far, in KiB.
pub fn peak_memory_kib(pid: u32) -> Option<u64> {
    status_kib(pid, "VmHWM:")
}

/// Resident size now, in KiB.
pub fn memory_kib(pid: u32) -> Option<u64> {
    status_kib(pid, "VmRSS:")
}

fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// `/proc` counts user time in hundredths of a second on every architecture Linux has today (`USER_HZ`).
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / 100.0
}

/// The name between the parentheses, and user and system time (proc_pid_stat(5), fields 2, 14 and 15).
fn stat(path: &str) -> Result<(String, u64), String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
    let parsed = || {
        let (head, tail) = text.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let mut fields = tail.split_whitespace().skip(11);
        let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((name, user + system))
    };
    parsed().ok_or_else(|| format!("{path}: not understood"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_done_is_seen_in_the_process_and_in_its_thread() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).expect("our own files");
        let began = std::time::Instant::now();
        let mut sum = 0_u64;
        // As long as it takes to be given that much time on a busy machine.
        let spent = loop {
            sum = (0..1_000_000).fold(sum, |s, n| std::hint::black_box(s.wrapping_mul(31).wrapping_add(n)));
            let spent = CpuTime::of(pid).expect("our own files").since(&before);
            // The process is read a moment before its threads, so each has to be there in its own right.
            let both = spent.secs >= 0.05 && spent.threads.iter().any(|(_, secs)| *secs >= 0.05);
            if both || began.elapsed().as_secs() > 30 {
                break spent;
            }
        };
        assert!(spent.secs >= 0.05, "{} s", spent.secs);
        assert!(spent.threads.iter().any(|(_, secs)| *secs >= 0.05), "{:?}", spent.threads);
        let (now, most) = (memory_kib(pid).expect("our own status"), peak_memory_kib(pid).expect("our own status"));
        assert!(now > 100 && most >= now, "{now} of {most} KiB");
    }
}
