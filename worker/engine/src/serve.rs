//! A model on a thread of its own, as roles ask it.

use crate::{device::Device, engine::Engine, error::LoadError};
use infergrid_checkpoint::manifest_of;
use infergrid_proof::{ComputeError, Loaded, Server, StartError};
use std::path::{Path, PathBuf};

/// The licence goes on chain beside the manifest; inside it there is a constant, so that a model's
/// identifier follows from its files alone.
pub const LICENCE: &str = "unknown";

/// Why a model is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
	/// It cannot be loaded.
	#[error("cannot load the model in {directory}: {source}")]
	Load {
		/// Its directory.
		directory: PathBuf,
		/// Why.
		source: LoadError,
	},
	/// Its files cannot be read.
	#[error(transparent)]
	Manifest(#[from] infergrid_checkpoint::ManifestError),
	/// It does not compute.
	#[error("the model does not compute: {0}")]
	Compute(#[from] ComputeError),
}

/// Loads the model in `directory` on a thread of its own, measures its speed, and serves it.
pub async fn serve(directory: &Path, device: Device) -> Result<Server, StartError<ServeError>> {
	let directory = directory.to_path_buf();
	Server::start(move || {
		let model = Engine::load(&directory, device).map_err(|source| ServeError::Load {
			directory: directory.clone(),
			source,
		})?;
		Ok::<_, ServeError>(Loaded {
			manifest: manifest_of(&directory, model.config(), LICENCE)?,
			speed: model.speed()?,
			memory: model.memory(),
			model,
		})
	})
	.await
}
