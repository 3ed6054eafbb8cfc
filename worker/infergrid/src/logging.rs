//! Logs go to the standard error.

use crate::{
	failure::Failure,
	settings::{Common, LogFormat},
};
use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. A second start in one process changes nothing.
pub(crate) fn start(common: &Common) -> Result<(), Failure> {
	let filter = EnvFilter::try_new(&common.log)
		.with_context(|| format!("`{}` is not a log filter", common.log))
		.map_err(|error| Failure::config(error).hint("for instance --log info,infergrid=debug"))?;
	let builder = tracing_subscriber::fmt()
		.with_env_filter(filter)
		.with_writer(std::io::stderr);
	let _ = match common.log_format {
		LogFormat::Text => builder
			.with_ansi(std::io::stderr().is_terminal())
			.try_init(),
		LogFormat::Json => builder.json().try_init(),
	};
	Ok(())
}
