//! Logs and metrics, without a word of what they are about.
//!
//! Each role has a struct of described counters that registers itself at zero; [`MetricsServer`]
//! serves what is registered to Prometheus.

mod logs;
mod metrics;

pub use logs::{InvalidFilter, start_logs};
pub use metrics::{MetricsServer, encode};
