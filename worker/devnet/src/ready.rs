//! Whether the parts do what they are for: asked of themselves where they answer, else of the chain.

use infergrid_chain::{Chain, ReadError, persist};
use infergrid_primitives::{AccountBytes, Hash};
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};
use tokio::time::sleep;

/// Between two questions to a part that does not answer yet.
const PAUSE: Duration = Duration::from_millis(250);
/// For one answer.
const ANSWER: Duration = Duration::from_secs(10);
/// For one more block, before the chain is asked again.
const BLOCK: Duration = Duration::from_secs(30);

/// Waits until the node at `url` answers.
pub(crate) async fn node(url: &str) {
	let url = url.replacen("ws", "http", 1);
	let question = json!({"jsonrpc": "2.0", "id": 1, "method": "system_health", "params": []});
	loop {
		let asked = reqwest::Client::new().post(&url).json(&question);
		if answer(asked)
			.await
			.is_some_and(|answer| answer["result"].is_object())
		{
			return;
		}
		sleep(PAUSE).await;
	}
}

/// Waits until the gateway at `url` answers and serves every one of `models`.
pub(crate) async fn gateway(url: &str, models: &[&str]) {
	let url = format!("{url}/v1/models");
	loop {
		let listed = answer(reqwest::Client::new().get(&url)).await;
		if let Some(listed) = listed.as_ref().and_then(|listed| listed["data"].as_array()) {
			let names: HashSet<_> = listed
				.iter()
				.filter_map(|model| model["id"].as_str())
				.collect();
			if models.iter().all(|model| names.contains(model)) {
				return;
			}
		}
		sleep(PAUSE).await;
	}
}

async fn answer(question: reqwest::RequestBuilder) -> Option<Value> {
	let answer = question.timeout(ANSWER).send().await.ok()?;
	answer.json().await.ok()
}

/// A worker, and the profile for which it should be found on chain.
pub(crate) type Place = (Hash, AccountBytes);

/// Waits until all `miners` offer and all `verifiers` stand. `told` is given what is there.
pub(crate) async fn workers(
	chain: &Chain,
	miners: &[Place],
	verifiers: &[Place],
	told: impl Fn(String),
) -> Result<(), ReadError> {
	let profiles: HashSet<Hash> = miners
		.iter()
		.chain(verifiers)
		.map(|place| place.0)
		.collect();
	let mut last = String::new();
	loop {
		let view = persist(|| chain.latest()).await?;
		let (mut offering, mut standing) = (HashSet::new(), HashSet::new());
		for profile in &profiles {
			let offers = persist(|| view.offers(profile)).await?;
			offering.extend(offers.into_iter().map(|(operator, _)| (*profile, operator)));
			let verifiers = persist(|| view.verifiers(profile)).await?;
			standing.extend(verifiers.into_iter().map(|operator| (*profile, operator)));
		}
		let offering = miners
			.iter()
			.filter(|place| offering.contains(place))
			.count();
		let standing = verifiers
			.iter()
			.filter(|place| standing.contains(place))
			.count();
		let (most, all) = (miners.len(), verifiers.len());
		let line =
			format!("{offering} of {most} miners offer, {standing} of {all} verifiers stand");
		if line != last {
			told(line.clone());
			last = line;
		}
		if offering == most && standing == all {
			return Ok(());
		}
		// A stall only means one more look.
		let _ = chain.reach(view.block().number + 1, BLOCK).await;
	}
}
