//! Suggests what the user probably meant.

/// The known word nearest to `word`, if at most `cutoff` typing errors away (Damerau–Levenshtein distance).
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, cutoff: usize) -> Option<&'a str> {
    let length = word.chars().count();
    known
        .into_iter()
        // A distance is at least the difference of the lengths, and costs their product.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= cutoff)
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= cutoff)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean …?" or the list of all known words.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    // One error in three letters; short words are at one error from too many others.
    match nearest(word, known.iter().copied(), word.chars().count() / 3) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known: {}", known.join(", ")),
    }
}
