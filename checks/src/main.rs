//! The quorate-checks program.
fn main() {}
