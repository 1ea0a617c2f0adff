//! Says how work is split among threads.

use faer::Par;

/// Tasks into which faer splits its work. Some of its sums run over the parts of a split, so the split must not follow the number of
/// threads, from which numbers would then depend.
pub(super) const TASKS: usize = 8;

/// A split into [`TASKS`] tasks, however many threads there are to take them.
pub(super) fn fixed_split() -> Par {
    Par::rayon(TASKS)
}
