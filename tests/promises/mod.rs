//! Promises of the program that hold whatever is asked of it: it ends when it is told to, what it says beside the answer fails nothing,
//! nothing is taken that the machine does not have, and only plain files are read.

#[cfg(unix)]
mod files;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod signals;
