//! What a search of clients is about.

/// What may happen from one beginning on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Theme {
    /// Which requests of its menu each client sends, in any order and any number of times.
    pub menus: [&'static [usize]; 2],
    /// How many requests each client sends.
    pub asks: [u8; 2],
    /// How often the first client's connection is cut.
    pub cuts: u8,
    /// Whether the first client's session may expire.
    pub silence: bool,
}
