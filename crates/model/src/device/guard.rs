//! Turns failures of a device into errors: burn reports one that fails (out of memory, lost) by panicking.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::ModelError;

/// Runs something on a device.
///
/// # Errors
/// [`ModelError::DeviceFailed`] with the name `what` of that which ran and the message of the panic.
pub fn guarded<T>(what: &str, run: impl FnOnce() -> T) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        ModelError::DeviceFailed { what: what.to_owned(), message: message.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_the_name_of_what_ran() {
        assert_eq!(guarded("sum", || 1 + 1), Ok(2));
        let text = |result: Result<(), ModelError>| result.unwrap_err().to_string();
        assert_eq!(text(guarded("a product", || panic!("lost"))), "a product: the device failed: lost");
        let number = 3;
        assert_eq!(text(guarded("a sum", || panic!("lost {number}"))), "a sum: the device failed: lost 3");
    }
}
