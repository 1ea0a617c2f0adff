//! A shard is the part of a study that one of several processes or machines runs.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// Part `number` of `count` of the trials: those with `index % count == number − 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    count: usize,
}

impl Shard {
    /// All trials.
    pub const WHOLE: Shard = Shard { number: 1, count: 1 };

    pub(crate) fn contains(self, index: usize) -> bool {
        index % self.count == self.number - 1
    }

    /// Shards of one run directory plan in files of their own.
    pub(crate) fn plan_file(self) -> String {
        if self == Shard::WHOLE { "plan.csv".into() } else { format!("plan-{}-of-{}.csv", self.number, self.count) }
    }
}

impl FromStr for Shard {
    type Err = Error;

    /// Reads `2/4`.
    fn from_str(text: &str) -> Result<Shard> {
        let parts = text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((number, count)) if (1..=count).contains(&number) => Ok(Shard { number, count }),
            _ => Err(Error::Shard(text.into())),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}
