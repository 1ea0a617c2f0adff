//! What is said beside the answer goes to standard error. Nobody has to listen: a closed standard error fails nothing.

use std::{env, fs, io::Write, path::PathBuf};

use widenet_model::AUTO_CHOICE;
use widenet_output::escape::lines;

/// Says one thing.
pub(crate) fn line(message: &str) {
    let _ = writeln!(std::io::stderr(), "{}", lines(message));
}

/// Says something that the user should know; which device was chosen, once on each machine.
pub(crate) fn note(message: &str) {
    if is_news(message) {
        line(&format!("note: {message}"));
    }
}

/// Whether a note is about a run, or about a machine that has not said it yet. What cannot be remembered is said again.
pub(crate) fn is_news(message: &str) -> bool {
    if !message.starts_with(AUTO_CHOICE) {
        return true;
    }
    let Some(path) = remembered() else { return true };
    let said = format!("{message}\n");
    if widenet_system::files::read_to_string(&path, MOST_REMEMBERED).is_ok_and(|known| known == said) {
        return false;
    }
    // Nobody depends on it.
    let _ = path.parent().map(widenet_output::create_directory);
    let _ = widenet_output::write_changed(&path, said.as_bytes());
    true
}

/// Bytes of what a machine has said.
const MOST_REMEMBERED: u64 = 1 << 16;

/// The file of what this machine has said; machines of a cluster may share the folder of state.
fn remembered() -> Option<PathBuf> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String =
        host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(64).collect();
    Some(folder.join("widenet").join(format!("device-{host}")))
}
