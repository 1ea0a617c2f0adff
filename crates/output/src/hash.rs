//! By SHA-256 results are known to be whole and to belong to what was asked.

use sha2::{Digest, Sha256};

/// Returns the SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    sha256_of(|hash| hash(bytes))
}

/// Returns the SHA-256 in hexadecimal of bytes that come piece by piece: `visit` calls its argument with each piece.
pub fn sha256_of(visit: impl FnOnce(&mut dyn FnMut(&[u8]))) -> String {
    let mut hash = Sha256::new();
    visit(&mut |bytes| hash.update(bytes));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
