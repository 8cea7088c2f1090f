//! What must be true of core.
