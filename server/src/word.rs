//! The four-letter words: which bytes are one.
//!
//! A word is recognised only as the first four bytes of a connection, where a client's first length would be.
//! The answer is plain text, and the connection is closed after it.

/// A command of four letters, and what `stmk` is to set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    name: &'static str,
    mask: Option<i64>,
}

/// Every word of ZooKeeper. The last two are about a trace of Java's that there is none of here: the
/// mask is kept and shown, and that is all.
const WORDS: &[&str] = &[
    "conf", "cons", "crst", "dirs", "dump", "envi", "hash", "isro", "mntr", "ruok", "srst", "srvr", "stat",
    "wchc", "wchp", "wchs", "gtmk", "stmk",
];

impl Word {
    /// The word these bytes spell.
    pub(crate) fn recognise(bytes: [u8; 4]) -> Option<Word> {
        let name = WORDS.iter().find(|word| word.as_bytes() == bytes)?;
        Some(Word { name, mask: None })
    }

    /// The four letters.
    pub(crate) fn name(self) -> &'static str {
        self.name
    }

    /// The number behind `stmk`.
    pub(crate) fn mask(self) -> Option<i64> {
        self.mask
    }

    /// The word with what arrived behind it: `stmk` takes a number of eight bytes.
    pub(crate) fn followed_by(self, rest: &[u8]) -> Word {
        Word { mask: rest.first_chunk().map(|mask| i64::from_be_bytes(*mask)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_are_words() {
        assert_eq!(Word::recognise(*b"ruok"), Some(Word { name: "ruok", mask: None }));
        for bytes in [*b"RUOK", [0, 0, 0, 45], *b"ruo ", [0xff, 0xf4, 0xff, 0xfd]] {
            assert_eq!(Word::recognise(bytes), None);
        }
    }

    #[test]
    fn a_mask_has_eight_bytes() {
        let stmk = Word::recognise(*b"stmk").expect("a word");
        assert_eq!(stmk.followed_by(&[0, 0, 0, 0, 0, 0, 1, 50, 9]).mask, Some(306));
        assert_eq!(stmk.followed_by(&[0, 0, 0, 0, 0, 1, 50]).mask, None);
    }
}
