//! Crosses on the upper edge of a plot mark where there is no value; those of several series must not cover each other.

/// Crosses closer than this, in pixels, meet.
const CLOSE: f64 = 11.0;

/// Places of the crosses that were drawn.
pub(crate) struct Crosses {
    top: f64,
    taken: Vec<(f64, f64)>,
}

impl Crosses {
    /// None yet, on an edge at this ordinate.
    pub(crate) fn new(top: f64) -> Crosses {
        Crosses { top, taken: Vec::new() }
    }

    /// A place at an abscissa, as near to the edge as no other cross is met.
    pub(crate) fn place(&mut self, x: f64) -> (f64, f64) {
        let mut y = self.top;
        let meets =
            |y: f64, (other_x, other_y): &(f64, f64)| (x - other_x).abs() < CLOSE && (y - other_y).abs() < CLOSE;
        while self.taken.iter().any(|other| meets(y, other)) {
            y += CLOSE;
        }
        self.taken.push((x, y));
        (x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four series without a value at one place, and one beside it: five crosses, each at a place of its own.
    #[test]
    fn crosses_at_one_place_stand_under_each_other() {
        let mut crosses = Crosses::new(44.0);
        let rows = [100.0, 100.0, 104.0, 120.0, 100.0].map(|x| ((crosses.place(x).1 - 44.0) / CLOSE).round());
        assert_eq!(rows, [0.0, 1.0, 2.0, 0.0, 3.0]);
    }
}
