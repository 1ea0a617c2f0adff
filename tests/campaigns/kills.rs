//! Studies that are killed and interrupted at random moments, on full disks, with clocks that jump: the same command continues, until
//! the final table is that of an undisturbed run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{PATIENCE, amount, mutation::Mutator};
use crate::{
    common::{Said, said},
    faults::{Setting, results},
};

/// Sends a signal by its name.
fn signal(child: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &child.to_string()]).status();
}

/// Waits for a command that must not go on for long.
fn ended(mut child: std::process::Child, moment: Instant) -> Said {
    while child.try_wait().expect("it can be asked").is_none() {
        assert!(moment.elapsed() < 60 * PATIENCE, "a study hangs");
        thread::sleep(Duration::from_millis(2));
    }
    said(child.wait_with_output().expect("it ended"))
}

/// Every file below a folder was changed at another time: years ago, now, or years ahead.
fn shift_clocks(folder: &Path, mutator: &mut Mutator) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            shift_clocks(&path, mutator);
        } else if let Ok(file) = fs::File::options().append(true).open(&path) {
            let years = Duration::from_secs(365 * 86_400 * mutator.below(20) as u64);
            let now = SystemTime::now();
            let time = if mutator.once_in(2) { now + years } else { now - years };
            let _ = file.set_modified(time);
        }
    }
}

/// Leftovers of writers that died, however old they seem.
fn leftovers(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || name.contains("tmp") || name.ends_with("partial") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(leftovers(&path));
        }
    }
    found
}

#[test]
fn random_kills_signals_and_clocks() {
    let setting = Setting::small();
    let undisturbed = setting.out("undisturbed");
    let start = Instant::now();
    setting.finish(&undisturbed);
    let (whole, expected) = (start.elapsed(), results(&undisturbed));
    let (mut kills, mut signals, mut resumed) = (0, 0, 0);
    let wanted = amount(12);
    let mut round = 0;
    while kills < wanted {
        let out = setting.out(&format!("round-{round}"));
        let mutator = &mut Mutator::new("kill", round);
        // A run is disturbed four times at most, so that every round comes to its end.
        for _ in 0..4 {
            let child = setting.spawn(&out, &[]);
            let id = child.id();
            thread::sleep(whole.mul_f64(0.7 * mutator.below(1000) as f64 / 1000.0));
            let name = *mutator.pick(&[&"KILL", &"KILL", &"KILL", &"TERM", &"INT"]);
            signal(id, name);
            let said = ended(child, Instant::now());
            match said.code {
                // Ended by the signal that cannot be caught.
                -1 => kills += 1,
                75 => signals += 1,
                code => assert!([0, 1].contains(&code), "{name}: code {code}: {}", said.err),
            }
            resumed += said.err.matches("resumed at step").count();
            shift_clocks(&out, mutator);
        }
        resumed += setting.finish(&out).err.matches("resumed at step").count();
        assert_eq!(results(&out), expected, "round {round}");
        assert_eq!(leftovers(&out), Vec::<PathBuf>::new(), "round {round}");
        fs::remove_dir_all(&out).expect("removable");
        round += 1;
    }
    println!("{kills} kills, {signals} signals that ended a run, {resumed} trials resumed, {round} tables, 0 changed");
    // Trials of this study are short: about one kill in twenty meets one that has a checkpoint.
    assert!(resumed > 0 || kills < 150, "no trial was continued from a checkpoint");
}

/// A disk with room for so many KiB: a small file system where one may be mounted. It is unmounted when it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path, kib: u64) -> Option<Disk> {
        fs::create_dir_all(folder).expect("writable");
        let options = format!("size={kib}k");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(folder).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Disk(folder.to_owned()))
    }

    fn grow(&self, kib: u64) {
        let options = format!("remount,size={kib}k");
        let mount = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(mount.is_ok_and(|status| status.success()));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// A run on a full disk ends with an error that says so, and goes on when there is room. Where nothing may be mounted, the limit of the
/// size of a file stands for it.
#[test]
fn full_disks() {
    let setting = Setting::small();
    let undisturbed = setting.out("undisturbed");
    setting.finish(&undisturbed);
    let expected = results(&undisturbed);
    let mut refused = 0;
    let rounds = amount(6);
    for round in 0..rounds {
        // From nearly nothing to nearly enough.
        let kib = 4 + (2000.0 * (round as f64 / rounds as f64).powi(2)) as u64;
        let out = setting.out("disk");
        if let Some(disk) = Disk::mount(&out, kib) {
            refused += refusal_of_full_disk(&ended(setting.spawn(&out, &[]), Instant::now()));
            disk.grow(100_000);
            setting.finish(&out);
            assert_eq!(results(&out), expected, "{kib} KiB");
            continue;
        }
        let out = setting.out(&format!("quota-{kib}"));
        let said = ended(setting.spawn_limited(&out, kib), Instant::now());
        refused += refusal_of_full_disk(&said);
        setting.finish(&out);
        assert_eq!(results(&out), expected, "files of {kib} blocks");
    }
    assert!(refused > 0, "no run met a full disk");
}

/// 1 if a run ended for lack of room, and says so.
fn refusal_of_full_disk(said: &Said) -> u64 {
    if [0, 1].contains(&said.code) {
        return 0;
    }
    assert_eq!(said.code, 2, "{}", said.err);
    let reasons = ["No space left", "File too large"];
    assert!(reasons.iter().any(|reason| said.err.contains(reason)), "{}", said.err);
    1
}
