//! An error that names engines is said with the option that asks for them.

use widenet_engines::SolveError;

/// The error, with the option of the command line that chooses an engine that fits.
pub(crate) fn with_option(error: SolveError) -> String {
    match error {
        SolveError::Unfit { reason, fitting } if !fitting.is_empty() => {
            format!("{reason} (--engine {})", fitting.join(" or "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_fits_is_an_option() {
        let unfit = SolveError::Unfit { reason: "use the law".into(), fitting: vec!["law", "auto"] };
        assert_eq!(with_option(unfit), "use the law (--engine law or auto)");
        assert_eq!(with_option(SolveError::Refused("no".into())), "no");
    }
}
