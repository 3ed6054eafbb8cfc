//! `grid.json`: what scripts need to know of a grid.

use crate::{part::Part, plan::Plan, served::Served};
use infergrid_primitives::Hash;
use serde_json::{Value, json};

/// What is known once the grid stands.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
	pub(crate) genesis: Hash,
	pub(crate) rpc: &'a [String],
	pub(crate) gateways: &'a [String],
	pub(crate) served: &'a [Served],
}

/// The content of `grid.json`. Values that are not known yet are null. `model` and `gateway` are the
/// first of their lists.
pub(crate) fn describe(plan: &Plan, parts: &[Part], whole: Option<&Whole<'_>>) -> String {
	let models: Vec<_> = plan
		.models
		.iter()
		.enumerate()
		.map(|(index, model)| {
			let served = whole.and_then(|whole| whole.served.get(index));
			json!({
				"name": model.name,
				"directory": model.directory,
				"profile": served.map(|served| hex::encode(served.profile)),
				"creator": model.creator,
				"min_tokens_per_second": model.min_tokens_per_second,
			})
		})
		.collect();
	let description = json!({
		"version": 1,
		"pid": std::process::id(),
		"ready": whole.is_some(),
		"directory": plan.directory,
		"genesis": whole.map(|whole| hex::encode(whole.genesis)),
		"rpc": whole.map(|whole| whole.rpc),
		"gateway": whole.and_then(|whole| whole.gateways.first()),
		"gateways": whole.map(|whole| whole.gateways),
		"model": models.first(),
		"models": models,
		"parts": parts.iter().map(part).collect::<Vec<_>>(),
	});
	format!("{description:#}")
}

fn part(part: &Part) -> Value {
	let mut described = json!({
		"name": part.program.name,
		"role": part.role,
		"pid": part.pid(),
		"executable": part.program.executable,
		"args": part.program.args,
		"log": part.program.log,
	});
	if let (Some(described), Some(details)) = (described.as_object_mut(), part.details.as_object())
	{
		described.extend(details.clone());
	}
	described
}
