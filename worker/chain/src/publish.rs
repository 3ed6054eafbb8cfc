//! Putting a model and a profile of it on chain.

use crate::{Call, Chain, Model, ModelInfo, ReadError, SubmitError, Submitter, persist};
use infergrid_keys::Key;
use infergrid_primitives::model::Profile;

/// Percent of each fee for the creator of a model who asks for nothing else.
pub const DEFAULT_ROYALTY: u8 = 10;

/// What to register.
#[derive(Clone, Debug)]
pub struct Registration {
	/// What the model is.
	pub info: ModelInfo,
	/// Whether any other licence of a registered model will do.
	pub any_licence: bool,
	/// Percent of each fee for the creator; `None` is [`DEFAULT_ROYALTY`] for a new model, and will do
	/// with that of a registered one.
	pub royalty: Option<u8>,
	/// How to run it; it names the model, which is the creator's.
	pub profile: Profile,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
	/// The profile is on chain now, and the model with it unless it was there.
	New,
	/// All was there as it should be; nothing was done.
	AlreadyThere,
	/// The model was there with other properties, which cannot be changed any more: nothing was done.
	Differs(Vec<Difference>),
}

/// A property in which a registered model is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{property} is {registered} on chain, not {wanted}")]
pub struct Difference {
	/// Which one.
	pub property: &'static str,
	/// As it is registered.
	pub registered: String,
	/// As it should be.
	pub wanted: String,
}

/// Why nothing was registered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
	/// The chain cannot be read.
	#[error(transparent)]
	Read(#[from] ReadError),
	/// The chain does not take it.
	#[error(transparent)]
	Submit(#[from] SubmitError),
}

/// Registers the model and the profile, each unless it is registered already.
pub async fn publish(
	chain: &Chain,
	creator: Key,
	registration: &Registration,
) -> Result<Published, PublishError> {
	let (model, profile) = (registration.profile.model, registration.profile.id());
	let view = persist(|| chain.latest()).await?;
	let known = persist(|| view.model(&model)).await?;
	if let Some(known) = &known {
		let differences = differences(known, registration);
		if !differences.is_empty() {
			return Ok(Published::Differs(differences));
		}
		if persist(|| view.profile(&profile)).await?.is_some() {
			return Ok(Published::AlreadyThere);
		}
	}
	let submitter = Submitter::new(chain.clone(), creator);
	let royalty = registration.royalty.unwrap_or(DEFAULT_ROYALTY);
	let register_model = Call::register_model(&registration.info, royalty);
	let register_profile = Call::register_profile(&registration.profile);
	if known.is_none() {
		submitter.preflight(&register_model).await?;
		// Started in this order, they are included in this order, and finality is awaited once.
		tokio::try_join!(
			submitter.submit(&register_model, None),
			submitter.submit(&register_profile, None),
		)?;
	} else {
		submitter.submit_checked(&register_profile).await?;
	}
	Ok(Published::New)
}

/// In which properties the `known` model is not as it should be.
fn differences(known: &Model, wanted: &Registration) -> Vec<Difference> {
	let text = |bytes: &[u8]| format!("`{}`", String::from_utf8_lossy(bytes));
	let (was, is) = (&known.info, &wanted.info);
	let licence = match wanted.any_licence {
		true => &was.licence,
		false => &is.licence,
	};
	[
		("the name", text(&was.name), text(&is.name)),
		("the licence", text(&was.licence), text(licence)),
		(
			"the royalty",
			format!("{} %", known.royalty),
			format!("{} %", wanted.royalty.unwrap_or(known.royalty)),
		),
		(
			"the manifest's hash",
			hex::encode(was.manifest_hash),
			hex::encode(is.manifest_hash),
		),
		(
			"the number of layers",
			was.layers.to_string(),
			is.layers.to_string(),
		),
		(
			"the size of the weights",
			was.weight_bytes.to_string(),
			is.weight_bytes.to_string(),
		),
	]
	.into_iter()
	.filter(|(_, registered, wanted)| registered != wanted)
	.map(|(property, registered, wanted)| Difference {
		property,
		registered,
		wanted,
	})
	.collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use infergrid_primitives::model::{Arithmetic, ProofParams};

	#[test]
	fn what_differs_is_named_with_both_values() {
		let info = ModelInfo {
			name: b"small".to_vec(),
			manifest_hash: [1; 32],
			layers: 4,
			weight_bytes: 100,
			licence: b"MIT".to_vec(),
		};
		let proof = ProofParams::F32;
		let mut wanted = Registration {
			info: info.clone(),
			any_licence: false,
			royalty: Some(10),
			profile: Profile {
				model: [2; 32],
				arithmetic: Arithmetic::F32,
				sampler: 1,
				proof,
				calibration: proof.uncalibrated(),
				context: 100,
				min_tokens_per_second: 10,
				reference_input: 1,
				reference_output: 2,
			},
		};
		let mut known = Model {
			creator: [3; 32],
			info,
			royalty: 10,
			retired_at: None,
		};
		assert!(differences(&known, &wanted).is_empty());
		known.info.name = b"tiny".to_vec();
		known.royalty = 5;
		let told: Vec<_> = differences(&known, &wanted)
			.iter()
			.map(Difference::to_string)
			.collect();
		assert_eq!(
			told,
			[
				"the name is `tiny` on chain, not `small`",
				"the royalty is 5 % on chain, not 10 %"
			]
		);
		// Where nothing was asked for, anything will do.
		known.info.name = b"small".to_vec();
		known.info.licence = b"Apache-2.0".to_vec();
		(wanted.royalty, wanted.any_licence) = (None, true);
		assert!(differences(&known, &wanted).is_empty());
	}
}
