//! Waits that end.

use anyhow::{Result, bail};
use std::{
	future::Future,
	time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(500);

/// Looks until `look` gives something, at most for `limit`. An error of `look` counts as nothing
/// found, as long as time is left.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
	F: Future<Output = Result<Option<T>>>,
{
	let started = Instant::now();
	let mut last = None;
	while started.elapsed() < limit {
		match look().await {
			Ok(Some(found)) => return Ok(found),
			Ok(None) => {}
			Err(error) => last = Some(error),
		}
		tokio::time::sleep(PAUSE).await;
	}
	let reason = last
		.map(|error| format!("; last error: {error:#}"))
		.unwrap_or_default();
	bail!("no {what} within {} s{reason}", limit.as_secs())
}
