//! What a miner counts. Everything is registered at zero.

use infergrid_primitives::{AIT, Balance};
use prometheus_client::{
	metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
	registry::{Registry, Unit},
};
use std::{sync::atomic::AtomicU64, time::Duration};

const ANSWER_SECONDS: [f64; 9] = [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// A miner's numbers. Clones share them.
#[derive(Clone, Debug)]
pub struct MinerMetrics {
	assigned: Counter,
	delivered: Counter,
	failed: Counter,
	missed: Counter,
	openings: Counter,
	prompt_tokens: Counter,
	answer_tokens: Counter,
	answer_time: Histogram,
	earned: Counter<f64, AtomicU64>,
	slashed: Counter<f64, AtomicU64>,
	standing: Gauge,
}

impl MinerMetrics {
	/// Registers a miner's numbers under the prefix `miner`.
	pub fn register(registry: &mut Registry) -> Self {
		let registry = registry.sub_registry_with_prefix("miner");
		let ait = || Unit::Other("ait".into());
		let metrics = Self {
			assigned: Counter::default(),
			delivered: Counter::default(),
			failed: Counter::default(),
			missed: Counter::default(),
			openings: Counter::default(),
			prompt_tokens: Counter::default(),
			answer_tokens: Counter::default(),
			answer_time: Histogram::new(ANSWER_SECONDS.into_iter()),
			earned: Counter::default(),
			slashed: Counter::default(),
			standing: Gauge::default(),
		};
		registry.register(
			"tasks_assigned",
			"Tasks that the chain assigned to this worker",
			metrics.assigned.clone(),
		);
		registry.register(
			"tasks_delivered",
			"Tasks whose receipt came on chain",
			metrics.delivered.clone(),
		);
		registry.register(
			"tasks_failed",
			"Tasks that ended without a receipt on chain, whoever was at fault",
			metrics.failed.clone(),
		);
		registry.register(
			"deadlines_missed",
			"Tasks for whose missed deadline this miner was slashed",
			metrics.missed.clone(),
		);
		registry.register(
			"openings",
			"Receipts opened for drawn verifiers, each time counted",
			metrics.openings.clone(),
		);
		registry.register(
			"prompt_tokens",
			"Tokens read in prompts that were answered",
			metrics.prompt_tokens.clone(),
		);
		registry.register(
			"answer_tokens",
			"Tokens written in answers that were finished",
			metrics.answer_tokens.clone(),
		);
		registry.register_with_unit(
			"answer_time",
			"Time from when the model took up a task to its last token, without the wait before",
			Unit::Seconds,
			metrics.answer_time.clone(),
		);
		registry.register_with_unit(
			"earned",
			"Shares of fees paid out for this worker's receipts",
			ait(),
			metrics.earned.clone(),
		);
		registry.register_with_unit(
			"slashed",
			"Taken from the bond by audits; missed deadlines are not in it",
			ait(),
			metrics.slashed.clone(),
		);
		registry.register(
			"in_good_standing",
			"1 while the chain may assign tasks to this miner, 0 while it will not",
			metrics.standing.clone(),
		);
		metrics
	}

	pub(crate) fn assigned(&self) {
		self.assigned.inc();
	}

	pub(crate) fn finished(&self, delivered: bool) {
		match delivered {
			true => self.delivered.inc(),
			false => self.failed.inc(),
		};
	}

	pub(crate) fn missed(&self) {
		self.missed.inc();
	}

	pub(crate) fn opened(&self) {
		self.openings.inc();
	}

	pub(crate) fn answered(&self, n_prompt: u32, n_out: u32, time: Duration) {
		self.prompt_tokens.inc_by(n_prompt.into());
		self.answer_tokens.inc_by(n_out.into());
		self.answer_time.observe(time.as_secs_f64());
	}

	pub(crate) fn paid(&self, amount: Balance) {
		self.earned.inc_by(amount as f64 / AIT as f64);
	}

	pub(crate) fn slashed(&self, amount: Balance) {
		self.slashed.inc_by(amount as f64 / AIT as f64);
	}

	/// Tasks that were assigned, and AIT earned.
	#[cfg(test)]
	pub(crate) fn enjoyed(&self) -> (u64, f64) {
		(self.assigned.get(), self.earned.get())
	}

	/// Deadlines missed, and AIT lost to audits.
	#[cfg(test)]
	pub(crate) fn suffered(&self) -> (u64, f64) {
		(self.missed.get(), self.slashed.get())
	}

	#[cfg(test)]
	pub(crate) fn is_standing(&self) -> bool {
		self.standing.get() == 1
	}

	pub(crate) fn standing(&self, good: bool) {
		self.standing.set(good.into());
	}
}
