//! What a gateway counts. Everything is registered at zero.

use infergrid_primitives::request::Receipt;
use prometheus_client::{
	encoding::{EncodeLabelSet, EncodeLabelValue},
	metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
	registry::{Registry, Unit},
};
use std::time::Instant;

const FIRST_TOKEN_SECONDS: [f64; 12] = [
	0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0,
];

/// A gateway's numbers. Clones share them.
#[derive(Clone, Debug)]
pub struct GatewayMetrics {
	requests: Family<RequestLabels, Counter>,
	answers: Family<AnswerLabels, Counter>,
	in_progress: Gauge,
	first_token: Histogram,
	prompt_tokens: Counter,
	answer_tokens: Counter,
	body_bytes: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
	route: String,
	status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
	outcome: Outcome,
}

/// How the telling of an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Outcome {
	/// The client got all of it.
	Done,
	/// It got an error.
	Failed,
	/// It went away before the end.
	Left,
}

impl Default for GatewayMetrics {
	fn default() -> Self {
		let metrics = Self {
			requests: Family::default(),
			answers: Family::default(),
			in_progress: Gauge::default(),
			first_token: Histogram::new(FIRST_TOKEN_SECONDS.into_iter()),
			prompt_tokens: Counter::default(),
			answer_tokens: Counter::default(),
			body_bytes: Counter::default(),
		};
		for outcome in [Outcome::Done, Outcome::Failed, Outcome::Left] {
			drop(metrics.answers.get_or_create(&AnswerLabels { outcome }));
		}
		metrics
	}
}

impl GatewayMetrics {
	/// Registers a gateway's numbers under the prefix `gateway`.
	pub fn register(registry: &mut Registry) -> Self {
		let registry = registry.sub_registry_with_prefix("gateway");
		let metrics = Self::default();
		registry.register(
			"requests",
			"HTTP requests that were answered, by route and status; a stream counts when it begins",
			metrics.requests.clone(),
		);
		registry.register(
			"answers",
			"Answers that were ordered, by how their telling ended; orders that clients left go on",
			metrics.answers.clone(),
		);
		registry.register(
			"answers_in_progress",
			"Answers that hold a place now",
			metrics.in_progress.clone(),
		);
		registry.register_with_unit(
			"time_to_first_token",
			"From the order to the first text that could be shown",
			Unit::Seconds,
			metrics.first_token.clone(),
		);
		registry.register(
			"prompt_tokens",
			"Tokens in prompts of complete answers, as the receipts say",
			metrics.prompt_tokens.clone(),
		);
		registry.register(
			"answer_tokens",
			"Tokens in complete answers, as the receipts say",
			metrics.answer_tokens.clone(),
		);
		registry.register_with_unit(
			"request_bodies",
			"Bodies of requests, as far as they were read",
			Unit::Bytes,
			metrics.body_bytes.clone(),
		);
		metrics
	}

	/// `route` is a pattern of the router, never a client's own path.
	pub(crate) fn request(&self, route: &str, status: u16) {
		let route = route.to_owned();
		self.requests
			.get_or_create(&RequestLabels { route, status })
			.inc();
	}

	pub(crate) fn body(&self, bytes: usize) {
		self.body_bytes.inc_by(bytes as u64);
	}

	/// Begins to time an answer.
	pub(crate) fn answer(&self) -> AnswerTimer {
		self.in_progress.inc();
		AnswerTimer {
			metrics: self.clone(),
			began: Instant::now(),
			told: false,
			outcome: Outcome::Left,
		}
	}
}

/// Counts one answer, however it ends.
#[derive(Debug)]
pub(crate) struct AnswerTimer {
	metrics: GatewayMetrics,
	began: Instant,
	told: bool,
	outcome: Outcome,
}

impl AnswerTimer {
	pub(crate) fn first_token(&mut self) {
		if !std::mem::replace(&mut self.told, true) {
			let seconds = self.began.elapsed().as_secs_f64();
			self.metrics.first_token.observe(seconds);
		}
	}

	pub(crate) fn end(&mut self, outcome: Outcome, receipt: Option<&Receipt>) {
		self.outcome = outcome;
		if let Some(receipt) = receipt {
			self.metrics.prompt_tokens.inc_by(receipt.n_prompt.into());
			self.metrics.answer_tokens.inc_by(receipt.n_out.into());
		}
	}
}

impl Drop for AnswerTimer {
	fn drop(&mut self) {
		let outcome = self.outcome;
		self.metrics.in_progress.dec();
		self.metrics
			.answers
			.get_or_create(&AnswerLabels { outcome })
			.inc();
	}
}
