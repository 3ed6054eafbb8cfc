//! What a verifier counts. Everything is registered at zero.

use infergrid_primitives::{AIT, Balance, audit::Verdict};
use prometheus_client::{
	metrics::{counter::Counter, gauge::Gauge},
	registry::{Registry, Unit},
};
use std::sync::atomic::AtomicU64;

/// A verifier's numbers. Clones share them.
#[derive(Clone, Debug)]
pub struct VerifierMetrics {
	drawn: Counter,
	valid: Counter,
	invalid: Counter,
	unavailable: Counter,
	unproven: Counter,
	revealed: Counter,
	earned: Counter<f64, AtomicU64>,
	slashed: Counter<f64, AtomicU64>,
	standing: Gauge,
}

impl VerifierMetrics {
	/// Registers a verifier's numbers under the prefix `verifier`.
	pub fn register(registry: &mut Registry) -> Self {
		let registry = registry.sub_registry_with_prefix("verifier");
		let metrics = Self {
			drawn: Counter::default(),
			valid: Counter::default(),
			invalid: Counter::default(),
			unavailable: Counter::default(),
			unproven: Counter::default(),
			revealed: Counter::default(),
			earned: Counter::default(),
			slashed: Counter::default(),
			standing: Gauge::default(),
		};
		registry.register(
			"duties",
			"Duties that this worker took up, anew after each start",
			metrics.drawn.clone(),
		);
		for (name, help, counter) in [
			("votes_valid", "Answers found right", &metrics.valid),
			("votes_invalid", "Answers found wrong", &metrics.invalid),
			(
				"votes_unavailable",
				"Answers that their miners did not open",
				&metrics.unavailable,
			),
			(
				"votes_unproven",
				"Answers that could not be examined here",
				&metrics.unproven,
			),
		] {
			registry.register(name, help, counter.clone());
		}
		registry.register("votes_revealed", "Votes on chain", metrics.revealed.clone());
		registry.register_with_unit(
			"earned",
			"Shares of slashes paid out for this worker's votes",
			Unit::Other("ait".into()),
			metrics.earned.clone(),
		);
		registry.register_with_unit(
			"slashed",
			"Taken from the bond by audits",
			Unit::Other("ait".into()),
			metrics.slashed.clone(),
		);
		registry.register(
			"in_good_standing",
			"1 while the chain may draw this verifier, 0 while it will not",
			metrics.standing.clone(),
		);
		metrics
	}

	pub(crate) fn drawn(&self) {
		self.drawn.inc();
	}

	pub(crate) fn examined(&self, verdict: Verdict) {
		match verdict {
			Verdict::Valid => self.valid.inc(),
			Verdict::Invalid => self.invalid.inc(),
			Verdict::Unavailable => self.unavailable.inc(),
			Verdict::Unproven => self.unproven.inc(),
		};
	}

	pub(crate) fn revealed(&self) {
		self.revealed.inc();
	}

	pub(crate) fn earned(&self, amount: Balance) {
		self.earned.inc_by(amount as f64 / AIT as f64);
	}

	/// Duties, and AIT earned and lost.
	#[cfg(test)]
	pub(crate) fn counts(&self) -> (u64, f64, f64) {
		(self.drawn.get(), self.earned.get(), self.slashed.get())
	}

	pub(crate) fn slashed(&self, amount: Balance) {
		self.slashed.inc_by(amount as f64 / AIT as f64);
	}

	#[cfg(test)]
	pub(crate) fn is_standing(&self) -> bool {
		self.standing.get() == 1
	}

	pub(crate) fn standing(&self, good: bool) {
		self.standing.set(good.into());
	}
}
