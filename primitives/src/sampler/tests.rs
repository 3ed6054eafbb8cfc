use super::{distribution::descending, *};
use crate::{
	TokenId,
	request::{MICROS, SamplingParams},
};
use alloc::vec::Vec;

fn params(temperature: f64, top_p: f64, top_k: u32) -> SamplingParams {
	SamplingParams {
		temperature_micros: (temperature * 1e6) as u32,
		top_p_micros: (top_p * 1e6) as u32,
		top_k,
		..SamplingParams::greedy(16)
	}
}

fn seed(n: u32) -> Noise {
	let mut seed = [0; 32];
	seed[..4].copy_from_slice(&n.to_le_bytes());
	Noise::new(&seed)
}

/// Logits of a made-up vocabulary, from a generator of its own.
fn logits(n: usize, spread: f32, salt: u32) -> Vec<f32> {
	(0..n as u32)
		.map(|i| {
			let word = philox4x32_10([salt, 1], [i, 0, 0, 0])[0];
			(word as f32 / 4e9 - 0.5) * spread
		})
		.collect()
}

/// The pipeline as its definition reads, with full sorts.
fn by_definition(
	logits: &[f32],
	history: &History,
	params: &SamplingParams,
	noise: &Noise,
	step: u32,
) -> TokenId {
	let temperature = f64::from(params.temperature_micros) / 1e6;
	let mut all: Vec<(f64, TokenId)> = logits
		.iter()
		.zip(0..)
		.map(|(&logit, token)| {
			let count = history.count(token);
			let presence = if count > 0 {
				params.presence_penalty_micros
			} else {
				0
			};
			let penalty = f64::from(count) * f64::from(params.frequency_penalty_micros) / 1e6
				+ f64::from(presence) / 1e6;
			(f64::from(logit) - penalty, token)
		})
		.collect();
	if temperature == 0.0 {
		all.sort_by(descending);
		return all[0].1;
	}
	all.iter_mut().for_each(|(score, _)| *score /= temperature);
	all.sort_by(descending);
	if params.top_k > 0 {
		all.truncate(params.top_k as usize);
	}
	if params.top_p_micros < MICROS {
		let top = all[0].0;
		let total: f64 = all.iter().map(|(score, _)| (score - top).exp()).sum();
		let mut sum = 0.0;
		let keep = all.iter().position(|(score, _)| {
			sum += (score - top).exp();
			sum >= total * f64::from(params.top_p_micros) / 1e6
		});
		all.truncate(keep.map_or(all.len(), |last| last + 1));
	}
	all.iter_mut()
		.for_each(|(score, token)| *score += noise.gumbel(step, *token));
	all.sort_by(descending);
	all[0].1
}

#[test]
fn agrees_with_the_definition() {
	let cases = [
		(0.0, 1.0, 0),
		(1.0, 1.0, 0),
		(0.7, 0.9, 0),
		(1.3, 0.95, 50),
		(2.0, 1.0, 7),
		(0.5, 0.01, 3),
		(1.0, 0.999_999, 0),
	];
	for (case, (temperature, top_p, top_k)) in (0..).zip(cases) {
		for round in 0..40 {
			let logits = logits(1_000, 4.0 + round as f32, case * 100 + round);
			let history: History = (0..round).map(|i| i * i % 50).collect();
			let mut params = params(temperature, top_p, top_k);
			params.frequency_penalty_micros = 300_000;
			params.presence_penalty_micros = -200_000;
			let noise = seed(round);
			let ours = choose(&logits, &history, &params, &noise, round).unwrap();
			assert_eq!(
				ours,
				by_definition(&logits, &history, &params, &noise, round)
			);
			let margin = margin(
				&logits,
				&history,
				&params,
				&noise,
				round,
				ours,
				&Tolerance::default(),
			)
			.unwrap();
			assert_eq!(
				margin,
				Margin {
					delta: 0.0,
					exact: true
				}
			);
		}
	}
}

#[test]
fn frequencies_follow_the_softmax() {
	let logits = [1.0_f32, 0.0, -1.0, 2.0, 0.5];
	let temperature = 0.8;
	let weights: Vec<f64> = logits
		.iter()
		.map(|l| (f64::from(*l) / temperature).exp())
		.collect();
	let total: f64 = weights.iter().sum();
	let rounds = 100_000_u32;
	let mut counts = [0_u32; 5];
	for step in 0..rounds {
		let token = choose(
			&logits,
			&History::default(),
			&params(temperature, 1.0, 0),
			&seed(77),
			step,
		)
		.unwrap();
		counts[token as usize] += 1;
	}
	let chi_square: f64 = counts
		.iter()
		.zip(&weights)
		.map(|(count, weight)| {
			let expected = weight / total * f64::from(rounds);
			(f64::from(*count) - expected).powi(2) / expected
		})
		.sum();
	// The 99.9 % point of four degrees of freedom.
	assert!(chi_square < 18.47, "chi-square {chi_square}");
}

#[test]
fn ties_go_to_the_lowest_id() {
	let greedy = SamplingParams::greedy(1);
	let token = choose(&[1.0, 3.0, 3.0], &History::default(), &greedy, &seed(0), 0);
	assert_eq!(token, Ok(1));
	let two_of_three = params(1.0, 1.0, 2);
	for step in 0..100 {
		let token = choose(
			&[5.0; 3],
			&History::default(),
			&two_of_three,
			&seed(0),
			step,
		);
		assert!(token.unwrap() < 2);
	}
}

#[test]
fn a_low_temperature_is_the_argmax() {
	let logits = logits(500, 20.0, 3);
	let greedy = SamplingParams::greedy(1);
	let cold = SamplingParams {
		temperature_micros: 1,
		..greedy.clone()
	};
	for step in 0..50 {
		let none = History::default();
		assert_eq!(
			choose(&logits, &none, &cold, &seed(5), step),
			choose(&logits, &none, &greedy, &seed(5), step),
		);
	}
}

#[test]
fn margins_grow_with_the_distance_and_end_at_the_mask() {
	let none = History::default();
	let tolerance = Tolerance::default();
	let greedy = SamplingParams::greedy(1);
	let logits = [0.0, 4.0, 1.5];
	let of = |params: &SamplingParams, token| {
		margin(&logits, &none, params, &seed(1), 0, token, &tolerance).unwrap()
	};
	assert_eq!(
		of(&greedy, 0),
		Margin {
			delta: 4.0,
			exact: false
		}
	);
	assert_eq!(of(&greedy, 2).delta, 2.5);
	assert_eq!(
		of(&greedy, 3).delta,
		f64::INFINITY,
		"outside the vocabulary"
	);
	assert_eq!(of(&params(1.0, 1.0, 2), 0).delta, f64::INFINITY);
	assert!(of(&params(1.0, 1.0, 2), 2).delta.is_finite());
	assert_eq!(of(&params(1.0, 0.5, 0), 2).delta, f64::INFINITY);
}

#[test]
fn slightly_different_logits_never_condemn_the_edge() {
	let tolerance = Tolerance::default();
	let cases = [(1.0, 1.0, 5), (1.0, 0.9, 0), (0.6, 0.95, 40), (1.5, 0.8, 0)];
	for (case, (temperature, top_p, top_k)) in (0..).zip(cases) {
		let params = params(temperature, top_p, top_k);
		for round in 0..500 {
			let mine = logits(300, 10.0, 1_000 * case + round);
			let yours: Vec<f32> = mine
				.iter()
				.zip(logits(300, 0.02, 7_000 + round))
				.map(|(logit, drift)| logit + drift)
				.collect();
			let none = History::default();
			let token = choose(&mine, &none, &params, &seed(round), 3).unwrap();
			let margin =
				margin(&yours, &none, &params, &seed(round), 3, token, &tolerance).unwrap();
			assert!(margin.delta < 0.05, "case {case} round {round}: {margin:?}");
		}
	}
}

#[test]
fn broken_logits_are_refused() {
	let greedy = SamplingParams::greedy(1);
	let none = History::default();
	let of = |logits: &[f32]| choose(logits, &none, &greedy, &seed(1), 0);
	assert_eq!(of(&[]), Err(BadLogits::Empty));
	assert_eq!(of(&[f32::NEG_INFINITY; 2]), Err(BadLogits::Empty));
	assert_eq!(of(&[1.0, f32::NAN]), Err(BadLogits::NotFinite(1)));
	assert_eq!(of(&[f32::INFINITY]), Err(BadLogits::NotFinite(0)));
	assert_eq!(of(&[f32::NEG_INFINITY, -3.0]), Ok(1));
}
