//! What follows the question mark.

/// A parameter of a query.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        assert_eq!(parameter("a=1&traceMask=5&b", "traceMask"), Some("5"));
        assert_eq!(parameter("xtraceMask=5", "traceMask"), None);
        assert_eq!(parameter("", "a"), None);
        assert_eq!(parameter("a==1", "a"), Some("=1"));
    }
}
