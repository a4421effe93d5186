//! "Did you mean": the known word that a misspelt one was probably meant to be.

/// Longer words are no slips of the pen, and comparing them costs more than it tells.
const MAX_CHARS: usize = 64;

/// The candidate nearest to a word, if one is near enough to be meant. Case, `_` and `-` do not count.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = plain(word)?;
    let length = word.chars().count();
    // A third of the letters may be wrong, and one always: two-letter stage names are common.
    let allowed = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let Some(other) = plain(candidate) else { continue };
        if other.chars().count().abs_diff(length) > allowed {
            continue;
        }
        let distance = strsim::osa_distance(&word, &other);
        // A word of one letter resembles every other one.
        let near = distance <= allowed && (distance == 0 || length > 1);
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A hint for a finding: the nearest candidate, else all of them where they are few.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    noun: &str,
) -> Option<String> {
    if let Some(meant) = nearest(word, candidates.clone()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let known: Vec<&str> = candidates.into_iter().take(25).collect();
    (!known.is_empty() && known.len() < 25).then(|| format!("known {noun}: {}", known.join(", ")))
}

fn plain(word: &str) -> Option<String> {
    if word.chars().nth(MAX_CHARS).is_some() {
        return None;
    }
    Some(word.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_meant() {
        let known = ["name", "namespace", "stages", "connections", "deadLetters"];
        assert_eq!(nearest("conections", known), Some("connections"));
        assert_eq!(nearest("dead_letters", known), Some("deadLetters"));
        assert_eq!(nearest("nmae", known), Some("name"));
        assert_eq!(nearest("schedule", known), None);
    }

    #[test]
    fn a_single_letter_resembles_nothing() {
        assert_eq!(nearest("a", ["b", "c"]), None);
        assert_eq!(nearest("a", ["A"]), Some("A"));
    }

    #[test]
    fn long_words_are_not_compared() {
        let long = "x".repeat(100_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }

    #[test]
    fn few_candidates_are_listed_where_none_is_near() {
        assert_eq!(did_you_mean("zzz", ["from", "to"], "keys").as_deref(), Some("known keys: from, to"));
        assert_eq!(did_you_mean("form", ["from", "to"], "keys").as_deref(), Some("did you mean `from`?"));
    }
}
