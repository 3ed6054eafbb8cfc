//! Logs, which go to the standard error.

use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// A text that is no log filter.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is not a log filter: give one like info or warn,infergrid=debug")]
pub struct InvalidFilter {
	filter: String,
	#[source]
	source: ParseError,
}

/// Starts logging what `filter` lets through, as one JSON object a line or for people. A second start
/// in one process changes nothing.
pub fn start_logs(filter: &str, json: bool) -> Result<(), InvalidFilter> {
	let parsed = EnvFilter::try_new(filter).map_err(|source| InvalidFilter {
		filter: filter.to_owned(),
		source,
	})?;
	let builder = tracing_subscriber::fmt()
		.with_env_filter(parsed)
		.with_writer(std::io::stderr);
	let _ = match json {
		true => builder.json().try_init(),
		false => builder
			.with_ansi(std::io::stderr().is_terminal())
			.try_init(),
	};
	Ok(())
}
