//! Malformed, oversized, unauthorised and replayed input at every door of a running grid, and the
//! answer each gets.

pub(crate) mod directories;
pub(crate) mod extrinsics;
pub(crate) mod http;
pub(crate) mod rpc;
pub(crate) mod streams;
