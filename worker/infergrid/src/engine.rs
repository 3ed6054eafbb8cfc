//! The model that a command loads.

use crate::failure::Failure;
use infergrid_checkpoint::{Checkpoint, manifest_of};
use infergrid_engine::{Device, LICENCE, ServeError};
use infergrid_primitives::model::Manifest;
use infergrid_proof::{Compute, Server, StartError};
use std::{path::Path, sync::Arc};

/// Loads the model in `directory` and serves it on a thread of its own.
pub(crate) async fn start(directory: &Path, device: Device) -> Result<Arc<Server>, Failure> {
	tracing::info!(directory = %directory.display(), "loading the model");
	let server = infergrid_engine::serve(directory, device).await.map_err(
		|error: StartError<ServeError>| match error {
			StartError::Load(error) => Failure::config(error),
			error => Failure::internal(error),
		},
	)?;
	let (path, model) = (directory.to_path_buf(), server.model());
	crate::blocking(move || infergrid_checkpoint::check_published(&path, &model, LICENCE))
		.await?
		.map_err(Failure::config)?;
	let speed = server.speed();
	tracing::info!(
		prefill.tokens_per_second = speed.prefill.round(),
		decode.tokens_per_second = (speed.decode * 10.0).round() / 10.0,
		"the model is loaded and measured"
	);
	Ok(Arc::new(server))
}

/// The manifest of a model for somebody who does not compute with it: by the published `manifest.json`
/// beside the files, if there is one.
pub(crate) fn known_manifest(checkpoint: &Checkpoint) -> Result<Manifest, Failure> {
	infergrid_checkpoint::known_manifest(&checkpoint.directory, &checkpoint.config, LICENCE)
		.map_err(Failure::config)
}

/// The manifest of the model in `directory`, as every command computes it.
pub(crate) fn manifest(directory: &Path) -> Result<Manifest, Failure> {
	let checkpoint = Checkpoint::open(directory).map_err(Failure::config)?;
	manifest_of(directory, &checkpoint.config, LICENCE).map_err(Failure::config)
}
