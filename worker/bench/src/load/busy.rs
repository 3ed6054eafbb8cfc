//! How much of the time the miners' models have worked.

use crate::BenchError;
use infergrid_client::ClientError;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// A miner's counter of the seconds in which its model has worked.
const COUNTER: &str = "infergrid_model_busy_seconds_total ";
const PERIOD: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much of the time a model has worked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Busy {
	/// Where the miner serves its metrics.
	pub metrics: String,
	/// Of the time from the first work of any of the miners to the last token of any of them.
	pub share: f64,
}

/// A moment, and the seconds in which a model had worked by then.
type Sample = (Instant, f64);

/// A watch over miners, from its start on.
#[derive(Debug)]
pub(super) struct Miners {
	work: JoinSet<(usize, Vec<Sample>)>,
	urls: Vec<String>,
	stop: CancellationToken,
}

impl Miners {
	/// Watches the miners whose metrics are at `urls`.
	pub(super) async fn start(urls: Vec<String>) -> Result<Self, BenchError> {
		let http = reqwest::Client::builder()
			.timeout(TIMEOUT)
			.no_proxy()
			.build()
			.map_err(ClientError::Start)?;
		let stop = CancellationToken::new();
		let mut work = JoinSet::new();
		for (index, url) in urls.iter().enumerate() {
			let first = sample(&http, url).await?;
			let (http, url, stop) = (http.clone(), url.clone(), stop.clone());
			work.spawn(async move { (index, follow(&http, &url, vec![first], &stop).await) });
		}
		Ok(Self { work, urls, stop })
	}

	/// How much each has worked until `last`, the moment of the last token.
	pub(super) async fn end(mut self, last: Instant) -> Vec<Busy> {
		self.stop.cancel();
		let mut all = vec![Vec::new(); self.urls.len()];
		while let Some(watched) = self.work.join_next().await {
			if let Ok((index, samples)) = watched {
				all[index] = samples;
			}
		}
		let begun = all.iter().filter_map(|samples| begin(samples)).min();
		let shares = all.iter().map(|samples| share(samples, begun, last));
		let told = self.urls.into_iter().zip(shares);
		told.map(|(metrics, share)| Busy { metrics, share })
			.collect()
	}
}

async fn follow(
	http: &reqwest::Client,
	url: &str,
	mut samples: Vec<Sample>,
	stop: &CancellationToken,
) -> Vec<Sample> {
	let mut ticks = tokio::time::interval(PERIOD);
	ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
	let mut stopped = false;
	while !stopped {
		tokio::select! {
			biased;
			() = stop.cancelled() => stopped = true,
			_ = ticks.tick() => {}
		}
		// What is missed is in the next sample.
		match sample(http, url).await {
			Ok(sample) => samples.push(sample),
			Err(error) => tracing::debug!(%error, "a miner's metrics are missed"),
		}
	}
	samples
}

async fn sample(http: &reqwest::Client, url: &str) -> Result<Sample, BenchError> {
	let text = async { http.get(url).send().await?.error_for_status()?.text().await };
	let text = text.await.map_err(|source| BenchError::Metrics {
		url: url.to_owned(),
		source,
	})?;
	let mut values = text.lines().filter_map(|line| line.strip_prefix(COUNTER));
	let seconds = values.next().and_then(|value| value.trim().parse().ok());
	let seconds = seconds.ok_or_else(|| BenchError::NoMiner(url.to_owned()))?;
	Ok((Instant::now(), seconds))
}

/// The last moment before the model began to work.
fn begin(samples: &[Sample]) -> Option<Instant> {
	let (_, idle) = samples.first()?;
	let before = samples.iter().take_while(|(_, busy)| busy <= idle).last()?;
	(before.1 < samples.last()?.1).then_some(before.0)
}

fn share(samples: &[Sample], begun: Option<Instant>, last: Instant) -> f64 {
	let Some(begun) = begun else {
		return 0.0;
	};
	let before = samples.iter().rfind(|(at, _)| *at <= begun);
	let after = samples
		.iter()
		.find(|(at, _)| *at >= last)
		.or(samples.last());
	match (before, after) {
		(Some((begun, before)), Some((ended, after))) if begun < ended => {
			(after - before) / ended.duration_since(*begun).as_secs_f64()
		}
		_ => 0.0,
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn the_share_is_that_from_the_first_work_to_the_last_token() {
		let start = Instant::now();
		let at = |second| start + Duration::from_secs(second);
		let busy = [(at(0), 3.0), (at(5), 3.0), (at(10), 7.0), (at(15), 12.0)];
		let idle = [(at(0), 0.0), (at(5), 0.0), (at(10), 0.0), (at(15), 5.0)];
		assert_eq!((begin(&busy), begin(&idle)), (Some(at(5)), Some(at(10))));
		assert_eq!(share(&busy, Some(at(5)), at(15)), 0.9);
		assert_eq!(share(&idle, Some(at(5)), at(15)), 0.5);
		assert_eq!(
			share(&busy, Some(at(5)), at(9)),
			0.8,
			"what is later does not count"
		);
		assert_eq!((begin(&idle[..3]), share(&idle, None, at(15))), (None, 0.0));
	}
}
