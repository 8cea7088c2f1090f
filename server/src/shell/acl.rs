//! ACLs as they are typed: `scheme:id:perms,scheme:id:perms`.

use quorate_client::Acl;

use super::show::PERMISSIONS;

/// The entries of a text, and what is said of those that cannot be read: they are left out.
pub(super) fn parse(text: &str) -> (Vec<Acl>, Vec<String>) {
    let (mut acl, mut said) = (Vec::new(), Vec::new());
    let mut entries: Vec<&str> = text.split(',').collect();
    while entries.len() > 1 && entries.last().is_some_and(|last| last.is_empty()) {
        entries.pop();
    }
    for entry in entries {
        match (entry.split_once(':'), entry.rsplit_once(':')) {
            (Some((scheme, _)), Some((front, letters))) if front.len() > scheme.len() => {
                let id = &front[scheme.len() + 1..];
                acl.push(Acl::new(permissions(letters, &mut said), scheme, id));
            }
            _ => said.push(format!("{entry} does not have the form scheme:id:perm")),
        }
    }
    (acl, said)
}

fn bit(letter: char) -> Option<i32> {
    PERMISSIONS.iter().find(|(known, _)| *known == letter).map(|(_, bit)| *bit)
}

/// Permissions, if every letter is one.
pub(super) fn bits(letters: &str) -> Option<i32> {
    letters.chars().try_fold(0, |bits, letter| Some(bits | bit(letter)?))
}

fn permissions(letters: &str, said: &mut Vec<String>) -> i32 {
    letters.chars().fold(0, |bits, letter| {
        bits | bit(letter).unwrap_or_else(|| {
            said.push(format!("Unknown perm type: {letter}"));
            0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_what_is_wrong_with_them() {
        let (acl, said) = parse("world:anyone:r,digest:a:b=:cdrwa,nothing,auth::x,");
        let read = [Acl::new(1, "world", "anyone"), Acl::new(31, "digest", "a:b="), Acl::new(0, "auth", "")];
        assert_eq!(acl, read);
        assert_eq!(said, ["nothing does not have the form scheme:id:perm", "Unknown perm type: x"]);
        assert_eq!(parse("").1, [" does not have the form scheme:id:perm"]);
        assert_eq!(parse("a:b").1.len(), 1);
    }
}
