//! Weight matrices of very wide networks are thin, or hidden ones that are known by their responses to the directions that
//! training has probed them with, which makes memory and time of a step O(m × rank) (docs/theory/conditioning.md).

pub(crate) mod coefficients;
pub(crate) mod fresh;
pub(crate) mod hidden;
pub(crate) mod kind;
pub(crate) mod responses;
pub(crate) mod side;
pub(crate) mod thin;
pub(crate) mod wide;
