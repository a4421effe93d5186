//! Where alerts go: brokers and a topic, as they are written in properties.

use campanile_sdk::Finding;

#[cfg(test)]
mod tests;

/// Kafka's own bound.
const MAX_TOPIC_LENGTH: usize = 249;

/// What is wrong with a list of brokers.
pub(crate) fn check_brokers(brokers: &str) -> Vec<Finding> {
    let wrong = |broker: &str| {
        let message = if broker.is_empty() {
            "there is an empty broker in the list".to_owned()
        } else {
            format!("`{broker}` is no broker")
        };
        Finding::error("brokers", message).hint("write host:port, several parted by commas")
    };
    brokers.split(',').map(str::trim).filter(|broker| !is_host_and_port(broker)).map(wrong).collect()
}

fn is_host_and_port(broker: &str) -> bool {
    let Some((host, port)) = broker.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    // Colons in a host are those of an IPv6 address, which stands in brackets.
    let host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '/', ' ']),
    };
    host && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// What is wrong with the name of a topic, by Kafka's rules.
pub(crate) fn check_topic(topic: &str) -> Option<Finding> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fine = !topic.is_empty()
        && topic.len() <= MAX_TOPIC_LENGTH
        && topic != "."
        && topic != ".."
        && topic.chars().all(legal);
    let finding = || {
        Finding::error("topic", format!("`{topic}` is no name of a topic"))
            .hint(format!("write 1 to {MAX_TOPIC_LENGTH} letters, digits, `.`, `_` or `-`, and not `.` or `..`"))
    };
    (!fine).then(finding)
}
