//! Registering a model and its profile.

use crate::{engine, failure::Failure};
use infergrid_chain::{ModelInfo, Registration};
use infergrid_checkpoint::Checkpoint;
use infergrid_engine::LICENCE;
use infergrid_primitives::{
	AccountBytes, Hash,
	model::{Arithmetic, Manifest, Profile, ProofParams, model_id},
};
use std::path::PathBuf;

/// 0.02 AIT for 1,000 prompt tokens.
pub(crate) const DEFAULT_PRICE_INPUT: u128 = 20_000_000_000;
/// 0.06 AIT for 1,000 answer tokens.
pub(crate) const DEFAULT_PRICE_OUTPUT: u128 = 60_000_000_000;
/// What a shared processor core reaches with small models.
pub(crate) const DEFAULT_TOKENS_PER_SECOND: u32 = 10;

/// What to register.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
	pub(crate) directory: PathBuf,
	pub(crate) name: String,
	pub(crate) royalty: Option<u8>,
	pub(crate) price_input: u128,
	pub(crate) price_output: u128,
	pub(crate) licence: Option<String>,
	pub(crate) min_tokens_per_second: u32,
	pub(crate) context: Option<u32>,
}

/// What `creator` registers of the files at hand.
pub(crate) fn registration(
	publication: &Publication,
	creator: &AccountBytes,
) -> Result<Registration, Failure> {
	let manifest = engine::manifest(&publication.directory)?;
	let licence = publication.licence.as_deref().unwrap_or(LICENCE);
	Ok(Registration {
		info: ModelInfo {
			name: publication.name.clone().into_bytes(),
			manifest_hash: manifest.id(),
			layers: manifest.layers,
			weight_bytes: weight_bytes(&manifest),
			licence: licence.as_bytes().to_vec(),
		},
		any_licence: publication.licence.is_none(),
		royalty: publication.royalty,
		profile: profile(publication, model_id(creator, &manifest.id()))?,
	})
}

fn profile(publication: &Publication, model: Hash) -> Result<Profile, Failure> {
	let checkpoint = Checkpoint::open(&publication.directory).map_err(Failure::config)?;
	let longest = u32::try_from(checkpoint.config.context).unwrap_or(u32::MAX);
	let context = publication.context.unwrap_or(longest);
	if context == 0 || context > longest {
		return Err(Failure::usage(format!(
			"--context must be between 1 and {longest}"
		)));
	}
	let proof = ProofParams::F32;
	Ok(Profile {
		model,
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof,
		// The thresholds are the protocol's own for f32, not measured for this model.
		calibration: proof.uncalibrated(),
		context,
		min_tokens_per_second: publication.min_tokens_per_second,
		reference_input: publication.price_input,
		reference_output: publication.price_output,
	})
}

fn weight_bytes(manifest: &Manifest) -> u64 {
	manifest
		.files
		.iter()
		.filter(|file| file.path.ends_with(b".safetensors"))
		.map(|file| file.size)
		.sum()
}
