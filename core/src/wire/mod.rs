//! Bytes ↔ values: jute, the three ports' messages, and the layouts of log and snapshot files.
