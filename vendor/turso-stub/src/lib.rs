//! Stub: see Cargo.toml.
