//! What a model's queue counts, for Prometheus.

use crate::Compute;
use prometheus_client::{
	collector::Collector,
	encoding::{DescriptorEncoder, EncodeMetric},
	metrics::{counter::ConstCounter, gauge::ConstGauge},
	registry::{Registry, Unit},
};
use std::{fmt, sync::Arc};

/// The numbers of a model under the prefix `model`, read whenever somebody asks for them.
#[derive(Debug)]
pub struct ModelMetrics(Arc<dyn Compute>);

impl ModelMetrics {
	/// Registers the numbers of `model`.
	pub fn register(registry: &mut Registry, model: Arc<dyn Compute>) {
		let registry = registry.sub_registry_with_prefix("model");
		registry.register_collector(Box::new(Self(model)));
	}
}

impl Collector for ModelMetrics {
	fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
		let load = self.0.load();
		let busy = ConstCounter::new(load.busy.as_secs_f64());
		let jobs = ConstGauge::new(i64::try_from(load.jobs).unwrap_or(i64::MAX));
		let backlog = ConstGauge::new(load.backlog.as_secs_f64());
		busy.encode(encoder.encode_descriptor(
			"busy",
			"Time spent on answers and votes",
			Some(&Unit::Seconds),
			busy.metric_type(),
		)?)?;
		jobs.encode(encoder.encode_descriptor(
			"jobs",
			"Answers and votes that wait or are under way",
			None,
			jobs.metric_type(),
		)?)?;
		backlog.encode(encoder.encode_descriptor(
			"backlog",
			"Time until all of them are done, by the measured speed",
			Some(&Unit::Seconds),
			backlog.metric_type(),
		)?)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::fake::Echo;
	use prometheus_client::encoding::text::encode;

	#[test]
	fn a_model_tells_what_it_does_with_units() {
		let mut registry = Registry::with_prefix("infergrid");
		ModelMetrics::register(&mut registry, Arc::new(Echo::new()));
		let mut text = String::new();
		encode(&mut text, &registry).unwrap();
		for line in [
			"# TYPE infergrid_model_busy_seconds counter",
			"infergrid_model_busy_seconds_total 0.0",
			"infergrid_model_jobs 0",
			"infergrid_model_backlog_seconds 0.0",
		] {
			assert!(
				text.lines().any(|told| told == line),
				"no `{line}` in {text}"
			);
		}
	}
}
