//! Only plain files are read; a pipe does not hang, and a device does not fill the memory.

use std::{fs, os::unix::net::UnixListener, path::Path, process::Command};

use crate::common::{run, write};

/// A problem whose section of data is this.
fn problem(data: &str) -> String {
    format!(
        "[network]\nhidden_layers = 1\n[parameterization]\nkind = \"ntk\"\n[data]\n{data}\n\
         [optimizer]\nkind = \"gd\"\nlearning_rate = 0.1\nsteps = 10\n"
    )
}

#[test]
fn data_paths_and_problem_files_are_plain_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = |name: &str| folder.path().join(name);
    for name in ["fifo", "fifo.toml", "fifo.json"] {
        assert!(Command::new("mkfifo").arg(place(name)).status().expect("mkfifo").success());
    }
    let _bound = UnixListener::bind(place("socket")).expect("a socket");
    fs::create_dir(place("folder.toml")).expect("a folder");
    for (name, kind) in
        [("fifo", "a pipe"), ("socket", "a socket"), ("folder.toml", "a folder"), ("/dev/zero", "a device")]
    {
        for data in [
            format!("kind = \"csv\"\ntrain = \"{name}\"\nheader = false\ninputs = [0]\ntargets = [1]"),
            format!("kind = \"npy\"\ninputs = \"{name}\"\ntargets = \"{name}\""),
            format!("kind = \"idx\"\nimages = \"{name}\"\nlabels = \"{name}\""),
            format!("kind = \"cifar\"\ntrain = [\"{name}\"]"),
        ] {
            let path = write(folder.path(), "problem.toml", &problem(&data));
            let said = run(&["plan", &path, "--width", "64"]);
            assert_eq!(said.code, 2, "{data}: {}", said.err);
            assert!(said.err.contains(name) && said.err.contains(&format!("it is {kind}")), "{data}: {}", said.err);
        }
    }
    for (name, kind) in [("fifo.toml", "a pipe"), ("fifo.json", "a pipe"), ("folder.toml", "a folder")] {
        let path = place(name);
        for command in [&["plan"][..], &["solve", "--width", "4"], &["kernel"], &["prior"], &["study"]] {
            let said = run(&[command, &[path.to_str().expect("UTF-8")]].concat());
            assert_eq!(said.code, 2, "{name}: {}", said.err);
            assert!(said.err.contains(&format!("it is {kind}")), "{command:?} {name}: {}", said.err);
        }
    }
}

fn sparse(path: &Path, bytes: u64, start: &[u8]) {
    fs::write(path, start).expect("writable");
    fs::File::options().append(true).open(path).and_then(|file| file.set_len(bytes)).expect("a file with a hole");
}

/// A file with holes promises any number of images, and takes no room.
#[test]
fn files_with_holes_are_refused_by_what_they_would_need() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let images = 4_000_000_000u32;
    let header = |kind: u8, sizes: &[u32]| {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        [0, 0, 8, kind].into_iter().chain(sizes).collect::<Vec<u8>>()
    };
    let (images_header, labels_header) = (header(3, &[images, 1, 1]), header(1, &[images]));
    sparse(&folder.path().join("images"), u64::from(images) + images_header.len() as u64, &images_header);
    sparse(&folder.path().join("labels"), u64::from(images) + labels_header.len() as u64, &labels_header);
    sparse(&folder.path().join("cifar"), 3073 * 4_000_000_000, b"");
    let npy = [&b"\x93NUMPY\x02\x00"[..], &4_000_000_000u32.to_le_bytes()].concat();
    sparse(&folder.path().join("header.npy"), 5_000_000_000, &npy);
    sparse(&folder.path().join("problem.json"), 1 << 40, b"{}");
    for (data, need) in [
        ("kind = \"idx\"\nimages = \"images\"\nlabels = \"labels\"", "4000000000 labelled images need"),
        ("kind = \"cifar\"\ntrain = [\"cifar\"]", "4000000000 labelled images need"),
        ("kind = \"npy\"\ninputs = \"header.npy\"\ntargets = \"header.npy\"", "its header would be 4000000000 bytes"),
    ] {
        let path = write(folder.path(), "problem.toml", &problem(data));
        let said = run(&["plan", &path, "--width", "64"]);
        assert!(said.code == 2 && said.err.contains(need), "{data}: {}", said.err);
    }
    let path = folder.path().join("problem.json");
    let said = run(&["plan", path.to_str().expect("UTF-8"), "--width", "64"]);
    assert!(said.code == 2 && said.err.contains("it has 1099511627776 bytes"), "{}", said.err);
}
