//! The key of a message: what decides its partition, and with it the order among messages.

#[cfg(test)]
mod tests;

/// The key made of these values: one as it is, several as a JSON array with null where one is missing, nothing where all
/// are.
pub(crate) fn of_values(values: &[Option<&str>]) -> Option<Vec<u8>> {
    match values {
        [value] => value.map(|value| value.as_bytes().to_vec()),
        values if values.iter().all(Option::is_none) => None,
        values => serde_json::to_vec(values).ok(),
    }
}
