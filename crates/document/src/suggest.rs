//! Suggests what the user probably meant.

use crate::foreign;

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

/// Most known words that are listed.
const LISTED: usize = 30;

/// "did you mean …?", what the word is called here, or the list of all known words, each once.
pub fn suggestion(word: &str, known: &[&str]) -> String {
    if let Some(meant) = foreign::word(word, known) {
        return meant;
    }
    if let Some(said) = foreign::absent(word, known) {
        return format!("{said}; {}", listed(known));
    }
    // One error in three letters; short words are at one error from too many others.
    match nearest(word, known.iter().copied(), word.chars().count() / 3) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => listed(known),
    }
}

/// Says what was probably meant by a dotted key that a file does not have: `known` are those that it has.
pub fn suggested_key(dotted: &str, known: &[&str]) -> String {
    let split = |key: &'_ str| key.rfind('.').map_or(0, |dot| dot + 1);
    let (parent, last) = dotted.split_at(split(dotted));
    let siblings: Vec<&str> = known.iter().filter_map(|key| key.strip_prefix(parent)).map(first_part).collect();
    let cutoff = last.chars().count() / 3;
    if let Some(sibling) = nearest(last, siblings.iter().copied(), cutoff) {
        return format!("did you mean `{parent}{sibling}`?");
    }
    if let Some(meant) = foreign::key(dotted, last) {
        return format!("{meant} is meant");
    }
    let elsewhere = known.iter().map(|key| (key, &key[split(key)..])).filter(|(_, own)| !own.is_empty());
    let by_last: Vec<_> = elsewhere.collect();
    match nearest(last, by_last.iter().map(|(_, own)| *own), cutoff) {
        Some(meant) => {
            let key = by_last.iter().find(|(_, own)| *own == meant).map_or(meant, |(key, _)| key);
            format!("did you mean `{key}`?")
        }
        None if siblings.is_empty() => listed(&known.iter().map(|key| first_part(key)).collect::<Vec<_>>()),
        None => listed(&siblings),
    }
}

fn first_part(key: &str) -> &str {
    key.split_once('.').map_or(key, |(first, _)| first)
}

/// The known words, each once.
fn listed(known: &[&str]) -> String {
    let mut once: Vec<&str> = Vec::new();
    known.iter().filter(|word| !word.is_empty()).for_each(|word| {
        if !once.contains(word) {
            once.push(word);
        }
    });
    let more = once.len().saturating_sub(LISTED);
    once.truncate(LISTED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("known: {}{more}", once.join(", "))
}
