//! Processes are told by their host, their number and when they started.

use std::{fs, sync::LazyLock};

use serde::{Deserialize, Serialize};

/// A process of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The host and its process namespace: process numbers mean something within them only.
    pub host: String,
    /// Its number there.
    pub process: u32,
    /// When the process started, in ticks of the host since it started: numbers of processes are used again.
    pub start: u64,
}

impl Owner {
    /// Returns this process.
    pub fn own() -> &'static Owner {
        static OWN: LazyLock<Owner> = LazyLock::new(|| {
            let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
            let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
            let namespace: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
            let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
            let name: String = name.trim().chars().take(64).map(safe).collect();
            let process = std::process::id();
            Owner { host: format!("{name}-{namespace}"), process, start: start_of(process).unwrap_or(0) }
        });
        &OWN
    }

    /// Returns the name of its host.
    pub fn host_name(&self) -> &str {
        self.host.rsplit_once('-').map_or(&self.host, |(name, _)| name)
    }

    /// Says whether it is known to do no more: a process of this host that has ended. Without `/proc` nothing is known.
    pub fn is_gone(&self) -> bool {
        self.is_running() == Some(false)
    }

    /// Says whether it runs, if that can be known: of processes of this host, where there is `/proc`.
    pub fn is_running(&self) -> Option<bool> {
        let own = Owner::own();
        let is_known = own.start > 0 && self.host == own.host;
        is_known.then(|| start_of(self.process) == Some(self.start))
    }
}

/// When a running process started; nothing if it has ended (also if nobody has asked for its exit code yet).
pub(crate) fn start_of(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything. After it: state, 18 numbers, start (proc_pid_stat(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}
