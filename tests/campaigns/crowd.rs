//! Several processes in one run directory, of which some are killed: nobody disturbs the others, and the table is that of one alone.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{amount, mutation::Mutator};
use crate::faults::{Setting, results};

#[test]
fn processes_in_one_directory_of_which_some_are_killed() {
    let setting = Setting::small();
    let alone = setting.out("alone");
    let start = Instant::now();
    setting.finish(&alone);
    let (whole, expected) = (start.elapsed(), results(&alone));
    for round in 0..amount(2) {
        let out = setting.out(&format!("crowd-{round}"));
        let mutator = &mut Mutator::new("crowd", round);
        let mut children: Vec<_> =
            (0..4).map(|_| setting.spawn(&out, &["--shard", mutator.pick(&["1/1", "1/2", "2/2"])])).collect();
        for _ in 0..2 {
            thread::sleep(whole.mul_f64(mutator.below(1000) as f64 / 1000.0) + Duration::from_millis(20));
            let mut victim = children.swap_remove(mutator.below(children.len()));
            victim.kill().expect("it can be killed");
            victim.wait().expect("it ends");
        }
        for child in children {
            let said = crate::common::said(child.wait_with_output().expect("it ends"));
            assert!([0, 1].contains(&said.code), "round {round}: {}", said.err);
        }
        setting.finish(&out);
        assert_eq!(results(&out), expected, "round {round}");
        fs::remove_dir_all(&out).expect("removable");
    }
}
