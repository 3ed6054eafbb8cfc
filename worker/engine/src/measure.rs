//! Speed and memory of a model on this machine, next to what the machine can do.
//!
//! Every time is the best of several, that of reading memory too: what else runs on the machine slows
//! single passes, and a ratio of two times means something only if both were undisturbed.

use crate::{engine::Engine, gemv::sum_of_squares};
use infergrid_checkpoint::Weights;
use infergrid_primitives::{
	Hash, TokenId,
	model::ProofParams,
	request::{MICROS, SamplingParams},
	sampler::{self, History, Noise},
};
use infergrid_proof::{Assignment, ComputeError, Model, ReplayRequest, Speed, generate};
use rayon::prelude::*;
use serde::Serialize;
use std::{
	fs,
	hint::black_box,
	ops::ControlFlow,
	time::{Duration, Instant},
};

/// Larger than the caches of any processor.
const BANDWIDTH_BYTES: usize = 512 << 20;
/// Passes of each measurement, of which the best counts.
const PASSES: usize = 3;
/// Answers written and re-checked, of which the best times count.
const PAIRS: usize = 2;
/// Tokens that are timed together while decoding.
const DECODE_WINDOW: usize = 8;
/// Tokens read at once to find out how fast a model is, and written in a row.
const CALIBRATION_PROMPT: usize = 64;
const CALIBRATION_ANSWER: usize = 4;
/// Repetitions of each at most, which are left out where one takes long.
const CALIBRATION_PASSES: usize = 4;
const CALIBRATION_TIME: Duration = Duration::from_millis(500);
/// Tokens that lie before those written meanwhile: the more, the slower.
const CALIBRATION_DEPTH: usize = 1_024;
const BANDWIDTH_BLOCK: usize = 1 << 16;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct MeasureOptions {
	/// Tokens of the prompt in the prefill measurement.
	pub prompt: usize,
	/// Tokens of the answer; verification is compared with generation over these.
	pub output: usize,
}

impl Default for MeasureOptions {
	fn default() -> Self {
		Self {
			prompt: 256,
			output: 128,
		}
	}
}

/// Speed and memory of a model.
#[derive(Clone, Debug, Serialize)]
pub struct Measurements {
	/// Where it ran.
	pub device: String,
	/// Parameters of the model.
	pub parameters: u64,
	/// Bytes of the weights in 32-bit floats.
	pub weight_bytes: u64,
	/// Bytes that all cores together read per second from memory.
	pub read_bandwidth: f64,
	/// Tokens per second while a prompt is read.
	pub prefill_tokens_per_second: f64,
	/// Tokens per second while an answer is written, one request at a time.
	pub decode_tokens_per_second: f64,
	/// Weight bytes per second while decoding, as a share of `read_bandwidth`.
	pub bandwidth_share: f64,
	/// Seconds to write the answer, prompt included.
	pub generation_seconds: f64,
	/// Seconds to re-check it.
	pub verification_seconds: f64,
	/// The one over the other.
	pub verification_share: f64,
	/// Bytes that one cached token takes.
	pub kv_bytes_per_token: u64,
	/// Bytes of memory the process holds after all this; `None` where the system does not say.
	pub resident_bytes: Option<u64>,
}

impl Engine {
	/// Measures this model. Stop strings and end-of-sequence tokens are not heeded, so that every
	/// model writes as much.
	pub fn measure(&self, options: &MeasureOptions) -> Result<Measurements, ComputeError> {
		let config = self.config();
		let output = options
			.output
			.clamp(1, config.context.saturating_sub(1).max(1));
		let room = config.context - output;
		let prompt = self.some_tokens(options.prompt.clamp(1, room.max(1)));

		// Once without the clock: pages are mapped, kernels are tuned.
		self.extend(&prompt, &mut self.cache(prompt.len()))?;
		let prefill = self.best_time(PASSES, || {
			self.extend(&prompt, &mut self.cache(prompt.len()))
				.map(drop)
		})?;

		let short = &prompt[..prompt.len().min(16)];
		let seconds_per_token = self.seconds_per_token(short, output)?;
		let (generation, verification) = self.generation_and_verification(short, output)?;

		let weight_bytes = Weights::f32_bytes(config);
		let decode_tokens_per_second = 1.0 / seconds_per_token;
		// Measured last: its buffer would count as resident memory.
		let resident_bytes = resident_bytes();
		let read_bandwidth = read_bandwidth();
		Ok(Measurements {
			device: self.device().to_string(),
			parameters: config.parameters(),
			weight_bytes,
			read_bandwidth,
			prefill_tokens_per_second: prompt.len() as f64 / prefill.as_secs_f64(),
			decode_tokens_per_second,
			bandwidth_share: decode_tokens_per_second * weight_bytes as f64 / read_bandwidth,
			generation_seconds: generation.as_secs_f64(),
			verification_seconds: verification.as_secs_f64(),
			verification_share: verification.as_secs_f64() / generation.as_secs_f64(),
			kv_bytes_per_token: config.kv_bytes_per_token(),
			resident_bytes,
		})
	}

	/// The speed of one sequence, in about a second: long enough for a plan, not for a comparison.
	pub fn speed(&self) -> Result<Speed, ComputeError> {
		let context = self.config().context;
		let longest = usize::try_from(self.memory().longest()).unwrap_or(usize::MAX);
		let half = (context.min(longest) / 2).max(1);
		let prompt = self.some_tokens(CALIBRATION_PROMPT.min(half));
		let read = || {
			self.extend(&prompt, &mut self.cache(prompt.len()))
				.map(drop)
		};
		// Once without the clock, and short: pages are mapped, kernels are tuned.
		self.extend(&prompt[..1], &mut self.cache(1))?;
		let prefill = self.best_time_soon(read)?;
		let decode = self.seconds_at_depth(CALIBRATION_DEPTH.min(half))?;
		Ok(Speed {
			prefill: prompt.len() as f64 / prefill.as_secs_f64(),
			decode: 1.0 / decode,
		})
	}

	/// Seconds for a token after `depth` others, the choice of it included.
	fn seconds_at_depth(&self, depth: usize) -> Result<f64, ComputeError> {
		let room = self.config().context.saturating_sub(depth);
		let count = CALIBRATION_ANSWER.min(room);
		let mut params = SamplingParams::greedy(1);
		params.temperature_micros = MICROS;
		let noise = Noise::new(&[7; 32]);
		let mut cache = self.cache(depth + count);
		// What the cache holds does not matter for the time, so nothing is computed for it.
		cache.advance(depth - 1);
		let mut hidden = self.extend(&self.some_tokens(1), &mut cache)?;
		let best = self.best_time_soon(|| {
			cache.truncate(depth);
			for step in 0..count as u32 {
				let logits = self.logits(&hidden)?;
				let token = sampler::choose(&logits, &History::default(), &params, &noise, step)?;
				hidden = self.extend(&[token], &mut cache)?;
			}
			Ok(())
		})?;
		Ok(best.as_secs_f64() / count as f64)
	}

	/// The best time of some runs of `work`, of which none is begun after [`CALIBRATION_TIME`].
	fn best_time_soon(
		&self,
		mut work: impl FnMut() -> Result<(), ComputeError>,
	) -> Result<Duration, ComputeError> {
		let started = Instant::now();
		let mut best = Duration::MAX;
		for pass in 0..CALIBRATION_PASSES {
			if pass > 0 && started.elapsed() > CALIBRATION_TIME {
				break;
			}
			best = best.min(self.best_time(1, &mut work)?);
		}
		Ok(best)
	}

	/// Ids spread over the vocabulary that end no answer.
	fn some_tokens(&self, count: usize) -> Vec<TokenId> {
		let vocab = self.config().vocab_size as u64;
		(0..count as u64)
			.map(|i| (i.wrapping_mul(7_919) % vocab) as TokenId)
			.collect()
	}

	/// The best time of `passes` runs of `work`.
	fn best_time(
		&self,
		passes: usize,
		mut work: impl FnMut() -> Result<(), ComputeError>,
	) -> Result<Duration, ComputeError> {
		let mut best = Duration::MAX;
		for _ in 0..passes {
			let started = Instant::now();
			work()?;
			best = best.min(started.elapsed());
		}
		Ok(best)
	}

	/// Seconds for a token after `prompt`, by the best window among `count` tokens.
	fn seconds_per_token(&self, prompt: &[TokenId], count: usize) -> Result<f64, ComputeError> {
		let mut cache = self.cache(prompt.len() + count);
		let mut hidden = self.extend(prompt, &mut cache)?;
		let window = DECODE_WINDOW.min(count);
		let mut tokens = self.some_tokens(count).into_iter();
		let best = self.best_time(count / window, || {
			for token in tokens.by_ref().take(window) {
				black_box(self.logits(&hidden)?);
				hidden = self.extend(&[token], &mut cache)?;
			}
			Ok(())
		})?;
		Ok(best.as_secs_f64() / window as f64)
	}

	/// Times to write `count` tokens after `prompt`, and to re-check them; in turns, because what
	/// disturbs one disturbs the other.
	fn generation_and_verification(
		&self,
		prompt: &[TokenId],
		count: usize,
	) -> Result<(Duration, Duration), ComputeError> {
		let mut params = SamplingParams::greedy(count as u32);
		params.temperature_micros = MICROS;
		let seed = [7; 32];
		let (mut generation, mut verification) = (Duration::MAX, Duration::MAX);
		for _ in 0..PAIRS {
			let mut output = Vec::new();
			let time = self.best_time(1, || {
				output = self.long_answer(prompt, &params, &seed)?;
				Ok(())
			})?;
			generation = generation.min(time);
			let replay = ReplayRequest {
				prompt,
				output: &output,
				params: &params,
				seed: &seed,
				probe: Some((&seed, 0)),
			};
			let time = self.best_time(1, || {
				self.replay(&replay, &mut |_| ControlFlow::Continue(()))
					.map(drop)
			})?;
			verification = verification.min(time);
		}
		Ok((generation, verification))
	}

	/// An answer of `params.max_tokens` tokens: where one ends early, another goes on.
	fn long_answer(
		&self,
		prompt: &[TokenId],
		params: &SamplingParams,
		seed: &Hash,
	) -> Result<Vec<TokenId>, ComputeError> {
		let mut tokens = Vec::new();
		let mut rest = params.clone();
		while tokens.len() < params.max_tokens as usize {
			rest.max_tokens = params.max_tokens - tokens.len() as u32;
			let assignment = Assignment {
				prompt: [prompt, &tokens].concat(),
				params: rest.clone(),
				seed: *seed,
				proof: ProofParams::F32,
				context: u32::MAX,
			};
			let answer = generate(self, &assignment, &mut |_| ControlFlow::Continue(()))?;
			tokens.extend(answer.tokens);
		}
		Ok(tokens)
	}
}

/// Bytes per second that all cores together read from memory: the best of some passes over a buffer
/// that no cache holds, by the instructions that the matrix-vector product uses.
pub fn read_bandwidth() -> f64 {
	let buffer = vec![1.0_f32; BANDWIDTH_BYTES / size_of::<f32>()];
	let pass = || {
		let started = Instant::now();
		black_box(
			buffer
				.par_chunks(BANDWIDTH_BLOCK)
				.map(sum_of_squares)
				.sum::<f32>(),
		);
		BANDWIDTH_BYTES as f64 / started.elapsed().as_secs_f64()
	};
	(0..4 * PASSES).map(|_| pass()).fold(0.0, f64::max)
}

/// Bytes of memory that this process holds, mapped weights included; `None` where /proc is missing.
pub fn resident_bytes() -> Option<u64> {
	let status = fs::read_to_string("/proc/self/status").ok()?;
	let line = status
		.lines()
		.find_map(|line| line.strip_prefix("VmRSS:"))?;
	let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
	Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::Device;
	use crate::random::{half_billion_config, write_random_checkpoint};

	#[test]
	fn a_short_calibration_finds_a_speed_whatever_the_context() {
		let mut config = half_billion_config();
		for (field, value) in [
			("hidden_size", 56),
			("vocab_size", 64),
			("intermediate_size", 8),
		] {
			config[field] = value.into();
		}
		for context in [2, 3, 40, 32_768] {
			config["max_position_embeddings"] = context.into();
			let directory = tempfile::tempdir().unwrap();
			write_random_checkpoint(directory.path(), &config, 0).unwrap();
			let engine = Engine::load(directory.path(), Device::Cpu).unwrap();
			let speed = engine.speed().unwrap();
			assert!(
				speed.prefill > 1.0 && speed.prefill.is_finite(),
				"{speed:?}"
			);
			assert!(speed.decode > 1.0 && speed.decode.is_finite(), "{speed:?}");
		}
	}
}
