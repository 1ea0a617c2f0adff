//! Trials are packed into tasks of about equal time.

/// A trial that is to be packed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// Its index in the study.
    pub(super) trial: usize,
    /// Seconds that it is expected to take.
    pub(super) seconds: f64,
    /// It keeps a device busy by itself: others like it wait.
    pub(super) is_exclusive: bool,
}

/// The trials of a task.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Task {
    pub(super) trials: Vec<usize>,
    exclusive: f64,
    shared: f64,
    longest: f64,
}

impl Task {
    fn add(&mut self, load: &Load) {
        self.trials.push(load.trial);
        if load.is_exclusive {
            self.exclusive += load.seconds;
        } else {
            self.shared += load.seconds;
            self.longest = self.longest.max(load.seconds);
        }
    }

    /// What it takes on so many processors: exclusive trials one after another, the others beside each other.
    pub(super) fn seconds(&self, cpus: u64) -> f64 {
        self.exclusive + (self.shared / cpus as f64).max(self.longest)
    }
}

/// Packs trials into `count` tasks, the longest first, each into the task that has the least to do.
fn packed(loads: &[Load], count: usize, cpus: u64) -> Vec<Task> {
    let mut tasks = vec![Task::default(); count];
    for load in loads {
        let least = |one: &&mut Task, other: &&mut Task| one.seconds(cpus).total_cmp(&other.seconds(cpus));
        if let Some(task) = tasks.iter_mut().min_by(least) {
            task.add(load);
        }
    }
    tasks.retain(|task| !task.trials.is_empty());
    tasks.iter_mut().for_each(|task| task.trials.sort_unstable());
    tasks
}

/// Packs trials into as few tasks as take at most `target` seconds each, or into at most `most` if these do not suffice.
pub(super) fn pack(mut loads: Vec<Load>, target: f64, most: usize, cpus: u64) -> Vec<Task> {
    loads.sort_by(|one, other| other.seconds.total_cmp(&one.seconds).then(one.trial.cmp(&other.trial)));
    let most = most.min(loads.len());
    let mut whole = Task::default();
    loads.iter().for_each(|load| whole.add(load));
    let mut count =
        ((whole.exclusive + whole.shared / cpus as f64) / target).ceil().clamp(1.0, most.max(1) as f64) as usize;
    loop {
        let tasks = packed(&loads, count, cpus);
        if count >= most || tasks.iter().all(|task| task.seconds(cpus) <= target) {
            return tasks;
        }
        count = (count + count.div_ceil(20)).min(most);
    }
}

/// Packs trials into so many tasks, or one for each trial if there are fewer.
pub(super) fn pack_into(mut loads: Vec<Load>, count: usize, cpus: u64) -> Vec<Task> {
    loads.sort_by(|one, other| other.seconds.total_cmp(&one.seconds).then(one.trial.cmp(&other.trial)));
    packed(&loads, count.min(loads.len()), cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(seconds: &[f64]) -> Vec<Load> {
        let load = |(trial, &seconds): (usize, &f64)| Load { trial, seconds, is_exclusive: false };
        seconds.iter().enumerate().map(load).collect()
    }

    #[test]
    fn tasks_take_about_the_same_time_and_hold_every_trial_once() {
        let seconds: Vec<f64> = (0..200).map(|trial| 1.0 + f64::from(trial * 7919 % 101)).collect();
        let tasks = pack(loads(&seconds), 600.0, 1000, 1);
        let times: Vec<f64> = tasks.iter().map(|task| task.seconds(1)).collect();
        let (least, most) =
            times.iter().fold((f64::MAX, 0.0_f64), |(least, most), time| (least.min(*time), most.max(*time)));
        assert!(most <= 600.0 && least > 0.9 * most, "{times:?}");
        let fewest = (seconds.iter().fold(0.0, |sum, seconds| sum + seconds) / 600.0).ceil();
        assert!(tasks.len() as f64 <= 1.1 * fewest, "{} tasks instead of {fewest}", tasks.len());
        let mut trials: Vec<usize> = tasks.into_iter().flat_map(|task| task.trials).collect();
        trials.sort_unstable();
        assert_eq!(trials, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn there_are_no_more_tasks_than_may_be() {
        assert_eq!(pack(loads(&[100.0; 50]), 10.0, 7, 1).len(), 7);
        assert_eq!(pack(loads(&[100.0; 3]), 10.0, 7, 1).len(), 3);
        assert_eq!(pack_into(loads(&[1.0; 3]), 5, 1).len(), 3);
        assert!(pack(Vec::new(), 10.0, 7, 1).is_empty());
    }

    #[test]
    fn shared_trials_run_side_by_side_and_exclusive_ones_do_not() {
        let mut all = loads(&[4.0, 4.0, 4.0, 4.0]);
        assert_eq!(packed(&all, 1, 4)[0].seconds(4), 4.0);
        assert_eq!(packed(&all, 1, 2)[0].seconds(2), 8.0);
        all.iter_mut().for_each(|load| load.is_exclusive = true);
        assert_eq!(packed(&all, 1, 4)[0].seconds(4), 16.0);
    }
}
